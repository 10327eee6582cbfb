"""What was changed behind Pulumi's back, and by which property.

The engine is asked twice what it would do: once from its own records, once after a look at what exists. What
only the second names was changed by somebody else. Fields that a controller owns (replicas under an
autoscaler, a status, an address that the cloud assigned) are never declared, so neither look sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.plan import steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.stack import Stack

GONE = "create"


@dataclass(frozen=True)
class Drifted:
    """A resource that is not as it was left.

    Attributes:
        type: such as `aws:s3/bucketPolicy:BucketPolicy`.
        name: in the program.
        properties: paths of what was changed; empty if the resource is gone.
        gone: whether it was deleted.
    """

    type: str
    name: str
    properties: tuple[str, ...]
    gone: bool

    def __str__(self) -> str:
        what = "deleted" if self.gone else f"changed: {', '.join(self.properties) or 'not told'}"
        return f"{self.type} {self.name}: {what}"


def find_drift(stack: Stack) -> list[Drifted]:
    """Compare what exists with what the last update left.

    Raises:
        LocalError: the engine could not say.
    """
    return between(stack.plan(), stack.plan("--refresh"))


def between(recorded: Mapping[str, Any], looked: Mapping[str, Any]) -> list[Drifted]:
    """What the second plan changes and the first does not.

    Args:
        recorded: the engine's plan from its own records: what the program asks for and was not applied yet.
        looked: its plan after a refresh.
    """
    pending = {(step.operation, step.urn): set(step.properties) for step in steps(recorded)}
    found = []
    for step in steps(looked):
        known = pending.get((step.operation, step.urn))
        properties = tuple(name for name in step.properties if name not in (known or ()))
        if known is None or properties:
            found.append(Drifted(step.type, step.name, properties, gone=step.operation == GONE))
    return found
