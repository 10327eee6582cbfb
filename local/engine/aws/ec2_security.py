"""Security groups and their rules."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.ec2_common import ec2_type, one, tag_specification
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted, unchanged
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from local.engine.values import Properties

DESCRIPTION: Final = "Managed by Pulumi"
"""What the official provider writes where the program says nothing."""

ALL: Final = "-1"


def _permission(rule: Properties, own_group: str) -> dict[str, Any]:
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


def _group(aws: Aws, identity: str) -> dict[str, Any] | None:
    return one(aws, "describe_security_groups", "SecurityGroups", GroupIds=[identity])


def _read_group(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    group = _group(aws, identity)
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
    present = (_group(aws, identity) or {}).get(member, [])
    asked = [_permission(rule, identity) for rule in wanted[direction]]
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


# Rules as resources of their own

RULE: Final = {
    "ipProtocol": "IpProtocol",
    "fromPort": "FromPort",
    "toPort": "ToPort",
    "cidrIpv4": "CidrIpv4",
    "cidrIpv6": "CidrIpv6",
    "prefixListId": "PrefixListId",
    "description": "Description",
}


def _one_rule(wanted: Wanted) -> dict[str, Any]:
    rule: Properties = {
        "protocol": wanted["ipProtocol"],
        "fromPort": wanted["fromPort"],
        "toPort": wanted["toPort"],
        "description": wanted["description"],
        "cidrBlocks": [wanted["cidrIpv4"]] if wanted["cidrIpv4"] else None,
        "ipv6CidrBlocks": [wanted["cidrIpv6"]] if wanted["cidrIpv6"] else None,
        "prefixListIds": [wanted["prefixListId"]] if wanted["prefixListId"] else None,
        "securityGroups": [wanted["referencedSecurityGroupId"]]
        if wanted["referencedSecurityGroupId"]
        else None,
    }
    return _permission(rule, "")


def _create_rule(direction: str, aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "ec2",
        f"authorize_security_group_{direction}",
        GroupId=wanted["securityGroupId"],
        IpPermissions=[_one_rule(wanted)],
        TagSpecifications=tag_specification("security-group-rule", wanted.tags),
    )
    return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])


def _read_rule(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    rule = one(aws, "describe_security_group_rules", "SecurityGroupRules", SecurityGroupRuleIds=[identity])
    if rule is None:
        return None
    told = {own: rule.get(api) for own, api in RULE.items()}
    if told["ipProtocol"] == ALL:
        told |= {"fromPort": None, "toPort": None}
    return {
        **told,
        "arn": aws.arn("ec2", f"security-group-rule/{identity}"),
        "securityGroupId": rule["GroupId"],
        "securityGroupRuleId": identity,
        "referencedSecurityGroupId": rule.get("ReferencedGroupInfo", {}).get("GroupId"),
        "description": rule.get("Description") or None,
    }


def _delete_rule(direction: str, aws: Aws, identity: str, known: Properties) -> None:
    aws.attempt(
        "ec2",
        f"revoke_security_group_{direction}",
        GroupId=known["securityGroupId"],
        SecurityGroupRuleIds=[identity],
    )


def _rule(sdk_type: str, direction: str) -> ResourceType:
    return ec2_type(
        sdk_type,
        "security-group-rule",
        create=partial(_create_rule, direction),
        read=_read_rule,
        delete=partial(_delete_rule, direction),
        # On AWS all but the group change in place; moto can't modify a rule, so here it takes a new one.
        replaces=frozenset({"securityGroupId", "referencedSecurityGroupId", *RULE}),
        singleton=True,
    )


# The older rule, which may hold several ranges

OLD: Final = ("cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "self", "sourceSecurityGroupId")


def _old_permission(wanted: Wanted) -> dict[str, Any]:
    source = wanted["sourceSecurityGroupId"]
    return _permission(
        {**wanted, "securityGroups": [source] if source else None}, str(wanted["securityGroupId"])
    )


def _old_identity(wanted: Wanted) -> str:
    members = ("type", "securityGroupId", "protocol", "fromPort", "toPort", *OLD)
    text = json.dumps({name: wanted[name] for name in members}, sort_keys=True)
    return f"sgrule-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _create_old(aws: Aws, wanted: Wanted) -> str:
    aws.call(
        "ec2",
        f"authorize_security_group_{wanted['type']}",
        GroupId=wanted["securityGroupId"],
        IpPermissions=[_old_permission(wanted)],
    )
    return _old_identity(wanted)


def _read_old(aws: Aws, identity: str, known: Properties) -> Properties | None:
    if not known.get("securityGroupId"):
        raise ProviderError(
            f"{identity} can't be imported: this older kind of rule has no id on AWS. Use "
            "aws.vpc.SecurityGroupIngressRule or aws.vpc.SecurityGroupEgressRule."
        )
    group = _group(aws, str(known["securityGroupId"]))
    member = "IpPermissions" if known["type"] == "ingress" else "IpPermissionsEgress"
    asked = _old_permission(Wanted(known, {}))
    present = (group or {}).get(member, [])
    if not any(_holds(permission, asked) for permission in present):
        return None
    members = ("type", "protocol", "fromPort", "toPort", "securityGroupId", "description", *OLD)
    return {
        "self": False,
        **{name: known.get(name) for name in members if known.get(name) is not None},
        "securityGroupRuleId": identity,
    }


def _holds(present: dict[str, Any], asked: dict[str, Any]) -> bool:
    if any(present.get(name) != asked.get(name) for name in ("IpProtocol", "FromPort", "ToPort")):
        return False
    return all(
        any(
            all(entry.get(key) == value for key, value in wanted.items() if key != "Description")
            for entry in present.get(api, [])
        )
        for api in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
        for wanted in asked.get(api, [])
    )


def _delete_old(aws: Aws, _identity: str, known: Properties) -> None:
    wanted = Wanted(known, {})
    aws.attempt(
        "ec2",
        f"revoke_security_group_{known['type']}",
        GroupId=known["securityGroupId"],
        IpPermissions=[_old_permission(wanted)],
    )


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
    _rule("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "ingress"),
    _rule("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "egress"),
    ResourceType(
        sdk_type="aws:ec2/securityGroupRule:SecurityGroupRule",
        create=_create_old,
        read=_read_old,
        delete=_delete_old,
        replaces=frozenset(
            {"type", "protocol", "fromPort", "toPort", "securityGroupId", "description", *OLD}
        ),
        unordered=frozenset({"cidrBlocks", "ipv6CidrBlocks", "prefixListIds"}),
        defaults={"self": False},
        singleton=True,
    ),
)
