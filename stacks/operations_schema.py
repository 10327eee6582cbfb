"""The parts of a stack's config that say how it is watched, backed up, paid for and closed off.

Each section is optional: an environment without it lacks the component.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from components.bucket import LockMode
from components.recovery import Schedule, check_retention
from stacks.section import MINIMUM_LOG_DAYS, Days, Email, LogDays, Network4, Seconds, Section

VaultArn = Annotated[str, Field(pattern=r"^arn:[a-z-]+:backup:[a-z0-9-]+:\d{12}:backup-vault:.+$")]

PRIVATE_SERVICES = (
    "autoscaling",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "elasticloadbalancing",
    "kms",
    "logs",
    "monitoring",
    "secretsmanager",
    "sns",
    "sqs",
    "sts",
)
"""What private nodes and pods call, besides S3 and DynamoDB: without one of them they don't start."""


class Network(Section):
    """`plinth:network`: a network of its own, default none: the cluster's is used.

    Attributes:
        cidr: /16 to /24; a change replaces everything in it.
        zones: at least two.
        taken: networks that it must not overlap.
        services: AWS services with interface endpoints; each costs by the hour and zone.
        nat: a way to the internet, by a NAT gateway in each zone, default False. The proxies need it to fetch
            the keys of a token issuer. Whatever else may connect to any address on port 443 then reaches the
            internet, too: see `awsNetworks` of `plinth:workloads`.
        flow_log_days: default 365.
        single_zone: accept one zone, default False.
    """

    cidr: Network4
    zones: Annotated[list[str], Field(min_length=1)]
    taken: tuple[Network4, ...] = ()
    services: tuple[str, ...] = PRIVATE_SERVICES
    nat: bool = False
    flow_log_days: LogDays = 365
    single_zone: bool = False


class Audit(Section):
    """`plinth:audit`: the trail, default none.

    Attributes:
        retention_days: how long every record is locked, default 400, at least 183.
        lock_mode: default COMPLIANCE: nobody can shorten it.
        search_days: in CloudWatch Logs, default 90.
    """

    retention_days: Annotated[int, Field(ge=MINIMUM_LOG_DAYS, le=36500)] = 400
    lock_mode: LockMode = LockMode.COMPLIANCE
    search_days: LogDays = 90


class Monitoring(Section):
    """`plinth:monitoring`: alarms and the dashboard, default none.

    Attributes:
        emails: who hears of alarms, at least one.
        log_days: of the application's logs in CloudWatch, default 365.
    """

    emails: Annotated[list[Email], Field(min_length=1)]
    log_days: LogDays = 365


class Oversight(Section):
    """`plinth:oversight`: people who review predictions, default none.

    Attributes:
        escalation_emails: who is told of cases that nobody takes, at least one.
        waiting_seconds: how long a case may wait, default 3600.
        reviewing_seconds: how long a reviewer holds a case, default 900.
    """

    escalation_emails: Annotated[list[Email], Field(min_length=1)]
    waiting_seconds: Seconds = 3600
    reviewing_seconds: Seconds = 900


class BackupSchedule(Section):
    """One rule of the backup plan: when (UTC), and for how many days."""

    cron: Annotated[str, Field(pattern=r"^cron\(.+\)$")]
    keep_days: Days
    continuous: bool = False


class Recovery(Section):
    """`plinth:recovery`: backups, default none.

    Attributes:
        schedules: rules by name.
        minimum_days: no recovery point is deleted before, default 7.
        lock: for good, default True.
        copy_to: a vault in the recovery Region, default None.
        restore_cron: when restores are practised, default Sundays at 3.
    """

    schedules: Annotated[dict[str, BackupSchedule], Field(min_length=1)]
    minimum_days: Days = 7
    lock: bool = True
    copy_to: (
        Annotated[str, Field(pattern=r"^arn:[a-z-]+:backup:[a-z0-9-]+:\d{12}:backup-vault:.+$")] | None
    ) = None
    restore_cron: Annotated[str, Field(pattern=r"^cron\(.+\)$")] = "cron(0 3 ? * SUN *)"

    @model_validator(mode="after")
    def _kept(self) -> Self:
        check_retention(self.plan(), self.minimum_days)
        return self

    def plan(self) -> dict[str, Schedule]:
        """The schedules as the component takes them."""
        return {
            name: Schedule(rule.cron, rule.keep_days, rule.continuous)
            for name, rule in self.schedules.items()
        }


class Budget(Section):
    """`plinth:budget`: what a month may cost, default none.

    Attributes:
        monthly_usd: US dollars.
        emails: who hears of it, at least one.
    """

    monthly_usd: Annotated[float, Field(gt=0)]
    emails: Annotated[list[Email], Field(min_length=1)]
