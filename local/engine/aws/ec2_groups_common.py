"""What groups and their rules share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.ec2_common import one

if TYPE_CHECKING:
    from local.engine.aws.resource_type import Aws
    from local.engine.values import Properties

ALL: Final = "-1"
"""Every protocol."""


def permission_of(rule: Properties, own_group: str) -> dict[str, Any]:
    """A rule as the program writes it, as EC2 takes it."""
    note = {"Description": rule["description"]} if rule.get("description") else {}
    permission: dict[str, Any] = {"IpProtocol": str(rule["protocol"])}
    if permission["IpProtocol"] != ALL:
        permission |= {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
    groups = [*(rule.get("securityGroups") or []), *([own_group] if rule.get("self") else [])]
    for api, key, values in (
        ("IpRanges", "CidrIp", rule.get("cidrBlocks")),
        ("Ipv6Ranges", "CidrIpv6", rule.get("ipv6CidrBlocks")),
        ("PrefixListIds", "PrefixListId", rule.get("prefixListIds")),
        ("UserIdGroupPairs", "GroupId", groups),
    ):
        if values:
            permission[api] = [{key: value, **note} for value in values]
    return permission


def group_of(aws: Aws, identity: str) -> dict[str, Any] | None:
    """A group as EC2 tells it; None if it is gone."""
    return one(aws, "describe_security_groups", "SecurityGroups", GroupIds=[identity])
