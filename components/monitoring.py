"""Alarms that reach people, and one page that shows whether the environment is well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from components.log_group import LogGroup, LogGroupArgs
from components.table import OPERATIONS
from components.tags import DataClass, Tags
from components.topic import Topic, TopicArgs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.durability import Durability
    from components.encryption import DataKey
    from components.table import Table

COMPONENT = "monitoring"
PUBLISHER = "cloudwatch.amazonaws.com"

PERIOD_SECONDS = 300
WIDGET_WIDTH = 12
"""Half of a dashboard, whose grid is 24 units wide."""
WIDGET_HEIGHT = 6

TABLE_METRICS = "AWS/DynamoDB"
THROTTLES = ("ReadThrottleEvents", "WriteThrottleEvents")
"""Published by TableName alone, so that an alarm on the table sees them."""
ERRORS = "SystemErrors"
LATENCY = "SuccessfulRequestLatency"
"""These two, like ThrottledRequests, are published by TableName and Operation and never by the table alone:
asked for without the operation there is never a data point (DynamoDB metrics and dimensions)."""


@dataclass(frozen=True)
class Metric:
    """One time series of CloudWatch: it exists with exactly the dimensions that its service publishes."""

    namespace: str
    name: str
    dimensions: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)

    def row(self, statistic: str) -> list[Any]:
        """The same as a dashboard takes it."""
        pairs = [part for pair in self.dimensions.items() for part in pair]
        return [self.namespace, self.name, *pairs, {"stat": statistic}]


@dataclass(frozen=True)
class TrailAlarm:
    """A pattern in the audit trail that a person has to hear of.

    Attributes:
        description: what happened, for whoever is woken by it.
        pattern: a CloudWatch Logs filter pattern.
    """

    description: str
    pattern: str


TRAIL_ALARMS: dict[str, TrailAlarm] = {
    "root-use": TrailAlarm(
        "The account's root user did something.",
        '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && '
        '$.eventType != "AwsServiceEvent" }',
    ),
    "access-denied": TrailAlarm(
        "Calls are refused for want of permission: a broken workload, or somebody trying doors.",
        '{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }',
    ),
    "key-deletion": TrailAlarm(
        "A key was disabled or ordered to be deleted; what it encrypts becomes unreadable.",
        '{ ($.eventSource = "kms.amazonaws.com") && (($.eventName = "DisableKey") || '
        '($.eventName = "ScheduleKeyDeletion")) }',
    ),
    "bucket-policy": TrailAlarm(
        "Who may reach a bucket was changed.",
        '{ ($.eventSource = "s3.amazonaws.com") && (($.eventName = "PutBucketPolicy") || '
        '($.eventName = "DeleteBucketPolicy") || ($.eventName = "PutBucketAcl") || '
        '($.eventName = "DeleteBucketPublicAccessBlock") || ($.eventName = "PutBucketPublicAccessBlock")) }',
    ),
    "trail-change": TrailAlarm(
        "The audit trail itself was changed or stopped.",
        '{ ($.eventName = "StopLogging") || ($.eventName = "DeleteTrail") || '
        '($.eventName = "UpdateTrail") || ($.eventName = "PutEventSelectors") }',
    ),
}
"""Sources: CIS AWS Foundations Benchmark, section on monitoring; FSBP CloudWatch.1 and following."""


@dataclass(frozen=True)
class MonitoringArgs:
    """What monitoring needs to know.

    Attributes:
        tags: ownership; the environment in it also names everything.
        account_id: the AWS account, 12 digits.
        region: where alarms and dashboard are.
        log_key: of the domain of logs.
        message_key: of the domain of messages; its policy has to admit `PUBLISHER`.
        tables: those that are watched, by a name for people.
        trail_log_group: where the audit trail can be searched, default None: no alarms on it.
        emails: who is told, default nobody.
        log_days: days that the application's logs are kept, default 365.
        durability: of the log group.
    """

    tags: Tags
    account_id: str
    region: str
    log_key: DataKey
    message_key: DataKey
    tables: Mapping[str, Table]
    trail_log_group: pulumi.Input[str] | None
    emails: Sequence[str]
    log_days: int
    durability: Durability


class Monitoring(pulumi.ComponentResource):
    """The application's log group, alarms on stores and on the audit trail, a dashboard, a topic.

    Attributes:
        topic_arn: where alarms go.
        application_log_group: where the cluster's log agent sends the application's logs.
        dashboard_name: the page.
    """

    topic_arn: pulumi.Output[str]
    application_log_group: pulumi.Output[str]
    dashboard_name: pulumi.Output[str]

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Monitoring", name, None, opts)
        self._prefix = name
        self._args = args
        self._labels = args.tags.aws(COMPONENT, DataClass.INTERNAL)
        self._topic = self._create_topic()
        logs = self._create_log_group()
        self._watch_tables()
        if args.trail_log_group is not None:
            self._watch_trail(args.trail_log_group)
        dashboard = self._create_dashboard()
        self.topic_arn = self._topic.arn
        self.application_log_group = logs.group_name
        self.dashboard_name = dashboard.dashboard_name
        self.register_outputs(
            {
                "topic_arn": self.topic_arn,
                "application_log_group": self.application_log_group,
                "dashboard_name": self.dashboard_name,
            }
        )

    def _options(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _create_topic(self) -> Topic:
        args = self._args
        return Topic(
            f"{self._prefix}-alarms",
            TopicArgs(
                topic_name=f"{args.tags.prefix}-alarms",
                account_id=args.account_id,
                key=args.message_key,
                tags=self._labels,
                publishers=[PUBLISHER],
                emails=args.emails,
            ),
            self._options(),
        )

    def _create_log_group(self) -> LogGroup:
        args = self._args
        return LogGroup(
            f"{self._prefix}-application",
            LogGroupArgs(
                group_name=f"{args.tags.log_prefix}application",
                key=args.log_key,
                retention_days=args.log_days,
                tags=args.tags.aws(COMPONENT, DataClass.CONFIDENTIAL),
                durability=args.durability,
            ),
            self._options(),
        )

    def _watch_tables(self) -> None:
        for role, table in self._args.tables.items():
            for name in THROTTLES:
                self._create_alarm(
                    f"{role}-{name.lower()}",
                    f"The table of {role} refuses requests for their number ({name}); records may be late or "
                    "lost.",
                    [_of_table(name, table)],
                )
            self._create_alarm(
                f"{role}-{ERRORS.lower()}",
                f"The table of {role} answers with {ERRORS}; records may be late or lost.",
                _by_operation(ERRORS, table),
            )

    def _watch_trail(self, log_group: pulumi.Input[str]) -> None:
        namespace = f"{self._args.tags.project}/{self._args.tags.environment}/audit"
        for name, alarm in TRAIL_ALARMS.items():
            aws.cloudwatch.LogMetricFilter(
                f"{self._prefix}-{name}-filter",
                name=f"{self._args.tags.prefix}-{name}",
                log_group_name=log_group,
                pattern=alarm.pattern,
                metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                    name=name, namespace=namespace, value="1", default_value="0"
                ),
                opts=self._options(),
            )
            self._create_alarm(name, alarm.description, [Metric(namespace, name)])

    def _create_alarm(self, name: str, description: str, watched: Sequence[Metric]) -> None:
        """An alarm on anything at all in one metric, or in several together."""
        one = watched[0] if len(watched) == 1 else None
        aws.cloudwatch.MetricAlarm(
            f"{self._prefix}-{name}",
            name=f"{self._args.tags.prefix}-{name}",
            alarm_description=description,
            namespace=one.namespace if one else None,
            metric_name=one.name if one else None,
            dimensions=(dict(one.dimensions) or None) if one else None,
            statistic="Sum" if one else None,
            period=PERIOD_SECONDS if one else None,
            metric_queries=None if one else _sum_of(watched),
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=0,
            # These metrics are reported only when something happens.
            treat_missing_data="notBreaching",
            alarm_actions=[self._topic.arn],
            ok_actions=[self._topic.arn],
            tags=self._labels,
            opts=self._options(),
        )

    def _create_dashboard(self) -> aws.cloudwatch.Dashboard:
        """A row for each table: what fails, and how long the rest takes."""
        widgets = [
            widget
            for row, (role, table) in enumerate(self._args.tables.items())
            for widget in (
                self._widget(
                    (0, row),
                    f"{role}: requests that fail or are throttled",
                    [*(_of_table(name, table) for name in THROTTLES), *_by_operation(ERRORS, table)],
                    "Sum",
                ),
                self._widget(
                    (1, row), f"{role}: milliseconds of a request", _by_operation(LATENCY, table), "Average"
                ),
            )
        ]
        return aws.cloudwatch.Dashboard(
            f"{self._prefix}-dashboard",
            dashboard_name=f"{self._args.tags.prefix}",
            dashboard_body=pulumi.Output.json_dumps({"widgets": widgets}, sort_keys=True),
            opts=self._options(),
        )

    def _widget(
        self, place: tuple[int, int], title: str, metrics: Sequence[Metric], statistic: str
    ) -> dict[str, Any]:
        column, row = place
        return {
            "type": "metric",
            "x": column * WIDGET_WIDTH,
            "y": row * WIDGET_HEIGHT,
            "width": WIDGET_WIDTH,
            "height": WIDGET_HEIGHT,
            "properties": {
                "title": title,
                "region": self._args.region,
                "period": PERIOD_SECONDS,
                "metrics": [metric.row(statistic) for metric in metrics],
            },
        }


def _of_table(metric: str, table: Table) -> Metric:
    return Metric(TABLE_METRICS, metric, {"TableName": table.table_name})


def _by_operation(metric: str, table: Table) -> list[Metric]:
    return [
        Metric(TABLE_METRICS, metric, {"TableName": table.table_name, "Operation": operation})
        for operation in OPERATIONS
    ]


def _sum_of(watched: Sequence[Metric]) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgs]:
    """The sum, in which a metric that reports nothing counts as zero and doesn't silence the others."""
    queries = [
        aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=f"m{index}",
            return_data=False,
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace=metric.namespace,
                metric_name=metric.name,
                dimensions=dict(metric.dimensions),
                period=PERIOD_SECONDS,
                stat="Sum",
            ),
        )
        for index, metric in enumerate(watched)
    ]
    total = aws.cloudwatch.MetricAlarmMetricQueryArgs(
        id="total", expression="SUM(FILL(METRICS(), 0))", return_data=True
    )
    return [*queries, total]
