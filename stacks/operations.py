"""How an environment is watched, reviewed, backed up and paid for; each part only if it is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.audit import Audit, AuditArgs
from components.budget import Budget, BudgetArgs
from components.data_stores import TableRole
from components.encryption import KeyDomain
from components.monitoring import Monitoring, MonitoringArgs
from components.oversight import Oversight, OversightArgs
from components.recovery import Recovery, RecoveryArgs

if TYPE_CHECKING:
    from components.durability import Durability
    from components.tags import Tags
    from stacks.foundation import Foundation
    from stacks.schema import Settings


class Operations:
    """What surrounds the application.

    Attributes:
        audit: the trail.
        oversight: the review of predictions.
        monitoring: alarms and the dashboard.
        recovery: backups.
        budget: the monthly budget.
    """

    def __init__(
        self,
        settings: Settings,
        tags: Tags,
        durability: Durability,
        foundation: Foundation,
    ) -> None:
        self._settings = settings
        self._tags = tags
        self._durability = durability
        self._keys = foundation.encryption.keys
        self._foundation = foundation
        self.audit = self._audit()
        self.oversight = self._review()
        self.monitoring = self._watch()
        self.recovery = self._back_up()
        self.budget = self._budget()

    def _audit(self) -> Audit | None:
        settings, audit = self._settings, self._settings.audit
        if audit is None:
            return None
        return Audit(
            "audit",
            AuditArgs(
                tags=self._tags,
                account_id=settings.account_id,
                region=settings.region,
                key=self._keys[KeyDomain.LOGS],
                access_logs=self._foundation.data_stores.access_logs.bucket_name,
                data_event_buckets=[bucket.arn for bucket in self._foundation.buckets],
                retention_days=audit.retention_days,
                lock_mode=audit.lock_mode,
                search_days=audit.search_days,
                durability=self._durability,
            ),
        )

    def _review(self) -> Oversight | None:
        settings, oversight = self._settings, self._settings.oversight
        if oversight is None:
            return None
        return Oversight(
            "oversight",
            OversightArgs(
                tags=self._tags,
                account_id=settings.account_id,
                key=self._keys[KeyDomain.MESSAGES],
                reviews=self._foundation.data_stores.tables[TableRole.REVIEWS],
                data_class=settings.data.classification,
                escalation_emails=oversight.escalation_emails,
                waiting_seconds=oversight.waiting_seconds,
                reviewing_seconds=oversight.reviewing_seconds,
            ),
        )

    def _watch(self) -> Monitoring | None:
        settings, monitoring = self._settings, self._settings.monitoring
        if monitoring is None:
            return None
        return Monitoring(
            "monitoring",
            MonitoringArgs(
                tags=self._tags,
                account_id=settings.account_id,
                region=settings.region,
                log_key=self._keys[KeyDomain.LOGS],
                message_key=self._keys[KeyDomain.MESSAGES],
                tables=self._foundation.tables,
                trail_log_group=self.audit.log_group_name if self.audit else None,
                emails=monitoring.emails,
                log_days=monitoring.log_days,
                durability=self._durability,
            ),
        )

    def _back_up(self) -> Recovery | None:
        settings, recovery = self._settings, self._settings.recovery
        registry = self._foundation.model_registry
        if recovery is None:
            return None
        return Recovery(
            "recovery",
            RecoveryArgs(
                tags=self._tags,
                account_id=settings.account_id,
                key=self._keys[KeyDomain.BACKUPS],
                resources={
                    "DynamoDB": [table.arn for table in self._foundation.tables.values()],
                    "RDS": self._foundation.databases,
                    "S3": [bucket.arn for bucket in self._foundation.buckets],
                },
                schedules=recovery.plan(),
                minimum_days=recovery.minimum_days,
                lock=recovery.lock,
                copy_to=recovery.copy_to,
                restore_cron=recovery.restore_cron,
                restore_metadata={"RDS": registry.database.restore_metadata} if registry else {},
                durability=self._durability,
            ),
        )

    def _budget(self) -> Budget | None:
        budget = self._settings.budget
        if budget is None:
            return None
        return Budget(
            "budget",
            BudgetArgs(tags=self._tags, monthly_usd=budget.monthly_usd, emails=budget.emails),
        )
