"""Automatic names, as the official provider makes them: the resource's name and seven hexadecimal digits."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

from local.engine.aws.comparison import DEFAULTS_KEY

if TYPE_CHECKING:
    from local.engine.aws.resource_type import ResourceType
    from local.engine.values import Properties

DIGITS: Final = 7


def with_name(
    kind: ResourceType, resource: str, inputs: Properties, old_inputs: Properties, random_seed: bytes
) -> Properties:
    """The inputs with a name, if the type has one and the program gave none."""
    if kind.name is None:
        return inputs
    prefixed = with_prefix(kind.name, inputs, old_inputs, random_seed)
    if kind.name in prefixed:
        return prefixed
    name = automatic_name(kind, resource, random_seed)
    return {**inputs, kind.name: name, DEFAULTS_KEY: [kind.name]}


def with_prefix(name: str, inputs: Properties, old_inputs: Properties, random_seed: bytes) -> Properties:
    """The inputs with the name that was made up before, else one that begins as the program says."""
    if name in inputs:
        return inputs
    if name in old_inputs and name in old_inputs.get(DEFAULTS_KEY, ()):
        return {**inputs, name: old_inputs[name], DEFAULTS_KEY: [name]}
    prefix = inputs.get(f"{name}Prefix")
    if isinstance(prefix, str):
        fresh = (random_seed.hex() or secrets.token_hex(8))[:16]
        return {**inputs, name: f"{prefix}{fresh}", DEFAULTS_KEY: [name]}
    return inputs


def automatic_name(kind: ResourceType, resource: str, random_seed: bytes) -> str:
    """A fresh name; the same seed gives the same one."""
    digits = (random_seed.hex() if random_seed else secrets.token_hex(DIGITS))[:DIGITS]
    room = kind.name_limit - DIGITS - 1 - len(kind.prefix) - len(kind.suffix)
    stem = resource[:room]
    return f"{kind.prefix}{stem.lower() if kind.lowercase else stem}-{digits}{kind.suffix}"


def is_automatic(name: str, resource: str, kind: ResourceType) -> bool:
    """Whether a name is one that an earlier update may have made for this resource."""
    stem = re.escape(automatic_name(kind, resource, b"\0" * DIGITS)[: -DIGITS - len(kind.suffix)])
    return re.fullmatch(rf"{stem}[0-9a-f]{{{DIGITS}}}{re.escape(kind.suffix)}", name) is not None
