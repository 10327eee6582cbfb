"""The one error that a person at the keyboard is meant to read."""

from __future__ import annotations


class LocalError(Exception):
    """What went wrong, with the value, the limit, the cause and the remedy in its text.

    The command line prints it without a traceback and exits with status 1.
    """
