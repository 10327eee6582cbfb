"""A resource's properties, read so that what is unknown or malformed can never look like what is right."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

FOUND_LENGTH: Final = 160
"""Longest value that a finding prints, in characters."""


class _Unknown:
    """A value that the engine will only know after the update."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = _Unknown()


class UndecidedError(Exception):
    """A check reached a value that it can't read, so it can neither pass nor fail.

    Attributes:
        path: property that could not be read.
        reason: why, in words for the report.
    """

    def __init__(self, path: str, reason: str = "unknown until the update") -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class MalformedError(Exception):
    """A value has a type or a form that the property can't have; it counts as a violation.

    Attributes:
        path: property that is malformed.
        found: the value, shortened.
    """

    def __init__(self, path: str, found: object, expected: str) -> None:
        super().__init__(f"{path}: expected {expected}, found {show(found)}")
        self.path = path
        self.found = f"{show(found)} (expected {expected})"


def show(value: object) -> str:
    """A value as a finding prints it: JSON, shortened, `absent` for a missing one."""
    if value is None:
        return "absent"
    try:
        text = json.dumps(value, default=repr, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= FOUND_LENGTH else text[: FOUND_LENGTH - 1] + "…"


@dataclass(frozen=True)
class View:
    """One value inside a resource, with the path it was reached by.

    Missing values read as None or as empty; unknown ones raise `UndecidedError`; a wrong type raises
    `MalformedError`. A check therefore needs no defence of its own.
    """

    value: object
    path: str = ""

    def at(self, *keys: str) -> View:
        """The value under nested keys; a view of None where any of them is missing."""
        view = self
        for key in keys:
            view = View(view.mapping().get(key), f"{view.path}.{key}" if view.path else key)
        return view

    def known(self) -> object:
        """The value itself, whatever its type, or `UndecidedError` if it is unknown."""
        if self.value is UNKNOWN:
            raise UndecidedError(self.path)
        return self.value

    def whole(self) -> object:
        """The value with everything inside it, or `UndecidedError` if any part of it is unknown."""
        self._require_known(self.value, self.path)
        return self.value

    def mapping(self) -> Mapping[str, object]:
        """The value as an object; empty where it is missing."""
        value = self.known()
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise MalformedError(self.path, value, "an object")
        return value

    def text(self) -> str | None:
        """The value as a string; None where it is missing."""
        value = self.known()
        if value is not None and not isinstance(value, str):
            raise MalformedError(self.path, value, "a string")
        return value

    def flag(self) -> bool | None:
        """The value as true or false; None where it is missing."""
        value = self.known()
        if value is not None and not isinstance(value, bool):
            raise MalformedError(self.path, value, "true or false")
        return value

    def number(self) -> float | None:
        """The value as a number; None where it is missing. True and false are no numbers."""
        value = self.known()
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise MalformedError(self.path, value, "a number")
        return value

    def items(self) -> list[View]:
        """The elements of a list; none where it is missing."""
        value = self.known()
        if value is None:
            return []
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise MalformedError(self.path, value, "a list")
        return [View(element, f"{self.path}[{index}]") for index, element in enumerate(value)]

    def texts(self) -> list[str]:
        """The elements of a list of strings."""
        texts: list[str] = []
        for item in self.items():
            text = item.text()
            if text is None:
                raise MalformedError(item.path, None, "a string")
            texts.append(text)
        return texts

    def entries(self) -> Iterator[tuple[str, View]]:
        """Keys and values of an object."""
        for key in self.mapping():
            if not isinstance(key, str):
                raise MalformedError(self.path, key, "a string for a key")
            yield key, self.at(key)

    def present(self) -> bool:
        """Whether there is a value, known or not."""
        return self.value is not None

    def _require_known(self, value: object, path: str) -> None:
        if value is UNKNOWN:
            raise UndecidedError(path)
        if isinstance(value, Mapping):
            for key, inner in value.items():
                self._require_known(inner, f"{path}.{key}")
        elif isinstance(value, list | tuple):
            for index, inner in enumerate(value):
                self._require_known(inner, f"{path}[{index}]")
