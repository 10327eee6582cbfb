"""Backups that can't be deleted, of everything that holds data, restored for practice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.durability import Durability
from components.grants import document
from components.service_role import ServiceRole, ServiceRoleArgs
from components.tags import DataClass, Tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.encryption import DataKey

COMPONENT = "recovery"
SERVICE = "backup.amazonaws.com"

MANAGED_POLICIES = (
    "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup",
    "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores",
    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Backup",
    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Restore",
)
"""What AWS Backup's documentation demands of its role; narrower ones miss what each service needs."""

LOCK_GRACE_DAYS = 3
"""Days in which a vault's lock can still be taken off, the least that AWS takes; then never again."""

COMPLETION_MINUTES = 1440
START_MINUTES = 60
VALIDATION_HOURS = 4

PLACED: Mapping[str, tuple[str, ...]] = {"RDS": ("dbSubnetGroupName", "vpcSecurityGroupIds")}
"""What a restore test has to be told of a kind that lives in a network. Otherwise AWS Backup infers the
default VPC, and fails where there is none (Restore testing inferred metadata, AWS Backup)."""

CONTINUOUS_DAYS = range(1, 36)
"""How long backups for restores to any second are kept (Point-in-time recovery, AWS Backup)."""


@dataclass(frozen=True)
class Schedule:
    """One rule of the plan.

    Attributes:
        cron: when, UTC, in AWS's form: `cron(minutes hours day month weekday year)`. The time between two
            runs is the most data that a disaster can cost (the recovery point objective).
        keep_days: days that a recovery point is kept.
        continuous: any second can be restored, not only when the rule ran; kept at most 35 days.
    """

    cron: str
    keep_days: int
    continuous: bool = False

    def __post_init__(self) -> None:
        """Refuse what AWS Backup would refuse."""
        if self.keep_days < 1:
            raise ValueError(
                f"A recovery point is kept {self.keep_days} days; at least 1 is needed. Change keepDays."
            )
        if self.continuous and self.keep_days not in CONTINUOUS_DAYS:
            raise ValueError(
                f"A continuous backup is kept {self.keep_days} days; AWS Backup takes at most 35. "
                "Shorten keepDays, or add a rule that isn't continuous."
            )


@dataclass(frozen=True)
class RecoveryArgs:
    """What backups need to know.

    Attributes:
        tags: ownership; the environment in it also names vault and plan.
        account_id: the AWS account, 12 digits.
        key: of the domain of backups.
        resources: ARNs of every store, by the AWS Backup name of its kind (`DynamoDB`, `S3`, `RDS`).
        schedules: rules of the plan, by name.
        minimum_days: no recovery point can be deleted before, default 7.
        lock: whether the vault is locked for good, default True. After three days nobody can shorten it.
        copy_to: ARN of a vault in the recovery Region, default None: a Region's loss takes the backups too.
        restore_cron: when a restore is practised, default Sundays at 3.
        restore_metadata: what a restore test is told beyond what AWS Backup infers, by the kind's name; see
            `PLACED` for what a kind demands. Default none.
        durability: see `Durability`.
    """

    tags: Tags
    account_id: str
    key: DataKey
    resources: Mapping[str, list[pulumi.Output[str]]]
    schedules: Mapping[str, Schedule]
    minimum_days: int = 7
    lock: bool = True
    copy_to: str | None = None
    restore_cron: str = "cron(0 3 ? * SUN *)"
    restore_metadata: Mapping[str, Mapping[str, pulumi.Input[str]]] = field(default_factory=dict)
    durability: Durability = field(default_factory=Durability)

    def __post_init__(self) -> None:
        """Refuse a plan that saves nothing, or that its own vault refuses."""
        if not any(self.resources.values()) or not self.schedules:
            raise ValueError("The backup plan has no resources or no schedules; it would save nothing.")
        for kind, keys in PLACED.items():
            missing = sorted(set(keys) - set(self.restore_metadata.get(kind, {})))
            if self.resources.get(kind) and missing:
                raise ValueError(
                    f"Restores of {kind} are practised without {', '.join(missing)}: they would go to the "
                    f"account's default VPC. Give them in restore_metadata, under {kind}."
                )
        check_retention(self.schedules, self.minimum_days)


class Recovery(pulumi.ComponentResource):
    """A locked vault, a plan over every store, and restores for practice.

    Attributes:
        vault_name: where recovery points are.
        vault_arn: the same, for copies from elsewhere.
        plan_id: the plan.
    """

    vault_name: pulumi.Output[str]
    vault_arn: pulumi.Output[str]
    plan_id: pulumi.Output[str]

    def __init__(self, name: str, args: RecoveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Recovery", name, None, opts)
        self._prefix = name
        self._args = args
        self._labels = args.tags.aws(COMPONENT, DataClass.RESTRICTED)
        role = self._create_role()
        vault = self._create_vault()
        plan = self._create_plan(vault)
        self._select(plan, role)
        self._practise(vault, role)
        self.vault_name = vault.name
        self.vault_arn = vault.arn
        self.plan_id = plan.id
        self.register_outputs(
            {"vault_name": self.vault_name, "vault_arn": self.vault_arn, "plan_id": self.plan_id}
        )

    def _options(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _create_role(self) -> ServiceRole:
        args = self._args
        return ServiceRole(
            f"{self._prefix}-service",
            ServiceRoleArgs(
                tags=args.tags,
                role="backup",
                service=SERVICE,
                account_id=args.account_id,
                managed_policy_arns=MANAGED_POLICIES,
            ),
            self._options(),
        )

    def _create_vault(self) -> aws.backup.Vault:
        args = self._args
        vault = aws.backup.Vault(
            f"{self._prefix}-vault",
            name=f"{args.tags.prefix}-vault",
            kms_key_arn=args.key.arn,
            force_destroy=args.durability.force_destroy,
            tags=self._labels,
            opts=args.durability.options(self),
        )
        aws.backup.VaultLockConfiguration(
            f"{self._prefix}-lock",
            backup_vault_name=vault.name,
            min_retention_days=args.minimum_days,
            # Without days of grace the lock is one of governance, which an administrator can take off.
            changeable_for_days=LOCK_GRACE_DAYS if args.lock else None,
            # A lock that stays for good goes with its vault alone: AWS refuses to delete it by itself, and a
            # destroy would end there (DeleteBackupVaultLockConfiguration, AWS Backup API).
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.durability.retain or args.lock),
        )
        refusal = {
            "Sid": "RefuseDeletion",
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": [
                "backup:DeleteBackupVault",
                "backup:DeleteRecoveryPoint",
                "backup:UpdateRecoveryPointLifecycle",
            ],
            "Resource": "*",
        }
        if args.durability.protect:
            aws.backup.VaultPolicy(
                f"{self._prefix}-vault-policy",
                backup_vault_name=vault.name,
                policy=document([refusal]),
                # Neither retained nor protected: the engine deletes by the options that it has recorded, and
                # this leaves the program in the very update that takes protection off. Left behind, it would
                # keep everybody from ever emptying the vault. As long as it is here, the vault is protected.
                opts=self._options(),
            )
        return vault

    def _create_plan(self, vault: aws.backup.Vault) -> aws.backup.Plan:
        return aws.backup.Plan(
            f"{self._prefix}-plan",
            name=f"{self._args.tags.prefix}-plan",
            rules=[self._rule(name, schedule, vault) for name, schedule in self._args.schedules.items()],
            tags=self._labels,
            opts=self._options(),
        )

    def _rule(self, name: str, schedule: Schedule, vault: aws.backup.Vault) -> aws.backup.PlanRuleArgs:
        copy_to = self._args.copy_to
        copies = (
            [
                aws.backup.PlanRuleCopyActionArgs(
                    destination_vault_arn=copy_to,
                    lifecycle=aws.backup.PlanRuleCopyActionLifecycleArgs(delete_after=schedule.keep_days),
                )
            ]
            if copy_to
            else None
        )
        return aws.backup.PlanRuleArgs(
            rule_name=name,
            target_vault_name=vault.name,
            schedule=schedule.cron,
            start_window=START_MINUTES,
            completion_window=COMPLETION_MINUTES,
            enable_continuous_backup=schedule.continuous,
            lifecycle=aws.backup.PlanRuleLifecycleArgs(delete_after=schedule.keep_days),
            copy_actions=copies,
            recovery_point_tags=self._labels,
        )

    def _select(self, plan: aws.backup.Plan, role: ServiceRole) -> None:
        """By ARN, not by tag: whoever forgets a tag would find out at the disaster."""
        aws.backup.Selection(
            f"{self._prefix}-selection",
            name=f"{self._args.tags.prefix}-stores",
            plan_id=plan.id,
            iam_role_arn=role.arn,
            resources=[arn for arns in self._args.resources.values() for arn in arns],
            opts=self._options(),
        )

    def _practise(self, vault: aws.backup.Vault, role: ServiceRole) -> None:
        args = self._args
        # The service takes letters, digits and underscores in these names only.
        name = f"{args.tags.prefix}-restore".replace("-", "_")
        plan = aws.backup.RestoreTestingPlan(
            f"{self._prefix}-restore-testing",
            name=name,
            schedule_expression=args.restore_cron,
            recovery_point_selection=aws.backup.RestoreTestingPlanRecoveryPointSelectionArgs(
                algorithm="LATEST_WITHIN_WINDOW",
                include_vaults=[vault.arn],
                recovery_point_types=["CONTINUOUS", "SNAPSHOT"],
            ),
            tags=self._labels,
            opts=self._options(),
        )
        for kind, arns in args.resources.items():
            if not arns:
                continue
            aws.backup.RestoreTestingSelection(
                f"{self._prefix}-restore-{kind.lower()}",
                name=f"{name}_{kind.lower()}",
                restore_testing_plan_name=plan.name,
                protected_resource_type=kind,
                protected_resource_arns=arns,
                iam_role_arn=role.arn,
                restore_metadata_overrides=dict(args.restore_metadata.get(kind, {})) or None,
                validation_window_hours=VALIDATION_HOURS,
                opts=self._options(),
            )


def check_retention(schedules: Mapping[str, Schedule], minimum_days: int) -> None:
    """Refuse schedules whose recovery points the vault would not take.

    Raises:
        ValueError: one keeps fewer days than the vault's least.
    """
    for name, schedule in schedules.items():
        if schedule.keep_days < minimum_days:
            raise ValueError(
                f"The schedule {name} keeps {schedule.keep_days} days, but the vault refuses less than "
                f"{minimum_days}; no backup would ever succeed. Raise keepDays, or lower "
                "minimumDays."
            )
