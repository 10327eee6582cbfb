"""Which properties differ between two objects, by path."""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

from local.engine.provider import ChangeKind

Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]

_PLAIN: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_STEP: Final = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|\.?([^.\[\]]+)')


def show(path: Path) -> str:
    """A path as the engine writes it: `spec.containers[0].image`, `metadata.labels["example.com/part"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.fullmatch(step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def parse(text: str) -> tuple[Step, ...]:
    """The steps of a written path; `*` stays a step of its own."""
    steps: list[Step] = []
    for quoted, index, plain in _STEP.findall(text):
        if index:
            steps.append(index if index == "*" else int(index))
        else:
            steps.append(plain or quoted.replace('\\"', '"').replace("\\\\", "\\"))
    return tuple(steps)


def covers(pattern: Path, path: Path) -> bool:
    """Whether a path lies at or under a pattern, in which `*` stands for any step."""
    return len(pattern) <= len(path) and all(
        wanted in ("*", step) for wanted, step in zip(pattern, path, strict=False)
    )


def touches(pattern: Path, path: Path) -> bool:
    """Whether a change at a path changes what a pattern names: it lies under it, or holds it."""
    length = min(len(pattern), len(path))
    return all(wanted in ("*", step) for wanted, step in zip(pattern[:length], path[:length], strict=True))


def changes(old: Any, new: Any, path: Path = ()) -> dict[Path, ChangeKind]:  # noqa: ANN401 - JSON of any shape
    """Every property that comes, goes or becomes another; null is the same as absent.

    What is wholly new or gone is one change at its own path. List items are told apart by their place.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        found: dict[Path, ChangeKind] = {}
        for name in sorted(old.keys() | new.keys()):
            found.update(changes(old.get(name), new.get(name), (*path, name)))
        return found
    if isinstance(old, list) and isinstance(new, list):
        found = {}
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            after = new[index] if index < len(new) else None
            found.update(changes(before, after, (*path, index)))
        return found
    if _same(old, new):
        return {}
    if old is None:
        return {path: ChangeKind.ADD}
    if new is None:
        return {path: ChangeKind.DELETE}
    return {path: ChangeKind.UPDATE}


def _same(old: Any, new: Any) -> bool:  # noqa: ANN401 - JSON of any shape
    # True equals 1 in Python, and does not in JSON.
    return bool(old == new) and (type(old) is type(new) or _numbers(old, new))


def _numbers(old: Any, new: Any) -> bool:  # noqa: ANN401 - JSON of any shape
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (old, new))


def lookup(value: Any, path: Path) -> Any:  # noqa: ANN401 - JSON of any shape
    """What stands at a path, None if nothing does."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value
