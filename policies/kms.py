"""Keys: rotated, never public, slow to die, and never open to whoever may use IAM."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from policies.core.build import IS_TRUE, NOT_TRUE, at_least, property_rule, resource_rule
from policies.core.documents import Statement, shown, statements
from policies.core.privileges import DOCUMENTS, ONE_ROLE, documents_of
from policies.core.rules import Context, Problem, Rule, Setting, Severity, Topic
from policies.core.values import show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

KEY: Final = "aws:kms/key:Key"
REPLICA: Final = "aws:kms/replicaKey:ReplicaKey"
KEY_POLICY: Final = "aws:kms/keyPolicy:KeyPolicy"
GRANT: Final = "aws:kms/grant:Grant"
OPENING: Final = ("kms:decrypt", "kms:reencryptfrom")
"""Actions that turn ciphertext into something readable."""
GRANTING: Final = "kms:creategrant"


def _rotates(key: Resource, _context: Context) -> Iterator[Problem]:
    spec = key.at("customerMasterKeySpec").text() or "SYMMETRIC_DEFAULT"
    if spec == "SYMMETRIC_DEFAULT" and key.at("enableKeyRotation").flag() is not True:
        yield Problem("enableKeyRotation", show(key.at("enableKeyRotation").value))


def _no_public_policy(key: Resource, _context: Context) -> Iterator[Problem]:
    for statement in statements(key.at("policy")):
        if statement.allows and statement.public and not statement.narrowed:
            yield Problem(statement.path, shown(statement))


def _policy_is_ours(key: Resource, _context: Context) -> Iterator[Problem]:
    if not statements(key.at("policy")):
        yield Problem("policy", show(key.at("policy").value))


def _grants_for_services(holder: Resource, _context: Context) -> Iterator[Problem]:
    for view in documents_of(holder):
        for statement in statements(view):
            if not statement.allows or not statement.covers_action(GRANTING):
                continue
            for_services = statement.conditions.get("bool", {}).get("kms:grantisforawsresource") == ("true",)
            if not for_services and not (holder.type not in DOCUMENTS and _by_named_roles(statement)):
                yield Problem(statement.path, shown(statement))


def _by_named_roles(statement: Statement) -> bool:
    """Whether it lets roles give grants, each named by its ARN, and do nothing else.

    EKS makes no cluster under a key of ours otherwise: it takes a grant from whoever asks for the cluster,
    where kms:GrantIsForAWSResource doesn't hold (Encrypt Kubernetes secrets with KMS on existing clusters,
    EKS User Guide). Only a key's own policy may say so, as it says it of this one key.
    """
    named = [
        role
        for operator in ("arnequals", "stringequals")
        for role in statement.conditions.get(operator, {}).get("aws:principalarn", ())
    ]
    return (
        set(statement.actions) == {GRANTING}
        and not statement.all_actions_but
        and not statement.public
        and bool(named)
        and all(ONE_ROLE.fullmatch(role) for role in named)
    )


def _no_decrypt_on_all(holder: Resource, _context: Context) -> Iterator[Problem]:
    for view in documents_of(holder):
        for statement in statements(view):
            opens = any(statement.covers_action(action) for action in OPENING)
            everywhere = statement.all_resources_but or any(_is_every_key(arn) for arn in statement.resources)
            if statement.allows and opens and everywhere:
                yield Problem(statement.path, shown(statement))


def _is_every_key(pattern: str) -> bool:
    return fnmatchcase("arn:aws:kms:eu-central-1:000000000000:key/any", pattern) or (
        pattern.startswith("arn:") and ":kms:" in pattern and pattern.rpartition("/")[2] == "*"
    )


RULES: Final[tuple[Rule, ...]] = (
    resource_rule(
        "kms-rotation",
        (KEY,),
        _rotates,
        title="Symmetric keys rotate every year",
        topic=Topic.ENCRYPTION,
        severity=Severity.MEDIUM,
        public_ids=("KMS.4", "CIS 3.6", "CKV_AWS_7"),
        remediation="Set enableKeyRotation to true.",
    ),
    resource_rule(
        "kms-no-public-policy",
        (KEY, REPLICA, KEY_POLICY),
        _no_public_policy,
        title="No key policy lets everybody use the key",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("KMS.5", "CKV_AWS_33"),
        remediation="Name the principals, or tie the statement to our account by kms:CallerAccount.",
    ),
    resource_rule(
        "kms-explicit-policy",
        (KEY, REPLICA),
        _policy_is_ours,
        title="Every key says in a policy of its own who may use it",
        topic=Topic.ACCESS,
        severity=Severity.MEDIUM,
        public_ids=("CKV2_AWS_64",),
        remediation="Set policy; AWS's default leaves every decision to IAM policies.",
    ),
    resource_rule(
        "kms-grants-for-services",
        (KEY, REPLICA, KEY_POLICY, *DOCUMENTS),
        _grants_for_services,
        title="Grants on a key are for AWS services, unless a role gives them that the key's policy names",
        topic=Topic.ACCESS,
        severity=Severity.MEDIUM,
        remediation=(
            "Demand kms:GrantIsForAWSResource wherever kms:CreateGrant is allowed. Only a key's own policy "
            "may allow it without, and nothing beside it, to roles that aws:PrincipalArn names."
        ),
    ),
    resource_rule(
        "kms-no-decrypt-all",
        DOCUMENTS,
        _no_decrypt_on_all,
        title="No identity may decrypt with every key",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("KMS.1", "KMS.2"),
        remediation="Name the ARNs of the keys that the workload needs.",
    ),
    property_rule(
        "kms-deletion-window",
        (KEY, REPLICA),
        ("deletionWindowInDays",),
        at_least("minimum_days"),
        title="A key that is to be deleted can be saved for a month",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        public_ids=("KMS.3",),
        remediation="Set deletionWindowInDays explicitly.",
        settings={"minimum_days": Setting(30, "days between the order to delete a key and its end, 7 to 30")},
    ),
    property_rule(
        "kms-lockout-check",
        (KEY, REPLICA, KEY_POLICY),
        ("bypassPolicyLockoutSafetyCheck",),
        NOT_TRUE,
        title="No key policy is set past KMS's check against locking everybody out",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        remediation="Remove bypassPolicyLockoutSafetyCheck.",
    ),
    property_rule(
        "kms-enabled",
        (KEY,),
        ("isEnabled",),
        type(IS_TRUE)("true or absent", lambda view, _: view.flag() is not False),
        title="Keys that protect data are enabled",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        remediation="Set isEnabled to true.",
    ),
)
