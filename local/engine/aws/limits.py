"""What the emulator takes and does not honour, so that nobody takes an accepted setting for a proven one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Limit:
    """One property that is set on the emulator without its effect.

    Attributes:
        type: the SDK's type token.
        property: the property, or `*` for what the whole type is for.
        reason: what happens instead.
    """

    type: str
    property: str
    reason: str


NOT_HONOURED: Final = (
    Limit("aws:kms/key:Key", "rotationPeriodInDays", "moto keeps whether a key rotates, not how often"),
    Limit("aws:kms/key:Key", "policy", "kept and told; moto refuses nobody by it"),
    Limit(
        "aws:s3/bucketNotification:BucketNotification",
        "eventbridge",
        "moto sends events and does not tell so",
    ),
    Limit("aws:s3/bucketLogging:BucketLogging", "*", "moto writes no access logs on a schedule of its own"),
    Limit(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "rules", "nothing ages in moto"
    ),
    Limit("aws:dynamodb/table:Table", "pointInTimeRecovery", "moto restores to a point even where it is off"),
    Limit("aws:dynamodb/table:Table", "ttl", "moto deletes no expired item"),
    Limit("aws:dynamodb/table:Table", "readCapacity", "moto throttles nothing"),
    Limit("aws:dynamodb/table:Table", "writeCapacity", "moto throttles nothing"),
    Limit(
        "aws:iam/rolePolicy:RolePolicy",
        "policy",
        "moto matches resources as `*` but for S3, SQS, IAM and STS, and asks no KMS grant",
    ),
    Limit(
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        "clientIdLists",
        "moto can't add or remove a client; the provider is made again under its ARN",
    ),
    Limit(
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
        "redriveAllowPolicy",
        "moto keeps it and never tells it",
    ),
    Limit("aws:cognito/userPool:UserPool", "deletionProtection", "moto deletes a protected pool"),
    Limit("aws:cognito/userPool:UserPool", "userPoolAddOns", "moto detects no threats"),
    Limit("aws:cognito/resourceServer:ResourceServer", "scopes", "moto's tokens carry no custom scopes"),
    Limit("aws:cognito/resourceServer:ResourceServer", "*", "moto can't delete one; it goes with its pool"),
    Limit("aws:ec2/flowLog:FlowLog", "*", "no traffic flows in moto, so none is logged"),
    Limit("aws:ec2/vpcEndpoint:VpcEndpoint", "policy", "kept; there is no traffic to refuse"),
    Limit(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "*",
        "moto can't modify a rule: what changes in place on AWS takes a new rule here",
    ),
    Limit(
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "*",
        "moto can't modify a rule: what changes in place on AWS takes a new rule here",
    ),
    Limit("aws:backup/plan:Plan", "rules", "moto makes no backups, and a change takes a new plan here"),
    Limit("aws:budgets/budget:Budget", "notifications", "moto sends none and does not tell the subscribers"),
    Limit("aws:cloudtrail/trail:Trail", "*", "moto writes no trail files"),
    Limit("aws:eks/cluster:Cluster", "version", "moto can't move a cluster to another version; it is kept"),
    Limit("aws:eks/cluster:Cluster", "*", "no control plane runs; its own group is the VPC's default one"),
    Limit("aws:eks/nodeGroup:NodeGroup", "*", "no nodes run"),
    Limit("aws:rds/instance:Instance", "*", "no database runs"),
    Limit(
        "aws:secretsmanager/secret:Secret",
        "recoveryWindowInDays",
        "moto keeps the date and no longer the secret",
    ),
    Limit(
        "aws:cloudwatch/metricAlarm:MetricAlarm", "alarmActions", "moto evaluates no alarm and acts on none"
    ),
)
"""Seen on moto 5.2.5. Whatever else an update leaves without effect says `recorded only` when it is made."""


def not_honoured_of(resources: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Those rows of the table that concern a stack.

    Args:
        resources: as the engine exports them, each with `type` and `inputs`.
    """
    set_properties: dict[str, set[str]] = {}
    for resource in resources:
        set_properties.setdefault(resource["type"], set()).update(resource.get("inputs") or {})
    return [
        asdict(limit)
        for limit in NOT_HONOURED
        if limit.type in set_properties
        and (limit.property == "*" or limit.property in set_properties[limit.type])
    ]


def not_honoured() -> list[dict[str, str]]:
    """The whole table as plain data."""
    return [asdict(limit) for limit in NOT_HONOURED]
