"""Identities: no more than named actions on named resources, trusted narrowly, without people or keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policies.core.build import Expect, each_rule, forbidden_types, resource_rule
from policies.core.documents import Statement, shown, statements
from policies.core.rules import Context, Problem, Rule, Severity, Topic
from policies.core.values import UndecidedError, View, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from policies.core.resources import Resource

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


def _on_statements(wrong: Callable[[Statement], bool]) -> Callable[[Resource, Context], Iterator[Problem]]:
    """A check of every Allow statement of every identity policy; an unreadable document doesn't hide another."""

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


def _is_admin(statement: Statement) -> bool:
    actions = statement.all_actions_but or any(
        action.strip("*?") in {"", ":"} for action in statement.actions
    )
    resources = statement.all_resources_but or "*" in statement.resources
    return actions and resources


def _has_wildcard_action(statement: Statement) -> bool:
    return statement.all_actions_but or any("*" in action or "?" in action for action in statement.actions)


def _has_wildcard_resource(statement: Statement) -> bool:
    if statement.all_resources_but or not statement.resources:
        return True
    needs_none = not statement.all_actions_but and all(
        _without_resource(action) for action in statement.actions
    )
    return any(_is_wide(arn) and not (arn == "*" and needs_none) for arn in statement.resources)


def _without_resource(action: str) -> bool:
    return any(
        action == known or (known.endswith("*") and action.startswith(known.removesuffix("*")))
        for known in WITHOUT_RESOURCE
    )


def _is_wide(arn: str) -> bool:
    """Whether an ARN leaves open which resource it is; a path below a named one may stay open."""
    parts = arn.split(":", 5)
    if len(parts) < 6:  # noqa: PLR2004 - arn:partition:service:region:account:resource
        return True
    service, region, account, name = parts[2], parts[3], parts[4], parts[5]
    if any("*" in part or "?" in part for part in (parts[1], service, region, account)):
        return True
    if service == "s3":
        return _open(name.partition("/")[0])
    kind, separator, rest = (
        re.split(r"([/:])", name, maxsplit=1) if re.search(r"[/:]", name) else (name, "", "")
    )
    return _open(kind) or (bool(separator) and _open(re.split(r"[/:]", rest, maxsplit=1)[0]))


def _open(segment: str) -> bool:
    return "*" in segment or "?" in segment


def _escalates(statement: Statement) -> bool:
    if any(statement.covers_action(action) for action in ESCALATION):
        return True
    if statement.covers_action(CONTROLLED_BY_PASSING):
        to_service = any(
            "iam:passedtoservice" in keys for op, keys in statement.conditions.items() if op in EXACT
        )
        if not to_service or _open_resources(statement):
            return True
    return statement.covers_action("sts:assumerole") and _open_resources(statement)


def _open_resources(statement: Statement) -> bool:
    return (
        statement.all_resources_but
        or not statement.resources
        or any(_open(arn) for arn in statement.resources)
    )


def _narrow_trust(role: Resource, _context: Context) -> Iterator[Problem]:
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
        if _has_wildcard_action(statement):
            yield Problem(statement.path, shown(statement), "Name the one action by which the role is taken.")


def _trust_conditions(role: Resource, _context: Context) -> Iterator[Problem]:
    for statement in statements(role.at("assumeRolePolicy")):
        if not statement.allows:
            continue
        for kind, name in statement.principals:
            if kind == "Federated" and not _names_subject_and_audience(statement):
                yield Problem(
                    statement.path,
                    show(dict(statement.conditions)),
                    "Demand :sub and :aud exactly by StringEquals.",
                )
            if kind == "Service" and name not in WITHOUT_SOURCE and not _names_source(statement):
                yield Problem(statement.path, name, "Demand aws:SourceAccount or aws:SourceArn.")


def _names_subject_and_audience(statement: Statement) -> bool:
    keys = {
        key.rpartition(":")[2]
        for operator, held in statement.conditions.items()
        if operator == "stringequals"
        for key, values in held.items()
        if values and not any(_open(value) for value in values)
    }
    return {"sub", "aud"} <= keys


def _names_source(statement: Statement) -> bool:
    return any(
        key in SOURCE_KEYS and values and all(re.search(r"[0-9a-z]{4}", value) for value in values)
        for operator, keys in statement.conditions.items()
        if operator in EXACT | {"stringlike", "arnlike"}
        for key, values in keys.items()
    )


def _managed(holder: Resource) -> Iterator[View]:
    if holder.type == ROLE:
        yield from holder.at("managedPolicyArns").items()
    else:
        yield holder.at("policyArn")


def _not_broad(view: View, _context: Context) -> bool:
    arn = view.text()
    return bool(arn) and not BROAD_MANAGED.fullmatch(arn or "")


RULES: Final[tuple[Rule, ...]] = (
    resource_rule(
        "iam-no-admin",
        DOCUMENTS,
        _on_statements(_is_admin),
        title="No policy allows every action on every resource",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("IAM.1", "CIS 1.16", "CKV_AWS_62", "CKV_AWS_63"),
        remediation="Name the actions and the resources.",
    ),
    resource_rule(
        "iam-no-wildcard-action",
        DOCUMENTS,
        _on_statements(_has_wildcard_action),
        title="No policy allows actions by wildcard or by exclusion",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("IAM.21", "CKV_AWS_63"),
        remediation="Name each action.",
    ),
    resource_rule(
        "iam-no-wildcard-resource",
        DOCUMENTS,
        _on_statements(_has_wildcard_resource),
        title="No policy leaves open which bucket, table, key, queue or secret it is about",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("CKV_AWS_355", "CKV_AWS_356"),
        remediation="Name the resource; only a path below it may stay open.",
    ),
    resource_rule(
        "iam-no-escalation",
        DOCUMENTS,
        _on_statements(_escalates),
        title="No policy lets an identity give itself other rights",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("CKV_AWS_107", "CKV_AWS_108", "CKV_AWS_109", "CKV_AWS_110", "CKV_AWS_111", "CKV_AWS_286"),
        remediation="Remove the action; pass roles only by name and to one service.",
    ),
    resource_rule(
        "iam-narrow-trust",
        (ROLE,),
        _narrow_trust,
        title="Roles trust named principals only",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("CKV_AWS_60", "CKV_AWS_61"),
        remediation="Name the service, the role or the identity provider, and the one action.",
    ),
    resource_rule(
        "iam-trust-conditions",
        (ROLE,),
        _trust_conditions,
        title="Web identities are trusted by exact subject and audience, services by their source",
        topic=Topic.AUTHENTICATION,
        severity=Severity.HIGH,
        public_ids=("CKV_AWS_358", "CKV_AWS_393"),
        remediation="Add the conditions to the trust policy.",
    ),
    each_rule(
        "iam-no-broad-managed-policy",
        (*ATTACHMENTS, ROLE),
        _managed,
        Expect("a policy that grants less than full access", _not_broad),
        title="No identity gets AWS's policies for administrators or for full access to a service",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("CKV_AWS_274", "CKV2_AWS_56"),
        remediation="Attach a policy of our own, or AWS's narrow one for the service's role.",
    ),
    forbidden_types(
        "iam-no-users",
        PEOPLE,
        title="No users, groups or passwords: people come by federation, workloads by web identity",
        topic=Topic.AUTHENTICATION,
        severity=Severity.HIGH,
        public_ids=("IAM.2", "CKV_AWS_273"),
        remediation="Use a role.",
    ),
    forbidden_types(
        "iam-no-static-keys",
        STATIC_KEYS,
        title="No access keys or other credentials that never expire",
        topic=Topic.AUTHENTICATION,
        severity=Severity.CRITICAL,
        public_ids=("IAM.3", "IAM.4"),
        remediation="Use a role and short-lived credentials.",
    ),
)
