"""A topic under our own key, to which named services publish and nobody without TLS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from components.grants import Grant, Statement, document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.encryption import DataKey


@dataclass(frozen=True)
class TopicArgs:
    """What a topic needs to know.

    Attributes:
        topic_name: its name in the account and Region.
        account_id: the AWS account, 12 digits; only services acting for it publish.
        key: our key, of the domain of messages.
        tags: AWS tags, the data class among them.
        publishers: services that publish, such as `cloudwatch.amazonaws.com`, default none; the key has to
            admit them too.
        emails: mailboxes that get every message, default none; each has to confirm once.
    """

    topic_name: str
    account_id: str
    key: DataKey
    tags: Mapping[str, str]
    publishers: Sequence[str] = ()
    emails: Sequence[str] = ()


class Topic(pulumi.ComponentResource):
    """Messages to whoever subscribed.

    Attributes:
        arn: the topic; known only when its policy stands.
    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: TopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Topic", name, None, opts)
        self._args = args
        options = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(
            f"{name}-topic",
            name=args.topic_name,
            kms_master_key_id=args.key.arn,
            tags=dict(args.tags),
            opts=options,
        )
        policy = aws.sns.TopicPolicy(
            f"{name}-policy", arn=topic.arn, policy=document(self._statements(topic.arn)), opts=options
        )
        for index, email in enumerate(args.emails):
            aws.sns.TopicSubscription(
                f"{name}-email-{index}", topic=topic.arn, protocol="email", endpoint=email, opts=options
            )
        self.arn = pulumi.Output.all(topic.arn, policy.id).apply(lambda values: str(values[0]))
        self.register_outputs({"arn": self.arn})

    def grant_publish(self, purpose: str) -> Grant:
        """Publishing, and nothing else."""
        use = self._args.key.through(
            "sns", ("kms:Decrypt", "kms:GenerateDataKey"), {"aws:sns:topicArn": self.arn}
        )
        return Grant(purpose, (Statement(("sns:Publish",), (self.arn,)), use))

    def _statements(self, arn: pulumi.Output[str]) -> list[dict[str, Any]]:
        statements: list[dict[str, Any]] = [
            {
                "Sid": "RefusePlainHttp",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:Publish",
                "Resource": arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ]
        if self._args.publishers:
            statements.append(
                {
                    "Sid": "AllowServices",
                    "Effect": "Allow",
                    "Principal": {"Service": list(self._args.publishers)},
                    "Action": "sns:Publish",
                    "Resource": arn,
                    "Condition": {"StringEquals": {"aws:SourceAccount": self._args.account_id}},
                }
            )
        return statements
