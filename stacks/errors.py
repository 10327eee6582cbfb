"""The error that whoever writes a stack's files is meant to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


class ConfigError(Exception):
    """What is wrong in a stack's files: value, limit, cause and remedy, one finding a line."""

    def __init__(self, source: str, findings: Iterable[str]) -> None:
        self.findings = tuple(findings)
        super().__init__(
            "\n".join([f"{source} is refused:", *(f"  - {finding}" for finding in self.findings)])
        )


def findings_of(error: ValidationError, prefix: str = "") -> list[str]:
    """Sentences for what a model refused.

    Args:
        error: as Pydantic raised it.
        prefix: what stands before every key, such as `plinth:`.
    """
    return [_sentence(detail, prefix) for detail in error.errors(include_url=False)]


def _sentence(detail: ErrorDetails, prefix: str) -> str:
    key = prefix + ".".join(str(part) for part in detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            return f"{key} is not a key that the program knows. Correct its spelling, or remove it."
        case "missing":
            return f"{key} is missing, and has no default. Add it."
        case "value_error":
            reason = detail["msg"].removeprefix("Value error, ")
            return f"{key}: {reason}" if detail["loc"] else reason
        case _:
            return f"{key} = {detail['input']!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}. Change it."
