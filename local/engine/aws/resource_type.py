"""What one entry of the table says: how a type is made, read, changed and removed on the emulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from local.engine.aws.connection import AwsError, partition_of

if TYPE_CHECKING:
    from local.engine.aws.connection import Connection
    from local.engine.aws.tagging import Tagging
    from local.engine.values import Properties


@dataclass(frozen=True, slots=True)
class Aws:
    """The API as one resource sees it: in its own region.

    Attributes:
        connection: shared by all resources.
        region: where this resource lives.
    """

    connection: Connection
    region: str

    def call(self, service: str, operation: str, /, **parameters: Any) -> Any:  # noqa: ANN401 - the API's answers
        """Call an operation; see `Connection.call`."""
        return self.connection.call(service, operation, self.region, **parameters)

    def find(self, service: str, operation: str, /, **parameters: Any) -> Any:  # noqa: ANN401 - the API's answers
        """Call an operation that reads; None if the API says that there is no such thing."""
        try:
            return self.call(service, operation, **parameters)
        except AwsError as error:
            if error.absent:
                return None
            raise

    def attempt(self, service: str, operation: str, /, **parameters: object) -> None:
        """Call an operation that removes; what is absent already is removed."""
        self.find(service, operation, **parameters)

    def arn(
        self, service: str, resource: str, *, region: str | None = None, account: str | None = None
    ) -> str:
        """An ARN in this account and region; pass empty texts where a service leaves them out."""
        where = self.region if region is None else region
        owner = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{where}:{owner}:{resource}"

    @property
    def account(self) -> str:
        """Twelve digits of the account."""
        return self.connection.account

    @property
    def partition(self) -> str:
        """`aws`, or that of China or the US government."""
        return partition_of(self.region)

    def wait(self, seconds: float) -> None:
        """Sleep; ends when the engine asks to stop."""
        self.connection.wait(seconds)


class Wanted(dict[str, Any]):
    """The inputs of a resource, opened; an absent one reads as None.

    Attributes:
        tags: every tag that it shall bear, with those of the provider and of the engine.
    """

    def __init__(self, inputs: Properties, tags: Mapping[str, str]) -> None:
        super().__init__(inputs)
        self.tags = dict(tags)

    def __missing__(self, _name: str) -> None:
        return None

    def has(self, *names: str) -> bool:
        """Whether any of these properties is given."""
        return any(self.get(name) is not None for name in names)


Create: TypeAlias = Callable[[Aws, Wanted], str]
"""Makes a resource and gives its id."""

Read: TypeAlias = Callable[[Aws, str, "Properties"], "Properties | None"]
"""Gives what a resource is; None, or an absent error, if it is gone. What is known of it comes third."""

Put: TypeAlias = Callable[[Aws, str, Wanted], None]
"""Brings some properties of an existing resource to what is wanted, whether they are given or not."""

Delete: TypeAlias = Callable[[Aws, str, "Properties"], None]
"""Removes a resource; the third argument is its last outputs."""


@dataclass(frozen=True, slots=True)
class Part:
    """Properties that are set by a call of their own.

    Attributes:
        properties: which ones; the call is made when any of them changes.
        put: the call.
        at_creation: also after the resource was made, if any of them is given. False for what the creation
            itself sets.
    """

    properties: tuple[str, ...]
    put: Put
    at_creation: bool = True


@dataclass(frozen=True)
class ResourceType:
    """One entry of the table.

    Attributes:
        sdk_type: the SDK's type token.
        create: makes it. Raising a conflict means that one of that name exists.
        read: looks at it.
        delete: removes it.
        parts: what is set, and later changed, by calls of its own.
        replaces: properties whose change needs a new resource, by the provider's documentation.
        name: the property that gets an automatic name when the program gives none.
        name_limit: characters that an automatic name may have.
        lowercase: the automatic name is in lower case.
        prefix: what an automatic name must begin with.
        suffix: what an automatic name must end with.
        documents: properties that hold JSON, compared by meaning.
        unordered: lists whose order means nothing.
        adds: by property, members of the object that AWS adds to what was asked.
        defaults: values of properties that are not given.
        secrets: outputs that are always secret.
        remembers: properties that the API does not tell, kept from what was asked.
        tagging: how tags are read and set; None if the type takes none.
        identify: gives the id that a resource of these inputs would have, where the name decides it.
        from_arn: gives the id of the resource that has this ARN, for finding one by its tag.
        owns_arn: whether an ARN is of this type, where one service has several.
        find_by_tag: gives the id of the resource that bears a tag, where the tagging API knows nothing of the
            type.
        takes: further inputs that the creation honours.
        singleton: a new one would take the place of the old one, so the old one goes first.
        regional: whether the type has a region at all.
        check: says what is wrong with the inputs, by property.
    """

    sdk_type: str
    create: Create
    read: Read
    delete: Delete
    parts: tuple[Part, ...] = ()
    replaces: frozenset[str] = frozenset()
    name: str | None = None
    name_limit: int = 64
    lowercase: bool = False
    prefix: str = ""
    suffix: str = ""
    documents: frozenset[str] = frozenset()
    unordered: frozenset[str] = frozenset()
    adds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    remembers: tuple[str, ...] = ()
    tagging: Tagging | None = None
    identify: Callable[[Aws, Wanted], str] | None = None
    from_arn: Callable[[Aws, str], str] | None = None
    owns_arn: Callable[[str], bool] | None = None
    find_by_tag: Callable[[Aws, Wanted, str, str], str | None] | None = None
    takes: frozenset[str] = frozenset()
    singleton: bool = False
    regional: bool = True
    check: Callable[[Wanted], Mapping[str, str]] | None = None

    @property
    def honours(self) -> frozenset[str]:
        """Every input that has an effect; the rest of the SDK's inputs is only kept."""
        own = {name for part in self.parts for name in part.properties} | self.replaces | self.takes
        tags = {"tags", "tagsAll"} if self.tagging else set()
        named = {self.name, f"{self.name}Prefix"} if self.name else set()
        return frozenset(own | named | set(self.remembers) | {"region"} | tags)


def unchanged(_aws: Aws, _identity: str, _known: Properties) -> None:
    """For types that can't be removed on their own: forgetting them is all there is."""
