"""How an environment is closed off, watched, backed up and paid for; each part only if it is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.audit import Audit, AuditArgs, trail_arn
from components.budget import Budget, BudgetArgs
from components.data_stores import TableRole
from components.encryption import KeyDomain, ServiceUse
from components.key_services import log_groups, publisher, trail
from components.monitoring import PUBLISHER, Monitoring, MonitoringArgs
from components.network import Network, NetworkArgs
from components.oversight import Oversight, OversightArgs
from components.recovery import Recovery, RecoveryArgs
from components.tags import DataClass

if TYPE_CHECKING:
    from components.data_stores import DataStores
    from components.durability import Durability
    from components.encryption import Encryption
    from components.tags import Tags
    from stacks.schema import Settings


def key_domains(settings: Settings) -> dict[KeyDomain, DataClass]:
    """Which keys the operations of an environment need, with the most sensitive data of each."""
    wanted = {
        KeyDomain.LOGS: settings.audit or settings.monitoring or settings.network,
        KeyDomain.MESSAGES: settings.monitoring or settings.oversight,
        KeyDomain.BACKUPS: settings.recovery,
    }
    classes = {
        KeyDomain.LOGS: DataClass.CONFIDENTIAL,
        KeyDomain.MESSAGES: settings.data.classification,
        KeyDomain.BACKUPS: settings.data.classification,
    }
    return {domain: classes[domain] for domain, section in wanted.items() if section is not None}


def service_uses(settings: Settings, tags: Tags) -> dict[KeyDomain, list[ServiceUse]]:
    """Which AWS services use those keys for themselves."""
    logs = [log_groups(settings.account_id, settings.region, tags.log_prefix)]
    if settings.audit:
        logs.append(trail(trail_arn(tags, settings.account_id, settings.region)))
    return {KeyDomain.LOGS: logs, KeyDomain.MESSAGES: [publisher(PUBLISHER, settings.account_id)]}


class Operations:
    """What surrounds the application.

    Attributes:
        network: a network of its own, None where the cluster's is used.
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
        encryption: Encryption,
        stores: DataStores,
    ) -> None:
        self._settings = settings
        self._tags = tags
        self._durability = durability
        self._keys = encryption.keys
        self._stores = stores
        self.network = self._close_off()
        self.audit = self._audit()
        self.oversight = self._review()
        self.monitoring = self._watch()
        self.recovery = self._back_up()
        self.budget = self._budget()

    def _close_off(self) -> Network | None:
        settings, network = self._settings, self._settings.network
        if network is None:
            return None
        return Network(
            "network",
            NetworkArgs(
                tags=self._tags,
                account_id=settings.account_id,
                region=settings.region,
                key=self._keys[KeyDomain.LOGS],
                cidr=network.cidr,
                zones=network.zones,
                taken=network.taken,
                services=network.services,
                nat=network.nat,
                flow_log_days=network.flow_log_days,
                single_zone=network.single_zone,
                durability=self._durability,
            ),
        )

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
                access_logs=self._stores.access_logs.bucket_name,
                data_event_buckets=[bucket.arn for bucket in self._stores.buckets.values()],
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
                reviews=self._stores.tables[TableRole.REVIEWS],
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
                stores=self._stores,
                trail_log_group=self.audit.log_group_name if self.audit else None,
                emails=monitoring.emails,
                log_days=monitoring.log_days,
                durability=self._durability,
            ),
        )

    def _back_up(self) -> Recovery | None:
        settings, recovery = self._settings, self._settings.recovery
        if recovery is None:
            return None
        return Recovery(
            "recovery",
            RecoveryArgs(
                tags=self._tags,
                account_id=settings.account_id,
                key=self._keys[KeyDomain.BACKUPS],
                resources={
                    "DynamoDB": [table.arn for table in self._stores.tables.values()],
                    "S3": [bucket.arn for bucket in self._stores.buckets.values()],
                },
                schedules=recovery.plan(),
                minimum_days=recovery.minimum_days,
                lock=recovery.lock,
                copy_to=recovery.copy_to,
                restore_cron=recovery.restore_cron,
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
