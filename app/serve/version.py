"""The API's own version: it changes with what callers see, not with the package."""

API_VERSION = "1.0.0"
