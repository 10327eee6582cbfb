"""What kind of call a request is: does it change something, and may it wait for long?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping

READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

READING_PREFIXES = (
    "BatchGet",
    "Decrypt",
    "Describe",
    "Encrypt",
    "Estimate",
    "GenerateDataKey",
    "GenerateMac",
    "GenerateRandom",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Query",
    "ReEncrypt",
    "Scan",
    "Search",
    "Sign",
    "Verify",
)
"""Names of operations that leave no trace in the emulator. A name that is missing here costs a needless
snapshot; a name too many would lose data, so the list stays short."""

ISSUING_OPERATIONS = frozenset({"GetSessionToken", "GetFederationToken"})
"""Operations that read like reading but leave credentials behind."""

WAITING_OPERATIONS = frozenset({"ReceiveMessage"})
"""Operations that may hold their connection for up to 20 s (SQS long polling)."""

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Call:
    """One request, as far as the emulator's memory is concerned.

    Attributes:
        operation: the AWS operation, or the HTTP method where the protocol names it by path only.
        changes: whether it may change what the emulator remembers.
        waits: whether it may block for seconds, so that nothing else must wait behind it.
    """

    operation: str
    changes: bool
    waits: bool

    @classmethod
    def of(cls, environ: Mapping[str, Any], body: bytes) -> Call:
        """Classify a request from its WSGI environment and its body."""
        method = str(environ.get("REQUEST_METHOD", "GET"))
        operation = _operation(environ, body)
        if operation is None:
            return cls(method, changes=method not in READING_METHODS, waits=False)
        return cls(operation, changes=not only_reads(operation), waits=operation in WAITING_OPERATIONS)


def only_reads(operation: str) -> bool:
    """Whether an operation of AWS leaves no trace, by its name."""
    return operation.startswith(READING_PREFIXES) and operation not in ISSUING_OPERATIONS


def _operation(environ: Mapping[str, Any], body: bytes) -> str | None:
    """Name of the operation in the JSON protocols (a header) and the query protocol (a form field)."""
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return str(target).rsplit(".", 1)[-1]
    query = str(environ.get("QUERY_STRING", ""))
    if "Action=" in query:
        return parse_qs(query).get("Action", [None])[0]
    if str(environ.get("CONTENT_TYPE", "")).startswith(FORM) and b"Action=" in body:
        return parse_qs(body.decode("utf-8", "replace")).get("Action", [None])[0]
    return None
