"""Roles, and what is tied to one role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local.engine.aws.iam_common import orphan, text_of
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import by_target, pairs

if TYPE_CHECKING:
    from local.engine.values import Properties

VERSIONS: Final = 5
"""A policy keeps at most so many versions."""

SESSION_SECONDS: Final = 3600


def _create_role(aws: Aws, wanted: Wanted) -> str:
    answer = aws.call(
        "iam",
        "create_role",
        RoleName=wanted["name"],
        AssumeRolePolicyDocument=wanted["assumeRolePolicy"],
        Path=wanted["path"],
        Description=wanted["description"],
        MaxSessionDuration=wanted["maxSessionDuration"],
        PermissionsBoundary=wanted["permissionsBoundary"],
        Tags=pairs(wanted.tags),
    )
    return str(answer["Role"]["RoleName"])


def _read_role(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    role = aws.call("iam", "get_role", RoleName=identity)["Role"]
    return {
        "arn": role["Arn"],
        "name": role["RoleName"],
        "path": role["Path"],
        "assumeRolePolicy": text_of(role["AssumeRolePolicyDocument"]),
        "description": role.get("Description") or None,
        "maxSessionDuration": role.get("MaxSessionDuration", SESSION_SECONDS),
        "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "createDate": role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "uniqueId": role["RoleId"],
        "managedPolicyArns": _attached(aws, identity),
        "inlinePolicies": [
            {"name": name, "policy": _inline(aws, identity, name)} for name in _inline_names(aws, identity)
        ],
    }


def _attached(aws: Aws, role: str) -> list[str]:
    answer = aws.call("iam", "list_attached_role_policies", RoleName=role)
    return [policy["PolicyArn"] for policy in answer["AttachedPolicies"]]


def _inline_names(aws: Aws, role: str) -> list[str]:
    return list(aws.call("iam", "list_role_policies", RoleName=role)["PolicyNames"])


def _inline(aws: Aws, role: str, name: str) -> str:
    return text_of(aws.call("iam", "get_role_policy", RoleName=role, PolicyName=name)["PolicyDocument"])


def _put_trust(aws: Aws, identity: str, wanted: Wanted) -> None:
    document = wanted["assumeRolePolicy"]
    aws.call("iam", "update_assume_role_policy", RoleName=identity, PolicyDocument=document)


def _put_role(aws: Aws, identity: str, wanted: Wanted) -> None:
    aws.call(
        "iam",
        "update_role",
        RoleName=identity,
        Description=wanted["description"] or "",
        MaxSessionDuration=wanted["maxSessionDuration"] or SESSION_SECONDS,
    )


def _put_boundary(aws: Aws, identity: str, wanted: Wanted) -> None:
    boundary = wanted["permissionsBoundary"]
    if boundary:
        aws.call("iam", "put_role_permissions_boundary", RoleName=identity, PermissionsBoundary=boundary)
    else:
        aws.attempt("iam", "delete_role_permissions_boundary", RoleName=identity)


def _put_attached(aws: Aws, identity: str, wanted: Wanted) -> None:
    if wanted["managedPolicyArns"] is None:
        return
    asked, present = set(wanted["managedPolicyArns"]), set(_attached(aws, identity))
    for arn in sorted(present - asked):
        aws.attempt("iam", "detach_role_policy", RoleName=identity, PolicyArn=arn)
    for arn in sorted(asked - present):
        aws.call("iam", "attach_role_policy", RoleName=identity, PolicyArn=arn)


def _put_inline(aws: Aws, identity: str, wanted: Wanted) -> None:
    if wanted["inlinePolicies"] is None:
        return
    asked = {policy["name"]: policy["policy"] for policy in wanted["inlinePolicies"] if policy.get("name")}
    for name in _inline_names(aws, identity):
        if name not in asked:
            aws.attempt("iam", "delete_role_policy", RoleName=identity, PolicyName=name)
    for name, document in asked.items():
        aws.call("iam", "put_role_policy", RoleName=identity, PolicyName=name, PolicyDocument=document)


def _delete_role(aws: Aws, identity: str, known: Properties) -> None:
    if aws.find("iam", "get_role", RoleName=identity) is None:
        return
    forced = bool(known.get("forceDetachPolicies"))
    for arn in _attached(aws, identity):
        if forced or arn in (known.get("managedPolicyArns") or []):
            aws.attempt("iam", "detach_role_policy", RoleName=identity, PolicyArn=arn)
    own = {policy.get("name") for policy in known.get("inlinePolicies") or []}
    for name in _inline_names(aws, identity):
        if forced or name in own:
            aws.attempt("iam", "delete_role_policy", RoleName=identity, PolicyName=name)
    aws.attempt("iam", "delete_role", RoleName=identity)


def _tagged_role(aws: Aws, _wanted: Wanted, resource: str, tag: str) -> str | None:
    """An orphan with another automatic name: the tagging API knows nothing of IAM."""
    return orphan(aws, "role", resource, tag, ROLE, lambda role: str(role["RoleName"]))


ROLE: Final = ResourceType(
    sdk_type="aws:iam/role:Role",
    create=_create_role,
    read=_read_role,
    delete=_delete_role,
    parts=(
        Part(("assumeRolePolicy",), _put_trust, at_creation=False),
        Part(("description", "maxSessionDuration"), _put_role, at_creation=False),
        Part(("permissionsBoundary",), _put_boundary, at_creation=False),
        Part(("managedPolicyArns",), _put_attached),
        Part(("inlinePolicies",), _put_inline),
    ),
    replaces=frozenset({"name", "namePrefix", "path"}),
    name="name",
    documents=frozenset({"assumeRolePolicy"}),
    unordered=frozenset({"managedPolicyArns", "inlinePolicies"}),
    defaults={"path": "/", "maxSessionDuration": SESSION_SECONDS, "forceDetachPolicies": False},
    remembers=("forceDetachPolicies", "namePrefix"),
    tagging=by_target(
        "iam",
        "RoleName",
        of=lambda identity, _known: identity,
        read="list_role_tags",
        write="tag_role",
        remove="untag_role",
    ),
    identify=lambda _aws, wanted: str(wanted["name"]),
    find_by_tag=_tagged_role,
    regional=False,
)


# Policies of one role


def _put_role_policy(aws: Aws, identity: str, wanted: Wanted) -> None:
    role, _, name = identity.partition(":")
    aws.call("iam", "put_role_policy", RoleName=role, PolicyName=name, PolicyDocument=wanted["policy"])


def _create_role_policy(aws: Aws, wanted: Wanted) -> str:
    identity = f"{wanted['role']}:{wanted['name']}"
    _put_role_policy(aws, identity, wanted)
    return identity


def _read_role_policy(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    role, _, name = identity.partition(":")
    answer = aws.find("iam", "get_role_policy", RoleName=role, PolicyName=name)
    if answer is None:
        return None
    return {"role": role, "name": name, "policy": text_of(answer["PolicyDocument"])}


def _delete_role_policy(aws: Aws, identity: str, _known: Properties) -> None:
    role, _, name = identity.partition(":")
    aws.attempt("iam", "delete_role_policy", RoleName=role, PolicyName=name)


# Attachments


def _create_attachment(aws: Aws, wanted: Wanted) -> str:
    role = str(wanted["role"]).rsplit("/", 1)[-1]
    aws.call("iam", "attach_role_policy", RoleName=role, PolicyArn=wanted["policyArn"])
    return f"{role}/{wanted['policyArn']}"


def _read_attachment(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    role, _, arn = identity.partition("/")
    return {"role": role, "policyArn": arn} if arn in _attached(aws, role) else None


def _delete_attachment(aws: Aws, identity: str, _known: Properties) -> None:
    role, _, arn = identity.partition("/")
    aws.attempt("iam", "detach_role_policy", RoleName=role, PolicyArn=arn)


TYPES = (
    ROLE,
    ResourceType(
        sdk_type="aws:iam/rolePolicy:RolePolicy",
        create=_create_role_policy,
        read=_read_role_policy,
        delete=_delete_role_policy,
        parts=(Part(("policy",), _put_role_policy, at_creation=False),),
        replaces=frozenset({"role", "name", "namePrefix"}),
        name="name",
        name_limit=128,
        documents=frozenset({"policy"}),
        remembers=("namePrefix",),
        regional=False,
    ),
    ResourceType(
        sdk_type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        create=_create_attachment,
        read=_read_attachment,
        delete=_delete_attachment,
        replaces=frozenset({"role", "policyArn"}),
        regional=False,
    ),
)
