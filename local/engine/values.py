"""The engine's property values as plain Python, and back.

Numbers, strings, lists and mappings are themselves; what the engine marks is one of the small types below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from google.protobuf import struct_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# The engine's wire format (sdk/go/common/resource in github.com/pulumi/pulumi).
SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a tag of the wire format
ASSET_SIGNATURE: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE_SIGNATURE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
RESOURCE_SIGNATURE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWN_MARKS: Final = frozenset(
    {
        UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


class Unknown:
    """A value that is known only once something else has been created; seen in previews."""

    _only: Unknown | None = None

    def __new__(cls) -> Unknown:  # noqa: PYI034 - there is one instance, and it is not subclassed
        """Give the one instance, so that `is UNKNOWN` works."""
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, _memo: object) -> Unknown:
        return self


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that the engine keeps encrypted; its text never shows it."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(...)"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, a text or an address whose content a resource takes; exactly one of the three is given."""

    path: str | None = None
    text: str | None = None
    uri: str | None = None
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder, an address or named assets; exactly one of the three is given."""

    path: str | None = None
    uri: str | None = None
    assets: Any = None
    hash: str | None = None


Properties: TypeAlias = dict[str, Any]
"""One resource's inputs or outputs, by the SDK's camel-case names."""


def decode(struct: struct_pb2.Struct) -> Properties:
    """The properties of a message; absent and null ones are left out at the top level."""
    values = {name: _decode(value) for name, value in struct.fields.items()}
    return {name: value for name, value in values.items() if value is not None}


def _decode(value: struct_pb2.Value) -> Any:  # noqa: ANN401, PLR0911 - any type, one line for each
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in UNKNOWN_MARKS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_decode(item) for item in value.list_value.values]
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE_KEY in fields:
            return _decode_marked(fields)
        return {name: _decode(item) for name, item in fields.items()}
    return None


def _decode_marked(fields: Mapping[str, struct_pb2.Value]) -> Any:  # noqa: ANN401 - property values are of any type
    mark = fields[SIGNATURE_KEY].string_value
    plain = {name: _decode(item) for name, item in fields.items() if name != SIGNATURE_KEY}
    if mark == SECRET_SIGNATURE:
        return Secret(plain.get("value"))
    if mark == ASSET_SIGNATURE:
        return Asset(
            **{name: plain.get(name) or None for name in ("path", "uri", "hash")}, text=plain.get("text")
        )
    if mark == ARCHIVE_SIGNATURE:
        return Archive(**{name: plain.get(name) or None for name in ("path", "uri", "hash", "assets")})
    if mark == RESOURCE_SIGNATURE:
        identity = plain.get("id", plain.get("urn"))
        return UNKNOWN if identity == "" else identity
    if mark == OUTPUT_SIGNATURE:
        known = plain.get("value", UNKNOWN)
        return Secret(known) if plain.get("secret") else known
    return plain


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """The message that carries these properties.

    Raises:
        TypeError: a value of a type that the engine has no form for.
    """
    struct = struct_pb2.Struct()
    for name, value in properties.items():
        struct.fields[name].CopyFrom(_encode(value))
    return struct


def _encode(value: Any) -> struct_pb2.Value:  # noqa: ANN401, PLR0911 - one line for each type there is
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=UNKNOWN_STRING)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, (int, float)):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, (list, tuple)):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_encode(item) for item in value]))
    if isinstance(value, dict):
        return struct_pb2.Value(struct_value=encode({str(name): item for name, item in value.items()}))
    if isinstance(value, Secret):
        return struct_pb2.Value(struct_value=encode({SIGNATURE_KEY: SECRET_SIGNATURE, "value": value.value}))
    if isinstance(value, (Asset, Archive)):
        mark = ASSET_SIGNATURE if isinstance(value, Asset) else ARCHIVE_SIGNATURE
        given = {name: getattr(value, name) for name in value.__slots__ if getattr(value, name) is not None}
        return struct_pb2.Value(struct_value=encode({SIGNATURE_KEY: mark, **given}))
    raise TypeError(f"The engine has no form for a {type(value).__name__}: give a JSON-like value instead.")


def reveal(value: Any) -> Any:  # noqa: ANN401 - property values are of any type
    """The same value with every secret opened, at any depth."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        return {name: reveal(item) for name, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:  # noqa: ANN401 - property values are of any type
    """Whether anything in it is not known yet."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def has_secret(value: Any) -> bool:  # noqa: ANN401 - property values are of any type
    """Whether anything in it is secret."""
    if isinstance(value, dict):
        return any(has_secret(item) for item in value.values())
    if isinstance(value, list):
        return any(has_secret(item) for item in value)
    return isinstance(value, Secret)


def keep_secrets(outputs: Properties, inputs: Properties, also: Iterable[str] = ()) -> Properties:
    """Outputs in which every top-level property that was secret as an input, or is named, is secret.

    Args:
        outputs: what a resource reports.
        inputs: what it was given; a property with a secret anywhere inside makes its output secret.
        also: names of properties that are always secret.
    """
    names = {name for name, value in inputs.items() if has_secret(value)} | set(also)
    return {
        name: Secret(reveal(value)) if name in names and value is not None else value
        for name, value in outputs.items()
    }
