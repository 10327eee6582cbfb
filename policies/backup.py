"""Backups: of everything that has state, locked, kept, copied elsewhere, and tried."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from policies.core.buckets import BUCKET, is_log_target, is_trail_bucket
from policies.core.build import NOT_TRUE, OWN_KEY, attached_rule, property_rule, resource_rule, stack_rule
from policies.core.documents import shown, statements
from policies.core.rules import REQUIRED, Context, Problem, Rule, Setting, Severity, Topic
from policies.core.selection import PLAN, SELECTION, VAULT, is_selected, rules_of, stays
from policies.core.values import View, show
from policies.dynamodb import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

LOCK: Final = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
VAULT_POLICY: Final = "aws:backup/vaultPolicy:VaultPolicy"
TESTING: Final = "aws:backup/restoreTestingPlan:RestoreTestingPlan"
TESTING_SELECTION: Final = "aws:backup/restoreTestingSelection:RestoreTestingSelection"
KINDS: Final = {
    BUCKET: "S3",
    TABLE: "DynamoDB",
    "aws:rds/instance:Instance": "RDS",
    "aws:rds/cluster:Cluster": "Aurora",
    "aws:efs/fileSystem:FileSystem": "EFS",
    "aws:ebs/volume:Volume": "EBS",
}
"""What holds data, and how restore testing calls it."""
PLACED: Final = ("RDS", "Aurora")
"""Kinds that are restored to the default VPC unless overrides say otherwise (Restore testing inferred
metadata, AWS Backup)."""
SUBNETS, GROUPS = "dbSubnetGroupName", "vpcSecurityGroupIds"
STATEFUL: Final = tuple(token for token in KINDS if token != TABLE)
"""What holds data beside tables, which have a rule of their own."""


def _locked(_vault: Resource, lock: Resource, context: Context) -> Iterator[Problem]:
    kept = lock.at("minRetentionDays")
    number = kept.number()
    if number is None or number < context.number("minimum_days"):
        yield Problem(
            kept.path, show(kept.value), "Set minRetentionDays to at least the setting `minimum_days`."
        )
    grace = lock.at("changeableForDays")
    days = grace.number()
    # Without days of grace the lock is one of governance, and until they are over it can be taken off, too.
    if context.flag("for_good") and (days is None or days > (number or 0)):
        yield Problem(
            grace.path,
            show(grace.value),
            "Set changeableForDays, to no more than minRetentionDays: after that the lock stays for good.",
        )


def _covered(store: Resource, context: Context) -> Iterator[Problem]:
    if store.type == BUCKET and (is_log_target(store, context) or is_trail_bucket(store, context)):
        return  # logs are kept by their own lock and lifecycle
    if not is_selected(store, context.stack):
        yield Problem("<Selection>", "no backup selection names it or one of its tags")


def _kept(plan: Resource, context: Context) -> Iterator[Problem]:
    for rule in rules_of(plan):
        days = rule.at("lifecycle", "deleteAfter")
        number = days.number()
        if number is None or number < context.number("minimum_days"):
            yield Problem(
                days.path, show(days.value), "Set deleteAfter to at least the setting `minimum_days`."
            )
        for copy in rule.at("copyActions").items():
            kept = copy.at("lifecycle", "deleteAfter")
            if kept.present() and (kept.number() or 0) < context.number("minimum_days"):
                yield Problem(kept.path, show(kept.value), "Keep copies as long as what they are copies of.")


def _scheduled(plan: Resource, _context: Context) -> Iterator[Problem]:
    for rule in rules_of(plan):
        if not rule.at("schedule").text():
            yield Problem(rule.at("schedule").path, "absent", "Set schedule to a cron expression.")


def _copied(plan: Resource, context: Context) -> Iterator[Problem]:
    for rule in stays(plan, context.stack):
        yield Problem(rule.at("copyActions").path, show(rule.at("copyActions").value))


def _tested(plan: Resource, context: Context) -> Iterator[Problem]:
    plans = context.stack.of(TESTING)
    if not plans:
        yield Problem("<RestoreTestingPlan>", "absent")
    tests = [
        selection
        for testing in plans
        for selection in context.stack.referring(testing, TESTING_SELECTION, "restoreTestingPlanName")
    ]
    tried = {selection.at("protectedResourceType").text() for selection in tests}
    held = sorted(kind for token, kind in KINDS.items() if context.stack.of(token) and kind not in tried)
    if held:
        yield Problem("<RestoreTestingSelection>", f"restoring {', '.join(held)} is tried by none")
    for testing in plans:
        if not testing.at("scheduleExpression").text():
            yield Problem(
                "<RestoreTestingPlan>.scheduleExpression", "absent", f"Schedule it for {plan.name}."
            )
    for selection in tests:
        if selection.at("protectedResourceType").text() in PLACED:
            yield from _placed(selection)


def _placed(selection: Resource) -> Iterator[Problem]:
    # AWS Backup reads these keys in any case.
    overrides = {key.lower(): view for key, view in selection.at("restoreMetadataOverrides").entries()}
    for key in (SUBNETS, GROUPS):
        view = overrides.get(key.lower(), View(None))
        text = view.text() or ""
        if not text or (key == GROUPS and not _names_groups(text)):
            yield Problem(
                f"<{selection.name}>.restoreMetadataOverrides.{key}",
                show(view.value),
                f"Set {key} to what the database itself has"
                + (", as JSON text of a list." if key == GROUPS else "."),
            )


def _names_groups(text: str) -> bool:
    try:
        groups = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(groups, list) and bool(groups) and all(isinstance(group, str) for group in groups)


def _no_stranger(policy: Resource, _context: Context) -> Iterator[Problem]:
    for statement in statements(policy.at("policy")):
        if statement.allows and statement.public and not statement.narrowed:
            yield Problem(statement.path, shown(statement))


RULES: Final[tuple[Rule, ...]] = (
    resource_rule(
        "backup-no-public-policy",
        (VAULT_POLICY,),
        _no_stranger,
        title="No vault is open to everybody",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=(),
        remediation="Name the principals, or tie the statement to our account.",
    ),
    property_rule(
        "backup-own-key",
        (VAULT,),
        ("kmsKeyArn",),
        OWN_KEY,
        title="Backups are encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.HIGH,
        public_ids=("Backup.1", "CKV_AWS_166"),
        remediation="Set kmsKeyArn to a key of ours.",
    ),
    attached_rule(
        "backup-vault-lock",
        (VAULT,),
        LOCK,
        "backupVaultName",
        _locked,
        title="Nobody can delete backups before their time",
        topic=Topic.INTEGRITY,
        severity=Severity.HIGH,
        remediation="Add a VaultLockConfiguration with minRetentionDays and changeableForDays.",
        settings={
            **REQUIRED,
            "minimum_days": Setting(35, "days that no backup can be deleted in"),
            "for_good": Setting(
                default=True, meaning="false where an administrator may take the lock off again (governance)"
            ),
        },
    ),
    property_rule(
        "backup-no-force-destroy",
        (VAULT,),
        ("forceDestroy",),
        NOT_TRUE,
        title="No vault may be destroyed while it holds backups",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        remediation="Set forceDestroy to false.",
        settings=REQUIRED,
    ),
    stack_rule(
        "backup-covers-stores",
        STATEFUL,
        _covered,
        title="Every bucket, database and volume is in a backup plan",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        public_ids=("RDS.26", "EFS.2", "CKV2_AWS_8", "CKV2_AWS_9", "CKV2_AWS_18"),
        reads=(PLAN, SELECTION),
        remediation="Name it, or a tag that it has, in a selection of a backup plan.",
        settings=REQUIRED,
    ),
    resource_rule(
        "backup-kept",
        (PLAN,),
        _kept,
        title="Backups are kept for a stated time",
        topic=Topic.RETENTION,
        severity=Severity.HIGH,
        remediation="Set lifecycle.deleteAfter in every rule of the plan.",
        settings={"minimum_days": Setting(35, "days that backups are kept")},
    ),
    resource_rule(
        "backup-scheduled",
        (PLAN,),
        _scheduled,
        title="Backups are made on a schedule",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        remediation="Set schedule in every rule of the plan.",
    ),
    stack_rule(
        "backup-copied",
        (PLAN,),
        _copied,
        title="Backups are copied to another Region",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        remediation="Add a copy action to a vault in the recovery Region to every rule of the plan.",
        settings=REQUIRED,
    ),
    stack_rule(
        "backup-restore-testing",
        (PLAN,),
        _tested,
        title="Restoring every kind of store is tried on a schedule",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        reads=(TESTING, TESTING_SELECTION),
        remediation="Add a RestoreTestingPlan, and a RestoreTestingSelection for each kind of store; "
        "for a database it names subnet group and security groups.",
        settings=REQUIRED,
    ),
)
