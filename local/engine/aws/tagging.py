"""Tags: how each service reads and writes them, and the one by which a resource knows its owner."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.engine.aws.resource_type import Aws
    from local.engine.values import Properties

URN_TAG: Final = "plinth:urn"
"""Bears the URN of the resource. A killed update leaves resources that no state knows; the next one finds
them by it. It is hidden from the program."""

MAXIMUM_TAG_VALUE: Final = 256

Tags = dict[str, str]


def urn_tag(urn: str) -> str:
    """The URN as a tag's value: `$` is not allowed there, and the length is bounded."""
    value = urn.replace("$", "/")
    if len(value) <= MAXIMUM_TAG_VALUE:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()
    return f"{value[: MAXIMUM_TAG_VALUE - 65]}/{digest}"


@dataclass(frozen=True, slots=True)
class Tagging:
    """How one type's tags are reached.

    Attributes:
        read: all tags of a resource, by id and what is known of it.
        write: adds or changes tags.
        remove: takes tags away by their keys.
        marks: the resource bears its URN as a tag; False where making it again is harmless.
    """

    read: Callable[[Aws, str, Properties], Tags]
    write: Callable[[Aws, str, Properties, Tags], None]
    remove: Callable[[Aws, str, Properties, list[str]], None]
    marks: bool = True


def pairs(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]] | None:
    """Tags as the list that most operations take; None if there are none."""
    return [{key: name, value: text} for name, text in sorted(tags.items())] or None


def from_pairs(listed: Any, key: str = "Key", value: str = "Value") -> Tags:  # noqa: ANN401 - the API's answers
    """Tags from a list, or from a mapping, whichever a service gives."""
    if isinstance(listed, dict):
        return dict(listed)
    return {entry[key]: entry.get(value, "") for entry in listed or []}


def by_target(  # noqa: PLR0913 - one argument for each thing in which services differ
    service: str,
    target: str,
    *,
    of: Callable[[str, Properties], Any] | None = None,
    read: str = "list_tags_for_resource",
    write: str = "tag_resource",
    remove: str = "untag_resource",
    tags: str = "Tags",
    keys: str = "TagKeys",
    key: str = "Key",
    value: str = "Value",
    mapping: bool = False,
    answer: str | None = None,
    also: Mapping[str, Any] | None = None,
    appends: bool = False,
) -> Tagging:
    """Tagging by three operations that take a target.

    Args:
        service: botocore's name of the service.
        target: the parameter that names the resource.
        of: gives its value from id and known properties; the ARN by default.
        read: operation that lists tags.
        write: operation that adds tags.
        remove: operation that removes tags.
        tags: parameter that takes tags.
        keys: parameter that takes keys to remove.
        key: name of a tag's key.
        value: name of a tag's value.
        mapping: tags are a mapping rather than a list.
        answer: member of the answer that holds tags, if not the same as `tags`.
        also: parameters that all three operations want.
        appends: the emulator puts a tag that is there already beside itself; the old one has to go first.
    """
    more = dict(also or {})
    of = of or (lambda _identity, known: known["arn"])

    def reading(aws: Aws, identity: str, known: Properties) -> Tags:
        answered = aws.call(service, read, **{target: of(identity, known)}, **more)
        return from_pairs(answered.get(answer or tags), key, value)

    def writing(aws: Aws, identity: str, known: Properties, wanted: Tags) -> None:
        listed = wanted if mapping else pairs(wanted, key, value)
        if appends:
            removing(aws, identity, known, sorted(wanted))
        aws.call(service, write, **{target: of(identity, known), tags: listed}, **more)

    def removing(aws: Aws, identity: str, known: Properties, names: list[str]) -> None:
        aws.call(service, remove, **{target: of(identity, known), keys: names}, **more)

    return Tagging(reading, writing, removing)
