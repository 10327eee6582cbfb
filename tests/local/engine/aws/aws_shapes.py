"""Whether outputs have the names and shapes that the installed SDK expects of a type."""

from __future__ import annotations

import importlib
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pulumi import _types

from local.engine.aws import sdk
from local.engine.values import reveal

UNPROMISED = {
    ("aws:s3/bucket:Bucket", "websiteDomain"),  # AWS has it for buckets that are websites only
    ("aws:s3/bucket:Bucket", "websiteEndpoint"),
}


def problems(token: str, outputs: Mapping[str, Any]) -> list[str]:
    """Outputs of a wrong name or shape, and promised plain ones that are missing."""
    described = sdk.describe(token)
    assert described is not None, token
    found = [f"{name}: the SDK has no such output" for name in outputs if name not in described.outputs]
    types = _types.resource_types(_class(token))
    outputs = reveal(dict(outputs))
    for name, value in outputs.items():
        if name in types:
            found += _shape(name, value, types[name])
    promised = {
        name
        for name, kind in described.required_outputs.items()
        if kind.startswith(("str", "bool", "int", "Mapping")) and name not in described.inputs
    }
    missing = {name for name in promised - outputs.keys() if (token, name) not in UNPROMISED}
    return found + [f"{name}: promised and missing" for name in sorted(missing)]


def _class(token: str) -> type:
    _, module, name = token.split(":")
    found: type = getattr(importlib.import_module(f"pulumi_aws.{module.partition('/')[0]}"), name)
    return found


def _shape(path: str, value: Any, kind: Any) -> list[str]:  # noqa: C901, PLR0911 - a line for each kind of type
    if value is None:
        return []
    kind = _types.unwrap_type(kind)
    origin = typing.get_origin(kind)
    if origin is typing.Union or str(origin) == "<class 'types.UnionType'>":
        members = [member for member in typing.get_args(kind) if member is not type(None)]
        tried = [_shape(path, value, member) for member in members]
        return min(tried, key=len) if tried else []
    if origin in {list, Sequence}:
        if not isinstance(value, list):
            return [f"{path}: a list is expected, not {value!r}"]
        (item,) = typing.get_args(kind)
        return [found for index, one in enumerate(value) for found in _shape(f"{path}[{index}]", one, item)]
    if origin in {dict, Mapping}:
        if not isinstance(value, dict):
            return [f"{path}: a mapping is expected, not {value!r}"]
        return [
            found
            for name, one in value.items()
            for found in _shape(f"{path}.{name}", one, typing.get_args(kind)[1])
        ]
    if isinstance(kind, type) and _types.is_output_type(kind):
        if not isinstance(value, dict):
            return [f"{path}: an object is expected, not {value!r}"]
        names = {pulumi: python for python, pulumi in _names(kind).items()}
        types = _types.output_type_types(kind)
        found = []
        for name, one in value.items():
            if name not in names:
                found.append(f"{path}.{name}: the SDK has no such member; it has {sorted(names)}")
            else:
                found += _shape(f"{path}.{name}", one, types.get(name, types.get(names[name], Any)))
        return found
    if (
        kind in {str, bool, int, float}
        and not isinstance(value, kind)
        and not (kind is float and isinstance(value, int))
    ):
        return [f"{path}: {kind.__name__} is expected, not {value!r}"]
    return []


def _names(kind: type) -> dict[str, str]:
    return dict(
        _types._py_properties(kind) and {python: pulumi for python, pulumi, _ in _types._py_properties(kind)}
    )
