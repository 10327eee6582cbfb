"""Security groups."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.ec2_common import ec2_type, one, tag_specification
from local.engine.aws.ec2_groups_common import group_of, permission_of
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted, unchanged
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from local.engine.values import Properties

DESCRIPTION: Final = "Managed by Pulumi"
"""What the official provider writes where the program says nothing."""


def _told_rules(permissions: list[dict[str, Any]], own_group: str) -> list[Properties]:
    """Rules as the program writes them; those that differ in their note only are kept apart."""
    told: dict[tuple[Any, ...], Properties] = {}
    for permission in permissions:
        ports = (permission.get("FromPort", 0), permission.get("ToPort", 0))
        for api, key, own in (
            ("IpRanges", "CidrIp", "cidrBlocks"),
            ("Ipv6Ranges", "CidrIpv6", "ipv6CidrBlocks"),
            ("PrefixListIds", "PrefixListId", "prefixListIds"),
            ("UserIdGroupPairs", "GroupId", "securityGroups"),
        ):
            for entry in permission.get(api, []):
                note = entry.get("Description") or ""
                rule = told.setdefault(
                    (permission["IpProtocol"], *ports, note),
                    {"protocol": permission["IpProtocol"], "fromPort": ports[0], "toPort": ports[1]},
                )
                if note:
                    rule["description"] = note
                if own == "securityGroups" and entry[key] == own_group:
                    rule["self"] = True
                else:
                    rule.setdefault(own, []).append(entry[key])
    return list(told.values())


def _create_group(aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "ec2",
        "create_security_group",
        GroupName=wanted["name"],
        Description=wanted["description"] or DESCRIPTION,
        VpcId=wanted["vpcId"],
        TagSpecifications=tag_specification("security-group", wanted.tags),
    )
    group = str(made["GroupId"])
    # EC2 lets everything out of a new group; only what is declared shall be.
    _put_rules("egress", aws, group, Wanted({"egress": wanted["egress"] or []}, {}))
    return group


def _read_group(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    group = group_of(aws, identity)
    if group is None:
        return None
    return {
        "arn": aws.arn("ec2", f"security-group/{identity}"),
        "name": group["GroupName"],
        "description": group["Description"],
        "vpcId": group.get("VpcId", ""),
        "ownerId": group.get("OwnerId") or aws.account,
        "ingress": _told_rules(group.get("IpPermissions", []), identity),
        "egress": _told_rules(group.get("IpPermissionsEgress", []), identity),
    }


def _put_rules(direction: str, aws: Aws, identity: str, wanted: Wanted) -> None:
    if wanted[direction] is None:
        return
    member = "IpPermissions" if direction == "ingress" else "IpPermissionsEgress"
    present = (group_of(aws, identity) or {}).get(member, [])
    asked = [permission_of(rule, identity) for rule in wanted[direction]]
    if present:
        aws.attempt(
            "ec2", f"revoke_security_group_{direction}", GroupId=identity, IpPermissions=_bare(present)
        )
    if asked:
        aws.call("ec2", f"authorize_security_group_{direction}", GroupId=identity, IpPermissions=asked)


def _bare(permissions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the empty lists that EC2 tells and does not take."""
    return [{name: value for name, value in entry.items() if value != []} for entry in permissions]


def _delete_group(aws: Aws, identity: str, known: Properties) -> None:
    if known.get("revokeRulesOnDelete"):
        for direction in ("ingress", "egress"):
            _put_rules(direction, aws, identity, Wanted({direction: []}, {}))
    aws.attempt("ec2", "delete_security_group", GroupId=identity)


RULES: Final = (
    Part(("ingress",), partial(_put_rules, "ingress")),
    Part(("egress",), partial(_put_rules, "egress"), at_creation=False),
)

# The group that every VPC has


def _take_default(aws: Aws, wanted: Wanted) -> str:
    filters = [
        {"Name": "vpc-id", "Values": [wanted["vpcId"]]},
        {"Name": "group-name", "Values": ["default"]},
    ]
    group = one(aws, "describe_security_groups", "SecurityGroups", Filters=filters)
    if group is None:
        raise ProviderError(f"The VPC {wanted['vpcId']} has no default security group.")
    identity = str(group["GroupId"])
    for direction in ("ingress", "egress"):
        _put_rules(direction, aws, identity, Wanted({direction: wanted[direction] or []}, {}))
    if wanted.tags:
        tags = [{"Key": name, "Value": value} for name, value in sorted(wanted.tags.items())]
        aws.call("ec2", "create_tags", Resources=[identity], Tags=tags)
    return identity


def _read_default(aws: Aws, identity: str, known: Properties) -> Properties | None:
    told = _read_group(aws, identity, known)
    return told and {**told, "namePrefix": ""}


def _put_default(direction: str, aws: Aws, identity: str, wanted: Wanted) -> None:
    """A default group that declares no rules has none."""
    _put_rules(direction, aws, identity, Wanted({direction: wanted[direction] or []}, {}))


TYPES: tuple[ResourceType, ...] = (
    ec2_type(
        "aws:ec2/securityGroup:SecurityGroup",
        "security-group",
        create=_create_group,
        read=_read_group,
        delete=_delete_group,
        parts=RULES,
        replaces=frozenset({"name", "namePrefix", "description", "vpcId"}),
        name="name",
        name_limit=255,
        unordered=frozenset({"ingress", "egress"}),
        defaults={"revokeRulesOnDelete": False},
        remembers=("revokeRulesOnDelete",),
    ),
    ec2_type(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        "security-group",
        create=_take_default,
        read=_read_default,
        delete=unchanged,
        parts=tuple(
            Part((direction,), partial(_put_default, direction), at_creation=False)
            for direction in ("ingress", "egress")
        ),
        replaces=frozenset({"vpcId"}),
        unordered=frozenset({"ingress", "egress"}),
        defaults={"revokeRulesOnDelete": False},
        remembers=("revokeRulesOnDelete",),
    ),
)
