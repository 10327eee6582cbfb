"""Reads a request's body, bounded and declared as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.serve.errors import BodyTooLargeError, MediaTypeError

if TYPE_CHECKING:
    from fastapi import Request

JSON = "application/json"


async def read_json(request: Request, limit: int) -> bytes:
    """The body, if it is declared as JSON and has at most `limit` bytes.

    Raises:
        MediaTypeError: it is declared as something else, or not at all.
        BodyTooLargeError: it is longer; no more than `limit` bytes of it were kept.
    """
    declared = request.headers.get("content-type", "")
    if declared != JSON and declared.partition(";")[0].strip().lower() != JSON:
        raise MediaTypeError(f"The content type is {declared[:100]!r}; send {JSON}.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return body


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"The body is longer than {limit} bytes.")
