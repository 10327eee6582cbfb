"""The one base of every error that the application raises on purpose."""

from __future__ import annotations


class AppError(Exception):
    """Says what went wrong with the value, the limit, the cause and the remedy in its text.

    Commands print it without a traceback and exit with status 1; the API's one handler turns it into
    problem details (RFC 9457).
    """
