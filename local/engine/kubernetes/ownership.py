"""Who set which field, as the API server records it in `metadata.managedFields`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.kubernetes.comparison import Path
    from local.engine.kubernetes.objects import Object

FIELD_MANAGER: Final = "plinth-pulumi"
"""Under which name everything is applied. One fixed name: the official provider takes one per resource, and a
resource that loses its state then can't take its own fields back."""

Fields: TypeAlias = dict[str, Any]
"""A set of fields in the server's own form (FieldsV1, sigs.k8s.io/structured-merge-diff): `f:` a name,
`k:` a list item by its keys, `v:` a member of a set, `.` the thing itself."""


def fields_of(live: Object, manager: str | None = None) -> Fields:
    """The fields that one manager applied, or that anybody set if none is named.

    Args:
        live: an object with its `managedFields`.
        manager: counts with what it applied itself; what others updated under its name does not count.
    """
    merged: Fields = {}
    for entry in (live.get("metadata") or {}).get("managedFields") or []:
        if entry.get("subresource"):
            continue
        if manager is None or (entry.get("manager") == manager and entry.get("operation") == "Apply"):
            _merge(merged, entry.get("fieldsV1") or {})
    return merged


def _merge(into: Fields, other: Mapping[str, Any]) -> None:
    for name, below in other.items():
        _merge(into.setdefault(name, {}), below or {})


def owns(fields: Fields, thing: Any, path: Path) -> bool:  # noqa: ANN401 - JSON of any shape
    """Whether a set of fields holds a path.

    Args:
        fields: from `fields_of`.
        thing: an object in which the path stands, to tell a list item's keys.
        path: steps from the root.
    """
    for step in path:
        if isinstance(step, int):
            if not isinstance(thing, list) or step >= len(thing):
                return False
            below = item_fields(fields, thing[step])
            if below is None:
                return not list_keys(fields)
            fields, thing = below, thing[step]
            continue
        if f"f:{step}" not in fields:
            return False
        fields = fields[f"f:{step}"]
        thing = thing.get(step) if isinstance(thing, dict) else None
        if not fields:
            return True
    return True


def list_keys(fields: Fields) -> bool:
    """Whether a list's items are owned one by one."""
    return any(name.startswith(("k:", "v:")) for name in fields)


def item_fields(fields: Fields, item: Any) -> Fields | None:  # noqa: ANN401 - JSON of any shape
    """The fields of a list's item; None if the list has no such item, or is owned as a whole."""
    for name, below in fields.items():
        prefix, text = name[:2], name[2:]
        if prefix == "v:" and json.loads(text) == item:
            return {}
        if prefix == "k:" and isinstance(item, dict) and is_item(json.loads(text), item):
            return dict(below or {})
    return None


def is_item(keys: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    """Whether an item has these keys; one that it leaves out is the server's default and fits."""
    stated = [key for key in keys if key in item]
    return bool(stated) and all(item[key] == keys[key] for key in stated)


def item_keys(fields: Fields) -> list[dict[str, Any]]:
    """The keys of each item of a list that is owned item by item."""
    return [json.loads(name[2:]) for name in fields if name.startswith("k:")]
