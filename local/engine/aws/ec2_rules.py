"""Rules of security groups, each a resource of its own."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.ec2_common import ec2_type, one, tag_specification
from local.engine.aws.ec2_groups_common import ALL, group_of, permission_of
from local.engine.aws.resource_type import Aws, ResourceType, Wanted
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from local.engine.values import Properties

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
    return permission_of(rule, "")


def _create_rule(direction: str, aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "ec2",
        f"authorize_security_group_{direction}",
        GroupId=wanted["securityGroupId"],
        IpPermissions=[_one_rule(wanted)],
        TagSpecifications=tag_specification("security-group-rule", wanted.tags),
    )
    return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])


def _read_rule(aws: Aws, identity: str, known: Properties) -> Properties | None:
    rule = one(aws, "describe_security_group_rules", "SecurityGroupRules", SecurityGroupRuleIds=[identity])
    if rule is None:
        return None
    told = {own: rule.get(api) for own, api in RULE.items()}
    group = rule.get("ReferencedGroupInfo", {}).get("GroupId")
    if told["ipProtocol"] == ALL:
        told |= {"fromPort": None, "toPort": None}
    return {
        **told,
        "arn": aws.arn("ec2", f"security-group-rule/{identity}"),
        "securityGroupId": rule["GroupId"],
        "securityGroupRuleId": identity,
        "referencedSecurityGroupId": group,
        # The emulator forgets it where the rule is about a group.
        "description": rule.get("Description") or (known.get("description") if group else None),
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
    return permission_of(
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
    group = group_of(aws, str(known["securityGroupId"]))
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
