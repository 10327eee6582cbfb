"""A log group that is encrypted under our key, and that forgets after its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.durability import Durability
    from components.encryption import DataKey

RETENTIONS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
"""Days that CloudWatch Logs offers (PutRetentionPolicy, CloudWatch Logs API)."""


@dataclass(frozen=True)
class LogGroupArgs:
    """What a log group needs to know.

    Attributes:
        group_name: its name, a path; it has to be one that the key admits.
        key: our key, of the domain of logs.
        retention_days: days until an event is deleted; one of `RETENTIONS`.
        tags: AWS tags, the data class among them.
        durability: see `Durability`.
    """

    group_name: str
    key: DataKey
    retention_days: int
    tags: Mapping[str, str]
    durability: Durability

    def __post_init__(self) -> None:
        """Refuse what CloudWatch would refuse, or would keep for ever."""
        if self.retention_days not in RETENTIONS:
            raise ValueError(
                f"The log group {self.group_name} keeps {self.retention_days} days; CloudWatch Logs offers "
                f"{', '.join(map(str, RETENTIONS))}. Choose the next longer one."
            )


class LogGroup(pulumi.ComponentResource):
    """Where logs go.

    Attributes:
        group_name: its name.
        arn: its ARN.
    """

    group_name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: LogGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:LogGroup", name, None, opts)
        group = aws.cloudwatch.LogGroup(
            f"{name}-group",
            name=args.group_name,
            kms_key_id=args.key.arn,
            retention_in_days=args.retention_days,
            tags=dict(args.tags),
            opts=args.durability.options(self),
        )
        self.group_name = group.name
        self.arn = group.arn
        self.register_outputs({"group_name": self.group_name, "arn": self.arn})
