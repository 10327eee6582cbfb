"""What became of what was declared: the live values of declared fields, and of no others."""

from __future__ import annotations

import base64
import binascii
import copy
from typing import TYPE_CHECKING, Any, Final

from local.engine.kubernetes import ownership
from local.engine.kubernetes.objects import LAST_APPLIED_ANNOTATION, URN_ANNOTATION

if TYPE_CHECKING:
    from local.engine.kubernetes.objects import Object
    from local.engine.kubernetes.ownership import Fields

_ABSENT: Final = object()

SYSTEM_ANNOTATIONS: Final = (
    URN_ANNOTATION,
    LAST_APPLIED_ANNOTATION,
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/",
)
"""Annotations that controllers and tools write; nobody declares them."""

SERVER_FIELDS: Final = {
    "Service": (("spec", "clusterIP"), ("spec", "clusterIPs")),
    "Namespace": (("spec",),),
    "PersistentVolumeClaim": (("spec", "volumeName"),),
    "Pod": (("spec", "nodeName"),),
    "Job": (("spec", "selector"), ("spec", "template", "metadata", "labels")),
    "ServiceAccount": (("secrets",),),
}
"""Fields that the server fills in by itself, so that an import doesn't declare them."""


def declared_as_live(declared: Object, live: Object, expected: Object | None) -> Object:
    """The declared object with the values that its fields have now.

    A field whose live value is what the server would make of the declared one keeps the declared spelling
    (`1000m` stays, though the server says `1`). A declared field that is gone is left out. List items are
    found by their keys; what others added to lists and maps is not shown, because it is theirs.

    Args:
        declared: what was last asked.
        live: what exists, with its `managedFields`.
        expected: what the server would make of the declared object now (a dry run); None if it couldn't say.
    """
    fields = ownership.fields_of(live)
    found = _observe(declared, live, declared if expected is None else expected, fields)
    result: Object = found if isinstance(found, dict) else {}
    if declared.get("kind") == "Secret" and "stringData" in declared:
        result["stringData"] = _string_data(declared["stringData"], live.get("data") or {})
    return result


def _observe(declared: Any, live: Any, expected: Any, fields: Fields) -> Any:  # noqa: ANN401 - JSON of any shape
    if live == expected:
        return copy.deepcopy(declared)
    if isinstance(declared, dict) and isinstance(live, dict):
        wanted = expected if isinstance(expected, dict) else {}
        return _observe_mapping(declared, live, wanted, fields)
    if isinstance(declared, list) and isinstance(live, list):
        wanted_list = expected if isinstance(expected, list) else []
        return _observe_list(declared, live, wanted_list, fields)
    return copy.deepcopy(live)


def _observe_mapping(declared: Object, live: Object, expected: Object, fields: Fields) -> Object:
    found: Object = {}
    for name, value in declared.items():
        now, then = live.get(name, _ABSENT), expected.get(name, _ABSENT)
        if now is _ABSENT:
            if then is _ABSENT:
                found[name] = copy.deepcopy(value)  # write-only: the server never shows it
            continue
        found[name] = _observe(value, now, then, fields.get(f"f:{name}") or {})
    return found


def _observe_list(declared: list[Any], live: list[Any], expected: list[Any], fields: Fields) -> list[Any]:
    keys = ownership.item_keys(fields)
    if keys:
        return _observe_items(declared, live, expected, fields, keys)
    if ownership.list_keys(fields):
        return [value for value in declared if value in live]
    if len(live) == len(declared) == len(expected):
        return [
            _observe(value, now, then, {}) for value, now, then in zip(declared, live, expected, strict=True)
        ]
    return copy.deepcopy(live)


def _observe_items(
    declared: list[Any], live: list[Any], expected: list[Any], fields: Fields, keys: list[dict[str, Any]]
) -> list[Any]:
    found = []
    for value in declared:
        key = next((key for key in keys if isinstance(value, dict) and ownership.is_item(key, value)), None)
        now = _item(live, key)
        if now is _ABSENT:
            continue
        found.append(_observe(value, now, _item(expected, key), ownership.item_fields(fields, value) or {}))
    return found


def _item(items: list[Any], key: dict[str, Any] | None) -> Any:  # noqa: ANN401 - JSON of any shape
    if key is not None:
        for item in items:
            if isinstance(item, dict) and ownership.is_item(key, item):
                return item
    return _ABSENT


def _string_data(declared: Object, data: Object) -> Object:
    found: Object = {}
    for name, value in declared.items():
        encoded = data.get(name)
        if encoded is None:
            continue
        try:
            found[name] = base64.b64decode(encoded).decode()
        except (binascii.Error, UnicodeDecodeError):
            found[name] = encoded
        if found[name] == str(value):
            found[name] = value
    return found


def imported(live: Object) -> Object:
    """What would have to be declared to get a live object; nothing that the server fills in by itself."""
    inputs = copy.deepcopy(live)
    inputs.pop("status", None)
    metadata = inputs.get("metadata") or {}
    kept = {
        name: metadata[name] for name in ("name", "namespace", "labels", "annotations") if metadata.get(name)
    }
    if "annotations" in kept:
        kept["annotations"] = {
            name: value
            for name, value in kept["annotations"].items()
            if not name.startswith(SYSTEM_ANNOTATIONS)
        }
        if not kept["annotations"]:
            del kept["annotations"]
    if kept.get("labels") == {"kubernetes.io/metadata.name": kept.get("name")}:
        del kept["labels"]
    inputs["metadata"] = kept
    for path in SERVER_FIELDS.get(str(live.get("kind")), ()):
        _remove(inputs, path)
    return inputs


def _remove(thing: Object, path: tuple[str, ...]) -> None:
    for name in path[:-1]:
        below = thing.get(name)
        if not isinstance(below, dict):
            return
        thing = below
    thing.pop(path[-1], None)
