"""A queue under our own key, with a second one for what nobody could handle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.grants import Grant, Statement, document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.encryption import DataKey

RETENTION_DAYS = range(1, 15)
"""What SQS keeps a message, in whole days (SetQueueAttributes, SQS API)."""

DAY_SECONDS = 86400
LONG_POLL_SECONDS = 20


@dataclass(frozen=True)
class QueueArgs:
    """What a queue needs to know.

    Attributes:
        queue_name: its name in the account and Region; the dead letters' ends in `-dead`.
        key: our key, of the domain of messages.
        tags: AWS tags, the data class among them.
        visibility_seconds: how long a received message is hidden, default 300; if handling takes longer, a
            second receiver gets it too.
        attempts: how often a message is received until it is a dead letter, default 5.
        retention_days: days that a message waits, 1 to 14, default 14; then it is lost.
    """

    queue_name: str
    key: DataKey
    tags: Mapping[str, str]
    visibility_seconds: int = 300
    attempts: int = 5
    retention_days: int = 14

    def __post_init__(self) -> None:
        """Refuse what SQS would refuse."""
        if self.retention_days not in RETENTION_DAYS:
            raise ValueError(
                f"The queue {self.queue_name} keeps messages {self.retention_days} days; SQS takes 1 to 14. "
                "Change its retention."
            )
        if self.attempts < 1:
            raise ValueError(
                f"The queue {self.queue_name} gives a message {self.attempts} attempts; at least 1 is "
                "needed. Change its attempts."
            )


class Queue(pulumi.ComponentResource):
    """Messages that wait until they are handled.

    Attributes:
        url: what senders and receivers name; known only when the policy stands.
        arn: the queue.
        queue_name: its name.
        dead_letter_name: name of the queue of what nobody could handle.
        dead_letter_arn: that queue.
    """

    url: pulumi.Output[str]
    arn: pulumi.Output[str]
    queue_name: pulumi.Output[str]
    dead_letter_name: pulumi.Output[str]
    dead_letter_arn: pulumi.Output[str]

    def __init__(self, name: str, args: QueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Queue", name, None, opts)
        self._prefix = name
        self._args = args
        dead = self._create_queue("dead", f"{args.queue_name}-dead", None)
        queue = self._create_queue("queue", args.queue_name, dead)
        policies = [self._create_policy("dead", dead), self._create_policy("queue", queue)]
        self._admit(dead, queue)
        self.arn = queue.arn
        self.queue_name = queue.name
        self.dead_letter_name = dead.name
        self.dead_letter_arn = dead.arn
        self.url = pulumi.Output.all(queue.url, *[policy.id for policy in policies]).apply(
            lambda values: str(values[0])
        )
        self.register_outputs(
            {
                "url": self.url,
                "arn": self.arn,
                "queue_name": self.queue_name,
                "dead_letter_name": self.dead_letter_name,
                "dead_letter_arn": self.dead_letter_arn,
            }
        )

    def grant_send(self, purpose: str) -> Grant:
        """Sending, and nothing else."""
        use = self._use("kms:Decrypt", "kms:GenerateDataKey")
        return Grant(purpose, (Statement(("sqs:SendMessage",), (self.arn,)), use))

    def grant_receive(self, purpose: str) -> Grant:
        """Receiving, and deleting what was handled."""
        use = self._use("kms:Decrypt")
        actions = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage")
        return Grant(purpose, (Statement(actions, (self.arn,)), use))

    def _use(self, *actions: str) -> Statement:
        return self._args.key.through("sqs", actions, {"aws:sqs:arn": self.arn})

    def _create_queue(self, role: str, queue_name: str, dead: aws.sqs.Queue | None) -> aws.sqs.Queue:
        args = self._args
        redrive = (
            pulumi.Output.json_dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": args.attempts})
            if dead
            else None
        )
        return aws.sqs.Queue(
            f"{self._prefix}-{role}",
            name=queue_name,
            kms_master_key_id=args.key.arn,
            message_retention_seconds=args.retention_days * DAY_SECONDS,
            visibility_timeout_seconds=args.visibility_seconds,
            receive_wait_time_seconds=LONG_POLL_SECONDS,
            redrive_policy=redrive,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_policy(self, role: str, queue: aws.sqs.Queue) -> aws.sqs.QueuePolicy:
        refusal = {
            "Sid": "RefusePlainHttp",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": queue.arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        return aws.sqs.QueuePolicy(
            f"{self._prefix}-{role}-policy",
            queue_url=queue.url,
            policy=document([refusal]),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _admit(self, dead: aws.sqs.Queue, queue: aws.sqs.Queue) -> None:
        """Only this queue's dead letters go there; anybody else's would be mistaken for them."""
        aws.sqs.RedriveAllowPolicy(
            f"{self._prefix}-dead-sources",
            queue_url=dead.url,
            redrive_allow_policy=pulumi.Output.json_dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [queue.arn]}
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
