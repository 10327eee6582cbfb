"""Between the SDK's camel case and the AWS API's own shapes, guided by botocore's model of the API."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, Final

from botocore.model import ListShape, MapShape, Shape, StructureShape

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+[0-9]*")


def camel(name: str) -> str:
    """The SDK's spelling of an API name: `KMSMasterKeyID` becomes `kmsMasterKeyId`."""
    words = _WORDS.findall(name)
    return "".join(word.lower() if index == 0 else word.capitalize() for index, word in enumerate(words))


def from_aws(value: Any, names: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON of any shape
    """An API answer with the SDK's names; absent values, empty texts and times made plain.

    Args:
        value: what botocore gave.
        names: API names whose SDK name follows no rule.
    """
    names = names or {}
    if isinstance(value, dict):
        return {
            names.get(name, camel(name)): from_aws(item, names)
            for name, item in value.items()
            if item is not None and name != "ResponseMetadata"
        }
    if isinstance(value, list):
        return [from_aws(item, names) for item in value]
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def to_aws(value: Any, shape: Shape, names: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - as above
    """Properties in the form that an API operation takes.

    Members are matched without regard to case, because the SDK and the API disagree on acronyms.

    Args:
        value: properties by the SDK's names.
        shape: what the API takes at this place.
        names: SDK names whose API name follows no rule.

    Raises:
        ValueError: a property that the API has no member for.
    """
    names = names or {}
    if value is None:
        return None
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {member.lower(): member for member in shape.members}
        result = {}
        for name, item in value.items():
            if item is None:
                continue
            member = members.get(names.get(name, name).lower())
            if member is None:
                raise ValueError(
                    f"{name} is not a member of {shape.name}, which has: {', '.join(shape.members)}"
                )
            result[member] = to_aws(item, shape.members[member], names)
        return result
    if isinstance(shape, ListShape):
        items = value if isinstance(value, list) else [value]
        return [to_aws(item, shape.member, names) for item in items]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: to_aws(item, shape.value, names) for name, item in value.items() if item is not None}
    return _scalar(value, shape.type_name)


def _scalar(value: Any, kind: str) -> Any:  # noqa: ANN401 - one of a few scalar types
    if kind == "string" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if kind in {"integer", "long"} and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if kind in {"float", "double"} and isinstance(value, int):
        return float(value)
    if kind == "boolean" and value in {"true", "false"}:
        return value == "true"
    return value
