"""Who owns a resource, who pays for it, what data it holds: one helper for every tag and label."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TAG_VALUE = re.compile(r"[\w .:/=+\-@]{1,256}")
"""What every AWS service takes as a tag value (Tag naming limits, AWS General Reference)."""

LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
"""What Kubernetes takes as a label value (Labels and Selectors, Kubernetes documentation)."""


class DataClass(StrEnum):
    """How sensitive what a resource holds is; the strictest class of its content decides."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"
    """Personal health, financial or identity data."""


CLASS_TAG = "data-classification"


def demand_class(store: str, tags: Mapping[str, str]) -> None:
    """Refuse a store of which nobody has said what it holds.

    Args:
        store: its name.
        tags: its AWS tags.

    Raises:
        ValueError: there is no data class in them, or one that does not exist.
    """
    if tags.get(CLASS_TAG) not in set(DataClass):
        raise ValueError(
            f"The store {store} has the data class {tags.get(CLASS_TAG)!r} (tag {CLASS_TAG}); it has to be "
            f"one of {', '.join(DataClass)}. Nobody can say how to protect what it holds: take its tags from "
            "Tags.aws(component, data_class)."
        )


@dataclass(frozen=True)
class Tags:
    """What every resource of an environment carries.

    Attributes:
        owner: team or mailbox that answers for it; nobody is called at night if it is wrong.
        cost_centre: who pays; costs can't be attributed if it is wrong.
        environment: name of the stack; leftovers are found by it after a teardown.
        project: name of the deployment, the same in all its environments; also a prefix of names.
    """

    owner: str
    cost_centre: str
    environment: str
    project: str = "plinth"

    def __post_init__(self) -> None:
        """Refuse what AWS would refuse half-way through a deployment."""
        for name in ("owner", "cost_centre", "environment", "project"):
            value = getattr(self, name)
            if not TAG_VALUE.fullmatch(value):
                raise ValueError(
                    f"The tag {name} is {value!r}; AWS takes 1 to 256 letters, digits, spaces and _.:/=+-@. "
                    "Give it a value in the stack's plinth:tags."
                )

    @property
    def prefix(self) -> str:
        """What names outside Kubernetes start with, unique within an account."""
        return f"{self.project}-{self.environment}"

    @property
    def log_prefix(self) -> str:
        """Path that all log groups of the environment are below; the key of logs admits no other."""
        return f"/{self.project}/{self.environment}/"

    def aws(self, component: str, data_class: DataClass) -> dict[str, str]:
        """Tags of an AWS resource.

        Args:
            component: the component that declares it, for costs by component.
            data_class: the most sensitive data it ever holds or protects.
        """
        return {
            "project": self.project,
            "environment": self.environment,
            "owner": self.owner,
            "cost-centre": self.cost_centre,
            "component": component,
            CLASS_TAG: data_class.value,
            "managed-by": "pulumi",
        }

    def kubernetes(self, component: str) -> dict[str, str]:
        """Labels of a Kubernetes object; ownership that can't be a label stays with the namespace."""
        return {
            "app.kubernetes.io/part-of": self.project,
            "app.kubernetes.io/component": component,
            "app.kubernetes.io/managed-by": "pulumi",
            "plinth.dev/environment": self.environment,
        }
