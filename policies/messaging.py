"""Queues and topics: our key, no strangers, TLS only, no message lost without a trace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from policies.core.build import OWN_KEY, property_rule, resource_rule, stack_rule
from policies.core.documents import Statement, denies_plain_transport, shown, statements
from policies.core.rules import Context, Problem, Rule, Severity, Topic
from policies.core.values import UNKNOWN, MalformedError, UndecidedError, View, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

QUEUE: Final = "aws:sqs/queue:Queue"
QUEUE_POLICY: Final = "aws:sqs/queuePolicy:QueuePolicy"
REDRIVE: Final = "aws:sqs/redrivePolicy:RedrivePolicy"
TOPIC: Final = "aws:sns/topic:Topic"
TOPIC_POLICY: Final = "aws:sns/topicPolicy:TopicPolicy"


def _no_public_statement(holder: Resource, _context: Context) -> Iterator[Problem]:
    for statement in statements(holder.at("policy")):
        if statement.allows and statement.public and not statement.narrowed:
            yield Problem(statement.path, shown(statement))


def _tls_only(holder: Resource, context: Context) -> Iterator[Problem]:
    service, token, link = (
        ("sqs", QUEUE_POLICY, "queueUrl") if holder.type == QUEUE else ("sns", TOPIC_POLICY, "arn")
    )
    held: list[Statement] = []
    for attached in context.stack.referring(holder, token, link):
        held.extend(statements(attached.at("policy")))
    if not held:
        held = statements(holder.at("policy"))
    arn = holder.props.get("arn")
    if not denies_plain_transport(held, service, arn if isinstance(arn, str) else None):
        yield Problem("policy", "no statement that denies requests without TLS")


def _has_dead_letters(queue: Resource, context: Context) -> Iterator[Problem]:
    if _receives_dead_letters(queue, context):
        return
    views = [queue.at("redrivePolicy")]
    views += [redrive.at("redrivePolicy") for redrive in context.stack.referring(queue, REDRIVE, "queueUrl")]
    if not any(_target(view) for view in views if view.present()):
        yield Problem("redrivePolicy", show(queue.at("redrivePolicy").value))


def _receives_dead_letters(queue: Resource, context: Context) -> bool:
    arn = queue.props.get("arn")
    for other in context.stack.of(QUEUE, REDRIVE):
        view = other.at("redrivePolicy")
        if view.value is UNKNOWN:
            if other.urn != queue.urn and queue.urn in other.depends.get("redrivePolicy", ()):
                return True
        elif other.urn != queue.urn and view.present() and isinstance(arn, str) and _target(view) == arn:
            return True
    return False


def _target(view: View) -> str | None:
    """ARN of the dead-letter queue that a redrive policy names."""
    if view.value is UNKNOWN:
        raise UndecidedError(view.path)
    text = view.text() or ""
    if not text:
        return None
    try:
        held = View(json.loads(text), view.path)
    except (ValueError, RecursionError) as error:
        raise MalformedError(view.path, text, "JSON") from error
    tries = held.at("maxReceiveCount").known()
    if tries is None:
        raise MalformedError(f"{view.path}.maxReceiveCount", None, "a number of tries")
    return held.at("deadLetterTargetArn").text()


RULES: Final[tuple[Rule, ...]] = (
    property_rule(
        "messaging-queue-own-key",
        (QUEUE,),
        ("kmsMasterKeyId",),
        OWN_KEY,
        title="Queues are encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.HIGH,
        public_ids=("SQS.1", "CKV_AWS_27"),
        remediation="Set kmsMasterKeyId to a key of ours.",
    ),
    property_rule(
        "messaging-topic-own-key",
        (TOPIC,),
        ("kmsMasterKeyId",),
        OWN_KEY,
        title="Topics are encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.HIGH,
        public_ids=("SNS.1", "CKV_AWS_26"),
        remediation="Set kmsMasterKeyId to a key of ours.",
    ),
    resource_rule(
        "messaging-no-public-policy",
        (QUEUE, QUEUE_POLICY, TOPIC, TOPIC_POLICY),
        _no_public_statement,
        title="No queue or topic is open to everybody",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("SNS.4", "SQS.3", "CKV_AWS_168", "CKV_AWS_169"),
        remediation="Name the principals, or tie the statement to our account or to a source.",
    ),
    stack_rule(
        "messaging-tls-only",
        (QUEUE, TOPIC),
        _tls_only,
        title="Queues and topics refuse requests without TLS",
        topic=Topic.TRANSMISSION,
        severity=Severity.HIGH,
        public_ids=("CKV_AWS_385",),
        reads=(QUEUE_POLICY, TOPIC_POLICY),
        remediation="Deny sqs:* or sns:* to everybody on it where aws:SecureTransport is false.",
    ),
    stack_rule(
        "messaging-dead-letters",
        (QUEUE,),
        _has_dead_letters,
        title="Every queue has a dead-letter queue, or is one",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        reads=(REDRIVE,),
        remediation="Set redrivePolicy with deadLetterTargetArn and maxReceiveCount.",
    ),
)
