"""Where people look over the model's shoulder: what waits for review, and who is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.queue import Queue, QueueArgs
from components.topic import Topic, TopicArgs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.encryption import DataKey
    from components.grants import Grant
    from components.table import Table
    from components.tags import DataClass, Tags

COMPONENT = "oversight"

PERIOD_SECONDS = 300
ALARM_SERVICE = "cloudwatch.amazonaws.com"


@dataclass(frozen=True)
class OversightArgs:
    """What the review of predictions needs to know.

    Attributes:
        tags: ownership; the environment in it also names queue and topic.
        account_id: the AWS account, 12 digits.
        key: of the domain of messages; its policy has to admit `ALARM_SERVICE`.
        reviews: the table of verdicts.
        data_class: how sensitive a case is.
        escalation_emails: who is told, default nobody.
        waiting_seconds: how long a case may wait for a person until that is an alarm, default 3600.
        reviewing_seconds: how long a reviewer holds a case, default 900; then another one gets it too.
    """

    tags: Tags
    account_id: str
    key: DataKey
    reviews: Table
    data_class: DataClass
    escalation_emails: Sequence[str] = ()
    waiting_seconds: int = 3600
    reviewing_seconds: int = 900


class Oversight(pulumi.ComponentResource):
    """The review queue, its escalation, and alarms on cases that nobody takes.

    Attributes:
        queue_url: where cases wait.
        escalation_arn: the topic that tells people.
    """

    queue_url: pulumi.Output[str]
    escalation_arn: pulumi.Output[str]

    def __init__(self, name: str, args: OversightArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Oversight", name, None, opts)
        self._prefix = name
        self._args = args
        tags = args.tags.aws(COMPONENT, args.data_class)
        self._queue = Queue(
            f"{name}-cases",
            QueueArgs(
                queue_name=f"{args.tags.prefix}-review",
                key=args.key,
                tags=tags,
                visibility_seconds=args.reviewing_seconds,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self._escalation = Topic(
            f"{name}-escalation",
            TopicArgs(
                topic_name=f"{args.tags.prefix}-escalation",
                account_id=args.account_id,
                key=args.key,
                tags=tags,
                publishers=[ALARM_SERVICE],
                emails=args.escalation_emails,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self._create_alarms(tags)
        self.queue_url = self._queue.url
        self.escalation_arn = self._escalation.arn
        self.register_outputs({"queue_url": self.queue_url, "escalation_arn": self.escalation_arn})

    def grant_ask(self) -> list[Grant]:
        """What a service needs that sends predictions to review."""
        return [self._queue.grant_send("ask for a review")]

    def grant_review(self) -> list[Grant]:
        """What the reviewers' console needs: cases, verdicts, escalation."""
        return [
            self._queue.grant_receive("take cases"),
            self._args.reviews.grant_read("read verdicts"),
            self._args.reviews.grant_write("record verdicts"),
            self._escalation.grant_publish("escalate a case"),
        ]

    def _create_alarms(self, tags: dict[str, str]) -> None:
        self._create_alarm(
            "waiting",
            "A case has waited for a reviewer longer than allowed.",
            self._queue.queue_name,
            ("ApproximateAgeOfOldestMessage", self._args.waiting_seconds),
            tags,
        )
        self._create_alarm(
            "dead",
            "A case could not be handled and lies among the dead letters.",
            self._queue.dead_letter_name,
            ("ApproximateNumberOfMessagesVisible", 0),
            tags,
        )

    def _create_alarm(
        self,
        name: str,
        description: str,
        queue_name: pulumi.Output[str],
        limit: tuple[str, int],
        tags: dict[str, str],
    ) -> None:
        metric, threshold = limit
        aws.cloudwatch.MetricAlarm(
            f"{self._prefix}-{name}",
            name=f"{self._args.tags.prefix}-review-{name}",
            alarm_description=description,
            namespace="AWS/SQS",
            metric_name=metric,
            dimensions={"QueueName": queue_name},
            statistic="Maximum",
            period=PERIOD_SECONDS,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=threshold,
            # An empty queue reports nothing, and is fine.
            treat_missing_data="notBreaching",
            alarm_actions=[self._escalation.arn],
            ok_actions=[self._escalation.arn],
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
