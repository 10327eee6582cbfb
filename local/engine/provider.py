"""What a provider is, in plain Python: a stand-in implements these hooks and knows nothing of gRPC.

Hooks run in many threads at once. Values arrive decoded (see `local.engine.values`): secrets as `Secret`,
what is not known yet as `UNKNOWN`. `local.engine.server` carries them to and from the engine.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine.values import Properties


class ProviderError(Exception):
    """What a person has to know: value, limit, cause and remedy. Shown without a traceback."""


class PartialFailureError(ProviderError):
    """A resource exists, but not as it should be: its state is kept, and the next update repairs it.

    Attributes:
        identity: the resource's id.
        outputs: what it is now.
        inputs: what was asked of it; None keeps what the engine sent.
        reasons: what went wrong, one sentence each.
    """

    def __init__(
        self,
        identity: str,
        outputs: Properties,
        reasons: Sequence[str],
        inputs: Properties | None = None,
    ) -> None:
        super().__init__("; ".join(reasons))
        self.identity = identity
        self.outputs = outputs
        self.inputs = inputs
        self.reasons = list(reasons)


class CancelledError(ProviderError):
    """The engine asked to stop; raised out of `Provider.wait`."""


class Severity(StrEnum):
    """How the engine shows a message."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class ChangeKind(StrEnum):
    """What happens to one property."""

    ADD = "ADD"
    DELETE = "DELETE"
    UPDATE = "UPDATE"


@dataclass(frozen=True, slots=True)
class Change:
    """One property's change.

    Attributes:
        kind: whether it comes, goes or becomes another.
        replaces: the resource has to be made anew for it.
        of_inputs: the inputs differ; False when only what exists differs from what was asked.
    """

    kind: ChangeKind
    replaces: bool = False
    of_inputs: bool = True


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference between a resource and what is asked of it.

    Attributes:
        detailed: each change by its property path (`tags.owner`, `rules[0].days`); empty means none.
        delete_before_replace: the old must go first, because the new would bear the same name.
    """

    detailed: Mapping[str, Change] = field(default_factory=dict)
    delete_before_replace: bool = False

    @property
    def changes(self) -> bool:
        """Whether anything changes at all."""
        return bool(self.detailed)

    @property
    def replaces(self) -> list[str]:
        """Top-level properties that force a replacement."""
        return sorted({top_level(path) for path, change in self.detailed.items() if change.replaces})

    @property
    def properties(self) -> list[str]:
        """Top-level properties that change."""
        return sorted({top_level(path) for path in self.detailed})


def top_level(path: str) -> str:
    """The property that a path begins with."""
    return path.split("[", 1)[0].split(".", 1)[0]


@dataclass(frozen=True, slots=True)
class Resource:
    """Which resource a call is about.

    Attributes:
        urn: its name in the engine's state, unique in the stack.
        type: its type token, such as `aws:kms/key:Key`.
        name: what the program calls it.
    """

    urn: str
    type: str
    name: str


@dataclass(frozen=True, slots=True)
class CheckFailure:
    """Why inputs are refused.

    Attributes:
        property: path of the property at fault, empty for the resource as a whole.
        reason: value, limit, cause and remedy.
    """

    property: str
    reason: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Inputs with defaults and names filled in, or why they are refused."""

    inputs: Properties
    failures: Sequence[CheckFailure] = ()


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A resource as it is. Inputs are what would have to be declared to get it."""

    identity: str
    inputs: Properties
    outputs: Properties


@dataclass(frozen=True, slots=True)
class UpdateCall:
    """Everything that an update knows.

    Attributes:
        resource: which one.
        identity: its id.
        old_inputs: what it was last asked to be.
        old_outputs: what it last was.
        inputs: what it is asked to be now.
        preview: nothing may be changed; the outputs are a forecast.
        timeout: seconds allowed, 0 for the provider's own default.
        ignore_changes: property paths that the program leaves alone.
    """

    resource: Resource
    identity: str
    old_inputs: Properties
    old_outputs: Properties
    inputs: Properties
    preview: bool = False
    timeout: float = 0.0
    ignore_changes: Sequence[str] = ()


class Reporter(Protocol):
    """How a provider speaks to the person in front of the engine."""

    def __call__(self, severity: Severity, message: str, urn: str = "", *, ephemeral: bool = False) -> None:
        """Show a line; an ephemeral one is only a status beside the resource."""


def _silent(severity: Severity, message: str, urn: str = "", *, ephemeral: bool = False) -> None:
    pass


class Provider(ABC):
    """Base of a provider stand-in.

    Attributes:
        name: the package's name, such as `aws`.
        version: the SDK's version; the engine finds the plugin by it.
        accept_secrets: secrets arrive as `Secret`. If False, they arrive open and the engine itself marks
            outputs named like secret inputs; the provider marks any other.
        report: shows a line to the person; set before any hook runs.
    """

    name: str
    version: str
    accept_secrets: bool = True

    def __init__(self) -> None:
        self.report: Reporter = _silent
        self.cancelled = threading.Event()

    # Configuration

    def check_configuration(self, variables: Properties) -> Sequence[CheckFailure]:
        """Refuse a configuration that can't work; by default every one is accepted."""
        del variables
        return ()

    def diff_configuration(self, old: Properties, new: Properties) -> Diff:
        """What changes when the provider's own inputs change; never a replacement by default."""
        changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        return Diff({name: Change(ChangeKind.UPDATE) for name in changed})

    @abstractmethod
    def configure(self, variables: Properties) -> None:
        """Take the configuration, decoded; called once before any resource."""

    # Resources

    @abstractmethod
    def check(
        self, resource: Resource, inputs: Properties, old_inputs: Properties, random_seed: bytes
    ) -> Checked:
        """Fill in defaults and names, and refuse what can't be.

        Args:
            resource: which one.
            inputs: what the program asks for; may hold unknowns in a preview.
            old_inputs: the last checked inputs, empty for a new resource; automatic names are kept from here.
            random_seed: 32 bytes that are the same for the same resource within one update.
        """

    @abstractmethod
    def diff(self, call: UpdateCall) -> Diff:
        """Compare what was asked with what is asked now; `preview` and `timeout` say nothing here."""

    @abstractmethod
    def create(
        self, resource: Resource, inputs: Properties, *, preview: bool, timeout: float
    ) -> tuple[str, Properties]:
        """Make it, or forecast it in a preview (the id is then empty).

        Returns:
            Id and outputs.

        Raises:
            PartialFailureError: it exists now but is not right.
            ProviderError: it does not exist.
        """

    @abstractmethod
    def read(
        self, resource: Resource, identity: str, inputs: Properties, outputs: Properties
    ) -> ReadResult | None:
        """Look at what exists; None if it is gone. Inputs and outputs are empty in an import."""

    @abstractmethod
    def update(self, call: UpdateCall) -> Properties:
        """Change it in place and return its outputs, or forecast them in a preview.

        Raises:
            PartialFailureError: some of it was changed.
        """

    @abstractmethod
    def delete(
        self, resource: Resource, identity: str, inputs: Properties, outputs: Properties, *, timeout: float
    ) -> None:
        """Remove it; an absent one is already removed."""

    # Functions

    def invoke(self, token: str, arguments: Properties) -> Properties:
        """Answer a function call of the program, such as `aws:index/getRegion:getRegion`."""
        del arguments
        raise ProviderError(f"The {self.name} stand-in has no function {token}.")

    # Ending

    def cancel(self) -> None:
        """The engine asks to stop: let waits end. What runs may finish; its result is still recorded."""
        self.cancelled.set()

    def wait(self, seconds: float) -> None:
        """Sleep, and end at once when the engine asks to stop.

        Raises:
            CancelledError: the engine asked to stop.
        """
        if self.cancelled.wait(seconds):
            raise CancelledError("Stopped, as asked, while waiting.")

    def schema(self) -> Mapping[str, Any]:
        """The package's schema, as far as there is one."""
        return {"name": self.name, "version": self.version, "resources": {}, "functions": {}}
