"""Serving: a verified ONNX artifact behind a typed API. Imports no training library."""
