from __future__ import annotations

from factories import oversight
from recording import record, statements

from components.grants import policy_document


def test_a_case_that_waits_too_long_is_an_alarm_to_people() -> None:
    recording = record(lambda: oversight(waiting_seconds=600))
    alarm = recording.one("MetricAlarm", "-waiting").inputs
    assert (alarm["metricName"], alarm["threshold"]) == ("ApproximateAgeOfOldestMessage", 600)
    assert alarm["dimensions"] == {"QueueName": "plinth-test-review"}
    assert alarm["alarmActions"][0].endswith(":plinth-test-escalation")
    assert recording.one("TopicSubscription").inputs["endpoint"] == "oncall@example.org"


def test_any_dead_case_is_an_alarm() -> None:
    alarm = record(oversight).one("MetricAlarm", "-dead").inputs
    assert alarm["dimensions"] == {"QueueName": "plinth-test-review-dead"}
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("GreaterThanThreshold", 0)


def test_alarms_may_publish_to_the_escalation() -> None:
    policy = statements(record(oversight).one("TopicPolicy").inputs["policy"])
    assert {"Service": ["cloudwatch.amazonaws.com"]} in [statement["Principal"] for statement in policy]


def actions(asked: str) -> set[str]:
    def program() -> dict[str, object]:
        return {"policy": policy_document(getattr(oversight(), asked)())}

    return {action for s in statements(record(program).result["policy"]) for action in s["Action"]}


def test_who_asks_for_a_review_can_not_decide_it() -> None:
    asking = actions("grant_ask")
    assert "sqs:SendMessage" in asking
    assert not asking & {"sqs:ReceiveMessage", "dynamodb:PutItem"}


def test_who_decides_can_not_invent_cases() -> None:
    reviewing = actions("grant_review")
    assert {"sqs:ReceiveMessage", "dynamodb:PutItem", "sns:Publish"} <= reviewing
    assert "sqs:SendMessage" not in reviewing
