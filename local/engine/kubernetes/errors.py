"""How the API server says no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
_CONFLICT: Final = 409
_UNPROCESSABLE: Final = 422


class UnreachableError(ProviderError):
    """The API server doesn't answer."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that the API server objects to."""

    field: str
    message: str
    reason: str = ""


class ApiError(ProviderError):
    """The API server said no.

    Attributes:
        code: the HTTP status.
        reason: the API's word for it, such as `NotFound`, `Conflict`, `Invalid`.
        causes: what it objects to, by field.
        details: which object it is about.
    """

    def __init__(self, code: int, status: Mapping[str, Any]) -> None:
        super().__init__(str(status.get("message") or f"HTTP status {code}"))
        self.code = code
        self.reason = str(status.get("reason") or "")
        self.details: Mapping[str, Any] = status.get("details") or {}
        self.causes = [
            Cause(str(cause.get("field", "")), str(cause.get("message", "")), str(cause.get("reason", "")))
            for cause in self.details.get("causes") or []
        ]

    @property
    def is_absence(self) -> bool:
        """Whether what was asked for, or what it would be in, doesn't exist."""
        return self.code == _NOT_FOUND

    @property
    def is_missing_namespace(self) -> bool:
        """Whether the namespace doesn't exist."""
        return self.is_absence and self.details.get("kind") == "namespaces"

    @property
    def is_conflict(self) -> bool:
        """Whether somebody else set a field that is asked for."""
        return self.code == _CONFLICT

    @property
    def is_invalid(self) -> bool:
        """Whether the object was understood and can't be."""
        return self.code == _UNPROCESSABLE

    @property
    def will_pass(self) -> bool:
        """Whether what is missing may be on its way: a namespace, a webhook's server, a service account."""
        text = str(self)
        return (
            self.is_absence
            or "failed calling webhook" in text
            or (self.code == _FORBIDDEN and ("being terminated" in text or "no API token found" in text))
            or (self.code == _FORBIDDEN and "serviceaccount" in text and "not found" in text)
        )


class UnknownKindError(ProviderError):
    """The API server doesn't serve this kind, or not yet."""
