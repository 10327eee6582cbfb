"""Queues and topics together: both carry messages, and both are bound alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from factories import ACCOUNT, KEY_ARN, queue, topic
from recording import record, statements

from components.grants import policy_document


def test_a_queue_is_encrypted_under_our_key_with_its_dead_letters() -> None:
    queues = record(queue).of("queue:Queue")
    encrypted = [
        resource.inputs["kmsMasterKeyId"] for resource in queues if "kmsMasterKeyId" in resource.inputs
    ]
    assert encrypted == [KEY_ARN, KEY_ARN]


def test_what_nobody_could_handle_ends_among_the_dead_letters() -> None:
    recording = record(lambda: queue(attempts=3))
    redrive = json.loads(recording.one("sqs/queue:Queue", "queue-queue").inputs["redrivePolicy"])
    assert redrive == {
        "deadLetterTargetArn": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:plinth-test-review-dead",
        "maxReceiveCount": 3,
    }
    assert "redrivePolicy" not in recording.one("sqs/queue:Queue", "queue-dead").inputs


def test_nobody_elses_dead_letters_go_there() -> None:
    allow = json.loads(record(queue).one("RedriveAllowPolicy").inputs["redriveAllowPolicy"])
    assert allow == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"arn:aws:sqs:eu-central-1:{ACCOUNT}:plinth-test-review"],
    }


def test_a_queue_refuses_plain_http_and_allows_nobody_by_itself() -> None:
    for policy in record(queue).of("QueuePolicy"):
        (refusal,) = statements(policy.inputs["policy"])
        assert (refusal["Effect"], refusal["Principal"]) == ("Deny", "*")
        assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(("field", "value"), [("retention_days", 0), ("retention_days", 15), ("attempts", 0)])
def test_a_queue_that_sqs_would_refuse_is_refused_before(field: str, value: int) -> None:
    with pytest.raises(ValueError, match="plinth-test-review"):
        record(lambda: queue(**{field: value}))


def granted(program: Any) -> dict[str, dict[str, Any]]:
    result = record(lambda: {"policy": policy_document([program()])}).result
    return {statement["Action"][0]: statement for statement in statements(result["policy"])}


def test_a_sender_can_not_receive_and_a_receiver_can_not_send() -> None:
    sending = granted(lambda: queue().grant_send("ask"))
    receiving = granted(lambda: queue().grant_receive("take"))
    assert sending["sqs:SendMessage"]["Action"] == ["sqs:SendMessage"]
    assert "sqs:SendMessage" not in str(receiving)
    assert "sqs:ReceiveMessage" not in str(sending)


def test_the_key_is_used_through_the_queue_only() -> None:
    use = granted(lambda: queue().grant_send("ask"))["kms:Decrypt"]["Condition"]["StringEquals"]
    assert use == {
        "kms:ViaService": "sqs.eu-central-1.amazonaws.com",
        "kms:EncryptionContext:aws:sqs:arn": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:plinth-test-review",
    }


def test_a_topic_is_encrypted_under_our_key() -> None:
    assert record(topic).one("sns/topic:Topic").inputs["kmsMasterKeyId"] == KEY_ARN


def test_a_topic_refuses_plain_http() -> None:
    (refusal,) = statements(record(topic).one("TopicPolicy").inputs["policy"])
    assert refusal["Effect"] == "Deny"
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_only_named_services_publish_and_only_for_this_account() -> None:
    recording = record(lambda: topic(publishers=["cloudwatch.amazonaws.com"]))
    _, allowed = statements(recording.one("TopicPolicy").inputs["policy"])
    assert allowed["Principal"] == {"Service": ["cloudwatch.amazonaws.com"]}
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_mailboxes_are_subscribed() -> None:
    recording = record(lambda: topic(emails=["a@example.org", "b@example.org"]))
    assert {s.inputs["endpoint"] for s in recording.of("TopicSubscription")} == {
        "a@example.org",
        "b@example.org",
    }


def test_a_publisher_may_publish_and_nothing_else() -> None:
    publishing = granted(lambda: topic().grant_publish("escalate"))
    assert set(publishing) == {"sns:Publish", "kms:Decrypt"}
