"""Resources of a stack, and which of them refer to which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from policies.core.values import UNKNOWN, UndecidedError, View

STACK_TYPE: Final = "pulumi:pulumi:Stack"
RELEASE_TYPE: Final = "plinth:release:Release"
"""The release file, read beside a state so that rules can judge it like a resource."""
IDENTIFYING: Final = (
    "arn",
    "bucket",
    "name",
    "id",
    "keyId",
    "url",
    "vpcId",
    "identifier",
    "clusterIdentifier",
)
"""Output properties by which other resources refer to one."""

FORMER_NAMES: Final = {"aws:alb/": "aws:lb/", "aws:elasticloadbalancingv2/": "aws:lb/"}
"""Modules that the AWS provider keeps as second names of others."""


def canonical_type(token: str) -> str:
    """The one name of a resource type: second names and `V2` twins are folded into it.

    Without it, `aws:s3/bucketV2:BucketV2` would pass rules written for `aws:s3/bucket:Bucket`.
    """
    for former, name in FORMER_NAMES.items():
        if token.startswith(former):
            token = name + token.removeprefix(former)
    if token.startswith("aws:s3/") and token.endswith("V2"):
        head, _, tail = token.removesuffix("V2").partition(":")[2].partition(":")
        return f"aws:{head.removesuffix('V2')}:{tail}"
    return token


@dataclass(frozen=True)
class Resource:
    """One resource as the engine, a state export or a rendered manifest gives it.

    Attributes:
        type: canonical type token.
        name: logical name; the last part of the URN.
        urn: identity in findings; rendered manifests get one of their own.
        props: camelCase properties; unknown values are `UNKNOWN`.
        inputs: what of them the program asked for; empty where only the whole is known.
        id: the provider's id; empty while it is unknown.
        depends: URNs that each property was computed from, as far as the engine tells.
        parent: URN of the parent; empty for the root.
        protect: engine option; None where it can't be read.
        retain: engine option `retainOnDelete`; None where it can't be read.
    """

    type: str
    name: str
    urn: str
    props: Mapping[str, object]
    id: str = ""
    depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parent: str = ""
    protect: bool | None = None
    retain: bool | None = None
    inputs: Mapping[str, object] = field(default_factory=dict)

    def at(self, *keys: str) -> View:
        """A value among the properties."""
        return View(self.props).at(*keys)

    @property
    def key(self) -> str:
        """`type::name`, by which exemptions name a resource."""
        return f"{self.type}::{self.name}"

    @cached_property
    def identities(self) -> frozenset[str]:
        """Every known string by which another resource may refer to this one."""
        found = {self.id} if self.id else set()
        for prop in IDENTIFYING:
            value = self.props.get(prop)
            if isinstance(value, str) and value:
                found.add(value)
        return frozenset(found)


EVERYTHING: Final = "*"
"""Stands in `Stack.asked` for all types."""


class Stack:
    """All resources that are evaluated together.

    Attributes:
        resources: in the order of the engine.
        resolved: they come from a state, where nothing should be unknown.
        asked: types that checks looked for beside their subject, which tells what a check depends on.
    """

    def __init__(self, resources: Iterable[Resource], *, resolved: bool) -> None:
        """Take the resources; `resolved` says that they come from a state, where nothing is unknown."""
        self.resources = tuple(resources)
        self.resolved = resolved
        self.asked: set[str] = set()
        self._by_type: dict[str, list[Resource]] = defaultdict(list)
        for resource in self.resources:
            self._by_type[resource.type].append(resource)
        self._references: dict[tuple[str, tuple[str, ...]], _References] = {}

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types, in the order of the stack."""
        self.asked.update(types)
        return [resource for token in types for resource in self._by_type.get(token, ())]

    def referring(self, target: Resource, token: str, *path: str) -> list[Resource]:
        """Resources of a type whose property at `path` names the target.

        Raises:
            UndecidedError: none is known to, but the property of at least one of them is unknown and the
                engine doesn't tell what it depends on.
        """
        self.asked.add(token)
        index = self._references.get((token, path))
        if index is None:
            index = _References(self._by_type.get(token, ()), path)
            self._references[token, path] = index
        found = index.to(target)
        if not found and index.unknown:
            raise UndecidedError(
                ".".join(path), f"it is unknown which resource {index.unknown[0].urn} refers to"
            )
        return found

    def holds_rendered(self, release: str) -> bool:
        """Whether manifests of a Helm release were given."""
        self.asked.add(EVERYTHING)
        return any(resource.urn.startswith(f"manifest:{release}::") for resource in self.resources)

    def named(self, types: Iterable[str], identity: str) -> list[Resource]:
        """Resources of these types that a known string refers to."""
        return [resource for resource in self.of(*types) if identity in resource.identities]


class _References:
    """Which values, or which URNs where the value is unknown, one property of a type refers to."""

    def __init__(self, owners: Iterable[Resource], path: tuple[str, ...]) -> None:
        self.values: dict[str, list[Resource]] = defaultdict(list)
        self.urns: dict[str, list[Resource]] = defaultdict(list)
        self.unknown_urns: dict[str, list[Resource]] = defaultdict(list)
        self.unknown: list[Resource] = []
        for owner in owners:
            self._add(owner, path)

    def _add(self, owner: Resource, path: tuple[str, ...]) -> None:
        value: object = owner.props
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else value
        elements = value if isinstance(value, list | tuple) else [value]
        for text in elements:
            if isinstance(text, str):
                self.values[text].append(owner)
        urns = owner.depends.get(path[0], ())
        for urn in urns:
            self.urns[urn].append(owner)
        if UNKNOWN in elements:
            for urn in urns:
                self.unknown_urns[urn].append(owner)
            if not urns:
                self.unknown.append(owner)

    def to(self, target: Resource) -> list[Resource]:
        # Where the target's id isn't known, what a property was made from decides.
        made_from = self.unknown_urns if target.id else self.urns
        found = {owner.urn: owner for owner in made_from.get(target.urn, ())}
        for identity in target.identities:
            found.update({owner.urn: owner for owner in self.values.get(identity, ())})
        return list(found.values())
