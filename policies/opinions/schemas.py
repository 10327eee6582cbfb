"""JSON schemas for kubeconform, made from the OpenAPI documents that the API server itself serves.

The schemas that kubeconform fetches by itself lag behind and know no custom resource of ours; the server's
own documents hold exactly what it accepts, the installed custom resources too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from policies.core.errors import PolicyInputError

if TYPE_CHECKING:
    from pathlib import Path

GROUP_VERSION_KIND: Final = "x-kubernetes-group-version-kind"
OPEN: Final = "x-kubernetes-preserve-unknown-fields"
REFERENCE: Final = "#/components/schemas/"
TEMPLATE: Final = "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json"
"""File name of a schema, as kubeconform's -schema-location spells it; it writes kinds in lower case."""
DROPPED: Final = frozenset({"default", "description", "example", "format", "nullable"})
"""What says nothing that a JSON schema could check."""
ALTERNATIVES: Final = ("allOf", "anyOf", "oneOf", "not")
QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def write(documents: Iterable[Mapping[str, Any]], folder: Path) -> int:
    """Write one schema for each kind that OpenAPI v3 documents describe, and return how many.

    Raises:
        PolicyInputError: they describe none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for document in documents:
        held = document.get("components", {}).get("schemas", {})
        for name, schema in held.items():
            for kind in schema.get(GROUP_VERSION_KIND, ()):
                target = folder / file_name(kind.get("group", ""), kind["version"], kind["kind"])
                target.write_text(json.dumps(_standalone(name, held)), encoding="utf-8")
                written += 1
    if not written:
        raise PolicyInputError(
            "The API server's OpenAPI documents describe no kind. Give the kubeconfig of a running cluster."
        )
    return written


def file_name(group: str, version: str, kind: str) -> str:
    """Name by which kubeconform asks for a schema; it calls the core group by its version."""
    return f"{group or version}_{version}_{kind.lower()}.json"


def _standalone(name: str, held: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with everything that it refers to."""
    needed, open_ends = {name}, [name]
    while open_ends:
        for other in _references(held[open_ends.pop()]):
            if other not in needed and other in held:
                needed.add(other)
                open_ends.append(other)
    definitions = {other: _strict(other, held[other]) for other in sorted(needed)}
    return {"$ref": f"#/definitions/{name}", "definitions": definitions}


def _references(schema: object) -> Iterable[str]:
    if isinstance(schema, Mapping):
        target = schema.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(REFERENCE)
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _strict(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    if name == QUANTITY:
        return {"type": ["string", "number"]}  # the document says string; the server takes numbers too
    converted = _converted(schema, is_alternative=False)
    return converted if isinstance(converted, dict) else {}


def _converted(schema: object, *, is_alternative: bool) -> object:
    """A part of an OpenAPI schema as JSON schema that refuses unknown fields.

    Only the main line of a schema may refuse them: an alternative names a few fields of the whole.
    """
    if isinstance(schema, list):
        return [_converted(inner, is_alternative=is_alternative) for inner in schema]
    if not isinstance(schema, Mapping):
        return schema
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return {"type": ["string", "integer"]}
    held = {
        key: _keyword(key, value, schema, is_alternative=is_alternative)
        for key, value in schema.items()
        if key not in DROPPED and not key.startswith("x-kubernetes-")
    }
    if schema.get("nullable") and isinstance(held.get("type"), str):
        held["type"] = [held["type"], "null"]
    if not is_alternative and "properties" in held and not schema.get(OPEN):
        held.setdefault("additionalProperties", False)
    return held


def _keyword(key: str, value: Any, schema: Mapping[str, Any], *, is_alternative: bool) -> object:  # noqa: ANN401 - JSON
    if key == "$ref":
        return "#/definitions/" + str(value).removeprefix(REFERENCE)
    if key == "properties":
        required = schema.get("required", ())
        return {
            name: _or_null(_converted(inner, is_alternative=is_alternative), needed=name in required)
            for name, inner in value.items()
        }
    if key in {"enum", "required"}:
        return value
    return _converted(value, is_alternative=is_alternative or key in ALTERNATIVES)


def _or_null(schema: object, *, needed: bool) -> object:
    """The schema, which where it isn't needed takes null for absent, as the server does."""
    return schema if needed else {"anyOf": [schema, {"type": "null"}]}
