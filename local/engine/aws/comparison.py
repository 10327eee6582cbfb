"""What differs between two sets of inputs of one type, by meaning rather than by spelling."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.documents import canonical
from local.engine.provider import Change, ChangeKind, Diff
from local.engine.values import UNKNOWN, Asset, has_unknown, reveal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.engine.aws.resource_type import ResourceType
    from local.engine.values import Properties

DEFAULTS_KEY: Final = "__defaults"
"""Names of the inputs that were filled in rather than given; kept as the official provider keeps it."""

HIDDEN: Final = frozenset({DEFAULTS_KEY, "tagsAll"})


def meaning(kind: ResourceType, name: str, value: Any) -> Any:  # noqa: ANN401 - property values are of any type
    """A form of a property that is equal whenever AWS would make the same of it; None if it says nothing."""
    value = reveal(value)
    if has_unknown(value):
        return UNKNOWN
    if isinstance(value, Asset):
        return value.hash or value.text or value.path or value.uri
    if name in kind.documents:
        return canonical(value) if value not in ("", None) else None
    if name in kind.unordered and isinstance(value, list):
        value = sorted((_plain(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    value = _plain(value)
    if value in ("", [], {}) or value == kind.defaults.get(name):
        return None
    return value


def _plain(value: Any) -> Any:  # noqa: ANN401 - property values are of any type
    """Without members that say nothing: null, empty lists and mappings."""
    if isinstance(value, dict):
        plain = {name: _plain(item) for name, item in value.items()}
        return {
            name: item for name, item in sorted(plain.items()) if item is not None and item not in ([], {})
        }
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def same(kind: ResourceType, name: str, one: object, other: object) -> bool:
    """Whether two values of a property mean the same."""
    return bool(meaning(kind, name, one) == meaning(kind, name, other))


def matches(kind: ResourceType, name: str, asked: object, actual: object) -> bool:
    """Whether what exists is what was asked for; nested members that AWS fills in on its own don't count."""
    one, other = meaning(kind, name, asked), meaning(kind, name, actual)
    return one == other or _covers(one, other, ordered=name not in kind.unordered, adds=_added(kind, name))


def _covers(asked: Any, actual: Any, *, ordered: bool, adds: frozenset[str]) -> bool:  # noqa: ANN401 - values of any type
    if isinstance(asked, dict) and isinstance(actual, dict):
        more = actual.keys() - asked.keys() - adds
        return all(
            _covers(asked[name], actual.get(name), ordered=True, adds=adds) for name in asked
        ) and not any(actual[name] for name in more)
    if isinstance(asked, list) and isinstance(actual, list):
        if len(asked) != len(actual):
            return False
        if ordered:
            return all(_covers(*pair, ordered=True, adds=adds) for pair in zip(asked, actual, strict=True))
        left = list(actual)
        for item in asked:
            found = next((other for other in left if _covers(item, other, ordered=True, adds=adds)), None)
            if found is None:
                return False
            left.remove(found)
        return True
    return bool(asked == actual)


def _added(kind: ResourceType, name: str) -> frozenset[str]:
    return kind.adds.get(name, frozenset())


def with_added(kind: ResourceType, name: str, asked: Any, actual: Any) -> Any:  # noqa: ANN401 - values of any type
    """An object as it was asked for, with what AWS adds to it."""
    if isinstance(asked, dict) and isinstance(actual, dict):
        return {**{member: actual[member] for member in _added(kind, name) & actual.keys()}, **asked}
    return asked


def without_added(kind: ResourceType, name: str, value: Any) -> Any:  # noqa: ANN401 - values of any type
    """An object as a program would declare it."""
    if isinstance(value, dict):
        return {member: item for member, item in value.items() if member not in _added(kind, name)}
    return value


def changed(kind: ResourceType, old: Properties, new: Properties, computed: Iterable[str]) -> list[str]:
    """Properties that differ; one that is no longer given keeps its value if AWS would choose one."""
    kept = set(computed)
    return [
        name
        for name in sorted(old.keys() | new.keys())
        if name not in HIDDEN
        and not (name in kept and new.get(name) is None)
        and (
            meaning(kind, name, new.get(name)) is UNKNOWN
            or not same(kind, name, old.get(name), new.get(name))
        )
    ]


def undone(kind: ResourceType, inputs: Properties, outputs: Properties, computed: Iterable[str]) -> set[str]:
    """Properties that the last outputs don't show as they were asked for: what a failure half-way left.

    The engine keeps the inputs of a failed creation or update as if all of them had been brought about.
    """
    chosen = set(computed)
    found = set()
    for name in {name for part in kind.parts for name in part.properties}:
        asked, actual = inputs.get(name), outputs.get(name)
        if asked is None:
            left = name not in chosen and meaning(kind, name, actual) is not None
        else:
            left = not matches(kind, name, asked, actual)
        if left:
            found.add(name)
    return found


def difference(kind: ResourceType, old: Properties, new: Properties, computed: Iterable[str]) -> Diff:
    """Each change by its path, with whether it needs a new resource and whether the old one must go first."""
    names = changed(kind, old, new, computed)
    detailed: dict[str, Change] = {}
    for name in names:
        replaces = name in kind.replaces
        one, other = reveal(old.get(name)), reveal(new.get(name))
        if name in kind.documents or name in kind.unordered:
            detailed[name] = Change(_kind_of(one, other), replaces)
        else:
            for path, change in _paths(name, _plain(one), _plain(other)):
                detailed[path] = Change(change, replaces)
            if not any(path.startswith(name) for path in detailed):
                detailed[name] = Change(_kind_of(one, other), replaces)
    if not names and (tags := _tag_changes(kind, old, new)):
        detailed.update(tags)
    named = kind.name is not None and (
        kind.name not in names
        and kind.name not in new.get(DEFAULTS_KEY, ())
        and new.get(kind.name) is not None
    )
    replacing = any(change.replaces for change in detailed.values())
    return Diff(detailed, delete_before_replace=replacing and (kind.singleton or named))


def _tag_changes(kind: ResourceType, old: Properties, new: Properties) -> dict[str, Change]:
    """Tags that the provider's configuration adds change without the resource's own."""
    if kind.tagging is None or reveal(old.get("tagsAll", {})) == reveal(new.get("tagsAll", {})):
        return {}
    one, other = (reveal(properties.get("tagsAll")) or {} for properties in (old, new))
    return {path: Change(change) for path, change in _paths("tagsAll", one, other)}


def _kind_of(old: object, new: object) -> ChangeKind:
    if old is None:
        return ChangeKind.ADD
    return ChangeKind.DELETE if new is None else ChangeKind.UPDATE


def _paths(path: str, old: Any, new: Any) -> list[tuple[str, ChangeKind]]:  # noqa: ANN401 - values of any type
    """The deepest places at which two values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = sorted(old.keys() | new.keys())
        return [
            found for name in names for found in _paths(_member(path, name), old.get(name), new.get(name))
        ]
    if isinstance(old, list) and isinstance(new, list):
        length = max(len(old), len(new))
        pad = [*old, *[None] * (length - len(old))], [*new, *[None] * (length - len(new))]
        return [found for i in range(length) for found in _paths(f"{path}[{i}]", pad[0][i], pad[1][i])]
    if old == new and new is not UNKNOWN:
        return []
    return [(path, _kind_of(old, new))]


def _member(path: str, name: str) -> str:
    return f"{path}.{name}" if name.isidentifier() else f'{path}["{name}"]'
