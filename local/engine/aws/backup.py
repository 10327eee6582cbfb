"""Backup vaults, their policies, and plans. Selections, locks and restore tests are recorded only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.modelled import Calls, modelled
from local.engine.aws.resource_type import Aws, ResourceType, Wanted
from local.engine.aws.tagging import by_target
from local.engine.aws.wire import from_aws, to_aws

if TYPE_CHECKING:
    from local.engine.values import Properties

NAMES: Final = {
    "schedule": "ScheduleExpression",
    "targetVaultName": "TargetBackupVaultName",
    "startWindow": "StartWindowMinutes",
    "completionWindow": "CompletionWindowMinutes",
    "destinationVaultArn": "DestinationBackupVaultArn",
    "coldStorageAfter": "MoveToColdStorageAfterDays",
    "deleteAfter": "DeleteAfterDays",
    "targetLogicallyAirGappedBackupVaultArn": "TargetLogicallyAirGappedBackupVaultArn",
    "name": "BackupPlanName",
    "kmsKeyArn": "EncryptionKeyArn",
}
WINDOWS: Final = {
    "startWindow": 60,
    "completionWindow": 180,
    "scheduleExpressionTimezone": "Etc/UTC",
    "enableContinuousBackup": False,
}
"""What the official provider gives a rule that says nothing of it."""

_TAGS = by_target(
    "backup",
    "ResourceArn",
    read="list_tags",
    keys="TagKeyList",
    mapping=True,
)


def _vault(_aws: Aws, identity: str, told: Properties, _known: Properties) -> Properties:
    return {
        "arn": told["backupVaultArn"],
        "name": identity,
        "kmsKeyArn": told.get("kmsKeyArn") or "",
        "recoveryPoints": told.get("numberOfRecoveryPoints", 0),
    }


def _plan(aws: Aws, wanted: Wanted) -> Any:  # noqa: ANN401 - a parameter of the API
    rules = [{**WINDOWS, **rule} for rule in wanted["rules"]]
    given = {
        "name": wanted["name"],
        "rules": rules,
        "advancedBackupSettings": wanted["advancedBackupSettings"],
    }
    return to_aws(given, aws.connection.shape("backup", "CreateBackupPlan", "BackupPlan"), NAMES)


def _create_plan(aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "backup",
        "create_backup_plan",
        BackupPlan=_plan(aws, wanted),
        BackupPlanTags=wanted.tags or None,
    )
    return str(made["BackupPlanId"])


def _read_plan(aws: Aws, identity: str, known: Properties) -> Properties | None:
    answer = aws.find("backup", "get_backup_plan", BackupPlanId=identity)
    if answer is None or answer.get("DeletionDate"):
        return None
    plan = answer["BackupPlan"]
    rules = [_from_aws(rule) for rule in plan["Rules"]]
    asked = {rule.get("ruleName"): rule for rule in known.get("rules") or []}
    return {
        "arn": answer["BackupPlanArn"],
        "name": plan["BackupPlanName"],
        "version": answer["VersionId"],
        "rules": [_told_rule(rule, asked.get(rule["ruleName"], {})) for rule in rules],
        "advancedBackupSettings": from_aws(plan.get("AdvancedBackupSettings")) or None,
    }


def _from_aws(rule: Properties) -> Properties:
    told: Properties = from_aws(rule, {api: own for own, api in NAMES.items()})
    if "RecoveryPointTags" in rule:
        told["recoveryPointTags"] = rule["RecoveryPointTags"]  # its members are tags, not words of the API
    return told


def _told_rule(rule: Properties, asked: Properties) -> Properties:
    return {
        member: value
        for member, value in rule.items()
        if member != "ruleId" and (member in asked or value != WINDOWS.get(member))
    }


def _delete_plan(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("backup", "delete_backup_plan", BackupPlanId=identity)


TYPES: tuple[ResourceType, ...] = (
    modelled(
        "aws:backup/vault:Vault",
        Calls(
            service="backup",
            create="CreateBackupVault",
            read="DescribeBackupVault",
            delete="DeleteBackupVault",
            pick=lambda answer: answer if answer.get("BackupVaultArn") else None,
            identity=lambda wanted, _answer: str(wanted["name"]),
            key=lambda identity: {"BackupVaultName": identity},
            names={"name": "BackupVaultName", "kmsKeyArn": "EncryptionKeyArn"},
            tags=("BackupVaultTags", dict),
            more=_vault,
        ),
        takes=("name", "kmsKeyArn"),
        name="name",
        name_limit=50,
        defaults={"forceDestroy": False},
        remembers=("forceDestroy",),
        tagging=_TAGS,
        identify=lambda _aws, wanted: str(wanted["name"]),
    ),
    ResourceType(
        sdk_type="aws:backup/plan:Plan",
        create=_create_plan,
        read=_read_plan,
        delete=_delete_plan,
        # On AWS rules change in place; moto has no UpdateBackupPlan, so here it takes a new plan.
        replaces=frozenset({"name", "rules", "advancedBackupSettings"}),
        singleton=True,
        name="name",
        name_limit=50,
        unordered=frozenset({"rules", "advancedBackupSettings"}),
        tagging=_TAGS,
        from_arn=lambda _aws, arn: arn.rsplit(":", 1)[-1],
        owns_arn=lambda arn: ":backup-plan:" in arn,
    ),
)
