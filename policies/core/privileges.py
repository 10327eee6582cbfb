"""Checks of identity policies and trust policies, statement by statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policies.core.documents import Statement, shown, statements
from policies.core.rules import Context, Problem
from policies.core.values import UndecidedError, View, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from policies.core.resources import Resource


ONE_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+")
"""The ARN of one role, and of no account, user or pattern."""
ROLE: Final = "aws:iam/role:Role"
POLICY: Final = "aws:iam/policy:Policy"
ROLE_POLICY: Final = "aws:iam/rolePolicy:RolePolicy"
DOCUMENTS: Final = (
    ROLE,
    POLICY,
    ROLE_POLICY,
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
)
"""Types that hold identity policies."""
ATTACHMENTS: Final = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
)
PEOPLE: Final = (
    "aws:iam/user:User",
    "aws:iam/group:Group",
    "aws:iam/userLoginProfile:UserLoginProfile",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/userGroupMembership:UserGroupMembership",
    "aws:iam/groupMembership:GroupMembership",
)
STATIC_KEYS: Final = (
    "aws:iam/accessKey:AccessKey",
    "aws:iam/serviceSpecificCredential:ServiceSpecificCredential",
    "aws:iam/sshKey:SshKey",
)
RESOURCE_POLICIES: Final = (
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:kms/key:Key",
    "aws:kms/replicaKey:ReplicaKey",
    "aws:kms/keyPolicy:KeyPolicy",
    "aws:sqs/queue:Queue",
    "aws:sqs/queuePolicy:QueuePolicy",
    "aws:sns/topic:Topic",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
)
"""Types whose policy lets AWS services in."""
WITHOUT_RESOURCE: Final = (
    "cloudwatch:putmetricdata",
    "ec2:describe*",
    "ecr:getauthorizationtoken",
    "elasticloadbalancing:describe*",
    "logs:describeloggroups",
    "sts:getcalleridentity",
    "tag:getresources",
    "xray:puttelemetryrecords",
    "xray:puttracesegments",
)
"""Actions that AWS offers no resource for (Service Authorization Reference); `*` is their only resource."""
NAMED_BY_TAG: Final = frozenset({"ec2", "elasticloadbalancing"})
"""Services that name what they make, so that only its tags can be known beforehand."""
TAG_KEYS: Final = ("aws:resourcetag/", "aws:requesttag/")
ESCALATION: Final = (
    "iam:addusertogroup",
    "iam:attachgrouppolicy",
    "iam:attachrolepolicy",
    "iam:attachuserpolicy",
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:createpolicyversion",
    "iam:createservicespecificcredential",
    "iam:deactivatemfadevice",
    "iam:deleterolepermissionsboundary",
    "iam:deleteuserpermissionsboundary",
    "iam:putgrouppolicy",
    "iam:putrolepermissionsboundary",
    "iam:putrolepolicy",
    "iam:putuserpermissionsboundary",
    "iam:putuserpolicy",
    "iam:setdefaultpolicyversion",
    "iam:updateassumerolepolicy",
    "iam:updateloginprofile",
    "sts:getfederationtoken",
)
"""Actions by which an identity gives itself, or takes, rights that it was not given."""
CONTROLLED_BY_PASSING: Final = "iam:passrole"
WITHOUT_SOURCE: Final = frozenset({"ec2.amazonaws.com", "ec2.amazonaws.com.cn"})
"""Services that send no source when they assume a role (Confused deputy problem, IAM User Guide)."""
SOURCE_KEYS: Final = frozenset({"aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid"})
BROAD_MANAGED: Final = re.compile(
    r"arn:aws[\w-]*:iam::aws:policy/(?:.*/)?(\w*FullAccess|AdministratorAccess|PowerUserAccess)"
)
EXACT: Final = frozenset({"stringequals", "arnequals", "stringequalsignorecase"})


def documents_of(holder: Resource) -> list[View]:
    """The identity policies that a resource holds; a role's trust policy is none."""
    if holder.type != ROLE:
        return [holder.at("policy")]
    return [inline.at("policy") for inline in holder.at("inlinePolicies").items()]


def on_statements(wrong: Callable[[Statement], bool]) -> Callable[[Resource, Context], Iterator[Problem]]:
    """A check of every Allow statement of an identity; one unreadable document doesn't hide another."""

    def check(holder: Resource, _context: Context) -> Iterator[Problem]:
        unreadable: UndecidedError | None = None
        for view in documents_of(holder):
            try:
                for statement in statements(view):
                    if statement.allows and wrong(statement):
                        yield Problem(statement.path, shown(statement))
            except UndecidedError as error:
                unreadable = unreadable or error
        if unreadable is not None:
            raise unreadable

    return check


def is_admin(statement: Statement) -> bool:
    """Whether a statement allows everything on everything."""
    actions = statement.all_actions_but or any(
        action.strip("*?") in {"", ":"} for action in statement.actions
    )
    resources = statement.all_resources_but or "*" in statement.resources
    return actions and resources


def has_wildcard_action(statement: Statement) -> bool:
    """Whether a statement leaves its actions open."""
    return statement.all_actions_but or any("*" in action or "?" in action for action in statement.actions)


def has_wildcard_resource(statement: Statement) -> bool:
    """Whether a statement leaves its resources open where its actions have some."""
    if statement.all_resources_but or not statement.resources:
        return True
    needs_none = not statement.all_actions_but and all(
        without_resource(action) for action in statement.actions
    )
    by_tag = names_tag(statement)
    return any(
        is_wide(arn) and not (arn == "*" and needs_none) and not (by_tag and _only_name_is_open(arn))
        for arn in statement.resources
    )


def names_tag(statement: Statement) -> bool:
    """Whether a tag of the resource, or one that it is made with, is demanded exactly."""
    return any(
        key.startswith(TAG_KEYS) and values and not any(is_open(value) for value in values)
        for operator, keys in statement.conditions.items()
        if operator == "stringequals"
        for key, values in keys.items()
    )


def _only_name_is_open(arn: str) -> bool:
    """Whether an ARN says everything but the name, in a service that gives names itself."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] not in NAMED_BY_TAG:  # noqa: PLR2004 - arn:partition:service:region:account:resource
        return False
    return all(part and not is_open(part) for part in parts[:5]) and not is_open(parts[5].partition("/")[0])


def without_resource(action: str) -> bool:
    """Whether AWS offers no resource for an action."""
    return any(
        action == known or (known.endswith("*") and action.startswith(known.removesuffix("*")))
        for known in WITHOUT_RESOURCE
    )


def is_wide(arn: str) -> bool:
    """Whether an ARN leaves open which resource it is; a path below a named one may stay open."""
    parts = arn.split(":", 5)
    if len(parts) < 6:  # noqa: PLR2004 - arn:partition:service:region:account:resource
        return True
    service, region, account, name = parts[2], parts[3], parts[4], parts[5]
    if any("*" in part or "?" in part for part in (parts[1], service, region, account)):
        return True
    if service == "s3":
        return is_open(name.partition("/")[0])
    kind, separator, rest = (
        re.split(r"([/:])", name, maxsplit=1) if re.search(r"[/:]", name) else (name, "", "")
    )
    return is_open(kind) or (bool(separator) and is_open(re.split(r"[/:]", rest, maxsplit=1)[0]))


def is_open(segment: str) -> bool:
    """Whether a part of an ARN holds a wildcard."""
    return "*" in segment or "?" in segment


def escalates(statement: Statement) -> bool:
    """Whether a statement lets an identity widen its own rights."""
    if any(statement.covers_action(action) for action in ESCALATION):
        return True
    if statement.covers_action(CONTROLLED_BY_PASSING):
        to_service = any(
            "iam:passedtoservice" in keys for op, keys in statement.conditions.items() if op in EXACT
        )
        if not to_service or open_resources(statement):
            return True
    return statement.covers_action("sts:assumerole") and open_resources(statement)


def open_resources(statement: Statement) -> bool:
    """Whether a statement names resources by wildcard, or none."""
    return (
        statement.all_resources_but
        or not statement.resources
        or any(is_open(arn) for arn in statement.resources)
    )


def narrow_trust(role: Resource, _context: Context) -> Iterator[Problem]:
    """The trust policy names who may take the role, and how."""
    trusted = [statement for statement in statements(role.at("assumeRolePolicy")) if statement.allows]
    if not trusted:
        yield Problem(
            "assumeRolePolicy", show(role.at("assumeRolePolicy").value), "Name who may take the role."
        )
    for statement in trusted:
        if statement.public or not statement.principals:
            yield Problem(statement.path, shown(statement), "Name the principals.")
        for kind, name in statement.principals:
            if (
                kind == "AWS"
                and name != "*"
                and (name.endswith(":root") or name.isdigit())
                and not statement.narrowed
            ):
                yield Problem(statement.path, name, "Name one role, or tie the statement by a condition.")
        if has_wildcard_action(statement):
            yield Problem(statement.path, shown(statement), "Name the one action by which the role is taken.")


def trust_conditions(role: Resource, _context: Context) -> Iterator[Problem]:
    """The trust policy ties identities and services by conditions."""
    for statement in statements(role.at("assumeRolePolicy")):
        if not statement.allows:
            continue
        for kind, name in statement.principals:
            if kind == "Federated" and not names_subject_and_audience(statement):
                yield Problem(
                    statement.path,
                    show(dict(statement.conditions)),
                    "Demand :sub and :aud exactly by StringEquals.",
                )
            if kind == "Service" and name not in WITHOUT_SOURCE and not names_source(statement):
                yield Problem(statement.path, name, "Demand aws:SourceAccount or aws:SourceArn.")


def service_sources(holder: Resource, _context: Context) -> Iterator[Problem]:
    """Services that a resource's policy lets in have to say for whom they act."""
    for statement in statements(holder.at("policy")):
        for kind, name in statement.principals if statement.allows else ():
            if kind == "Service" and not names_source(statement) and not names_context(statement):
                yield Problem(statement.path, name, "Demand aws:SourceAccount or aws:SourceArn.")


def names_context(statement: Statement) -> bool:
    """Whether a statement about a key is tied to a resource by encryption context, or to the account."""
    return any(
        (key.startswith("kms:encryptioncontext:") or key == "kms:calleraccount")
        and values
        and all(re.search(r"[0-9a-z]{4}", value) for value in values)
        for operator, keys in statement.conditions.items()
        if operator in EXACT | {"stringlike", "arnlike"}
        for key, values in keys.items()
    )


def names_subject_and_audience(statement: Statement) -> bool:
    """Whether subject and audience are demanded exactly."""
    keys = {
        key.rpartition(":")[2]
        for operator, held in statement.conditions.items()
        if operator == "stringequals"
        for key, values in held.items()
        if values and not any(is_open(value) for value in values)
    }
    return {"sub", "aud"} <= keys


def names_source(statement: Statement) -> bool:
    """Whether the calling service must name its source."""
    return any(
        key in SOURCE_KEYS and values and all(re.search(r"[0-9a-z]{4}", value) for value in values)
        for operator, keys in statement.conditions.items()
        if operator in EXACT | {"stringlike", "arnlike"}
        for key, values in keys.items()
    )


def managed(holder: Resource) -> Iterator[View]:
    """The managed policies that a holder attaches."""
    if holder.type == ROLE:
        yield from holder.at("managedPolicyArns").items()
    else:
        yield holder.at("policyArn")


def not_broad(view: View, _context: Context) -> bool:
    """Whether a managed policy grants less than full access."""
    arn = view.text()
    return bool(arn) and not BROAD_MANAGED.fullmatch(arn or "")
