"""Kubernetes objects as plain dictionaries: what is asked, what is kept, what is hidden."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from local.engine.values import UNKNOWN, Properties, Secret, reveal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Object = dict[str, Any]

URN_ANNOTATION: Final = "plinth.dev/urn"
"""Which resource an object belongs to; put there with the object itself, so that a create that was killed
before its answer came is found again. Hidden from outputs and diffs."""

LAST_APPLIED_ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"
SKIP_AWAIT_ANNOTATION: Final = "pulumi.com/skipAwait"
TIMEOUT_ANNOTATION: Final = "pulumi.com/timeoutSeconds"
PATCH_FORCE_ANNOTATION: Final = "pulumi.com/patchForce"
DELETION_ANNOTATION: Final = "pulumi.com/deletionPropagationPolicy"
WAIT_FOR_ANNOTATION: Final = "pulumi.com/waitFor"
REPLACE_UNREADY_ANNOTATION: Final = "pulumi.com/replaceUnready"
AUTONAMED_ANNOTATION: Final = "pulumi.com/autonamed"

_SDK_NAMES: Final = {"_ref": "$ref", "_schema": "$schema"}
"""A CRD's schema has keys that no SDK can name; SDKs spell them so, and `x-kubernetes-` with underscores."""


def notes_of(thing: Mapping[str, Any]) -> Mapping[str, Any]:
    """The annotations of an object, empty if there are none."""
    found = (thing.get("metadata") or {}).get("annotations")
    return found if isinstance(found, dict) else {}


def is_true(thing: Mapping[str, Any], annotation: str) -> bool:
    """Whether an annotation says yes."""
    return str(notes_of(thing).get(annotation, "")).lower() == "true"


def name_of(thing: Mapping[str, Any]) -> str:
    """The object's name, empty if unknown."""
    name = (thing.get("metadata") or {}).get("name")
    return name if isinstance(name, str) else ""


def namespace_of(thing: Mapping[str, Any]) -> str:
    """The object's namespace, empty if it has none."""
    namespace = (thing.get("metadata") or {}).get("namespace")
    return namespace if isinstance(namespace, str) else ""


def describe(thing: Mapping[str, Any]) -> str:
    """Which object it is, for a person: `Deployment plinth/serving`."""
    namespace = namespace_of(thing)
    return f"{thing.get('kind')} {namespace + '/' if namespace else ''}{name_of(thing)}"


def manifest(inputs: Properties) -> Object:
    """What is sent to the API server for these inputs: secrets open, nulls and status left out."""
    plain: Object = _without_nulls(reveal(inputs))
    plain.pop("status", None)
    if plain.get("kind") == "CustomResourceDefinition":
        plain = _respell(plain, _to_server)
    return plain


def tagged(thing: Object, urn: str) -> Object:
    """A copy that says which resource it belongs to."""
    copied = copy.deepcopy(thing)
    metadata = copied.setdefault("metadata", {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), URN_ANNOTATION: urn}
    return copied


def outputs_of(live: Object) -> Properties:
    """What the engine keeps of a live object: bookkeeping left out, a Secret's content marked."""
    outputs = copy.deepcopy(live)
    metadata = outputs.get("metadata") or {}
    metadata.pop("managedFields", None)
    noted = metadata.get("annotations") or {}
    noted.pop(URN_ANNOTATION, None)
    if not noted:
        metadata.pop("annotations", None)
    if outputs.get("kind") == "CustomResourceDefinition":
        outputs = _respell(outputs, _to_sdk)
    return mark_secrets(outputs)


def inputs_of(declared: Object) -> Properties:
    """A declaration as the engine keeps it."""
    respelled = (
        _respell(declared, _to_sdk) if declared.get("kind") == "CustomResourceDefinition" else declared
    )
    return mark_secrets(respelled)


def mark_secrets(properties: Properties) -> Properties:
    """The same properties with the content of a Secret marked."""
    if properties.get("kind") != "Secret":
        return properties
    marked = dict(properties)
    for name in ("data", "stringData"):
        value = marked.get(name)
        if value is not None and value is not UNKNOWN and not isinstance(value, Secret):
            marked[name] = Secret(reveal(value))
    return marked


def comparable(live: Object) -> Object:
    """A live object without what changes on every write, to see whether two are the same."""
    stripped = copy.deepcopy(live)
    metadata = stripped.get("metadata") or {}
    for name in ("managedFields", "resourceVersion", "generation"):
        metadata.pop(name, None)
    (metadata.get("annotations") or {}).pop(URN_ANNOTATION, None)
    if not metadata.get("annotations"):
        metadata.pop("annotations", None)
    stripped.pop("status", None)
    return stripped


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _to_server(name: str) -> str:
    if name.startswith("x_kubernetes_"):
        return name.replace("_", "-")
    return _SDK_NAMES.get(name, name)


def _to_sdk(name: str) -> str:
    if name.startswith("x-kubernetes-"):
        return name.replace("-", "_")
    return {server: sdk for sdk, server in _SDK_NAMES.items()}.get(name, name)


def _respell(value: Any, spell: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, dict):
        return {spell(name): _respell(item, spell) for name, item in value.items()}
    if isinstance(value, list):
        return [_respell(item, spell) for item in value]
    return value
