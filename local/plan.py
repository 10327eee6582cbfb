"""What the engine would do, read from `pulumi preview --json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

IDLE = frozenset({"same", "read", "refresh"})
"""Operations that change nothing."""


@dataclass(frozen=True)
class Step:
    """One change.

    Attributes:
        operation: `create`, `update`, `delete`, `replace`, ...
        urn: of the resource.
        properties: paths of what differs; empty where the engine doesn't say.
    """

    operation: str
    urn: str
    properties: tuple[str, ...]

    @property
    def type(self) -> str:
        """Type of the resource, such as `aws:s3/bucket:Bucket`."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def parents(self) -> tuple[str, ...]:
        """Types of the components that it belongs to, the outermost first."""
        return tuple(self.urn.split("::")[2].split("$")[:-1])

    @property
    def name(self) -> str:
        """The resource's own name."""
        return self.urn.split("::", 3)[3]

    def __str__(self) -> str:
        what = f" ({', '.join(self.properties)})" if self.properties else ""
        return f"{self.operation} {self.type} {self.name}{what}"


def steps(plan: Mapping[str, Any]) -> list[Step]:
    """The changes in a plan, in its order, those of the stack's outputs left out."""
    return [
        Step(
            entry["op"],
            entry["urn"],
            tuple(sorted(entry.get("detailedDiff") or entry.get("diffReasons") or ())),
        )
        for entry in plan.get("steps") or []
        if entry["op"] not in IDLE and not entry["urn"].split("::")[2].startswith("pulumi:pulumi:Stack")
    ]
