from __future__ import annotations

import json

import pytest
from factories import monitoring, table
from recording import Recording, record, statements

from components.grants import policy_document
from components.monitoring import TRAIL_ALARMS


@pytest.mark.parametrize("name", TRAIL_ALARMS)
def test_what_the_trail_must_not_show_is_an_alarm(name: str) -> None:
    recording = record(monitoring)
    counted = recording.one("LogMetricFilter", f"-{name}-filter").inputs
    alarm = recording.one("MetricAlarm", f"-{name}").inputs
    assert counted["logGroupName"] == "/plinth/test/audit"
    assert counted["metricTransformation"]["name"] == alarm["metricName"]
    assert counted["metricTransformation"]["namespace"] == alarm["namespace"]
    assert alarm["alarmActions"] == [alarm["okActions"][0]]
    assert alarm["alarmActions"][0].endswith(":plinth-test-alarms")


def test_without_a_trail_there_are_no_alarms_on_it() -> None:
    recording = record(lambda: monitoring(trail_log_group=None))
    assert not recording.of("LogMetricFilter")
    assert recording.of("MetricAlarm")


TABLES = {"plinth-test-predictions", "plinth-test-outcomes", "plinth-test-reviews"}
PUBLISHED = {
    "ReadThrottleEvents": {"TableName"},
    "WriteThrottleEvents": {"TableName"},
    "SystemErrors": {"TableName", "Operation"},
    "SuccessfulRequestLatency": {"TableName", "Operation"},
}
"""By which dimensions DynamoDB publishes what (DynamoDB metrics and dimensions, DynamoDB Developer Guide)."""


def watched(recording: Recording) -> list[tuple[str, dict[str, str]]]:
    """Name and dimensions of every metric of a table that an alarm looks at."""
    alarms = [alarm.inputs for alarm in recording.of("MetricAlarm")]
    metrics = [
        *alarms,
        *(query["metric"] for a in alarms for query in a.get("metricQueries", []) if "metric" in query),
    ]
    return [(m["metricName"], m["dimensions"]) for m in metrics if m.get("namespace") == "AWS/DynamoDB"]


def test_every_table_is_watched_by_the_dimensions_that_its_metrics_have() -> None:
    found = watched(record(monitoring))
    assert all(set(dimensions) == PUBLISHED[metric] for metric, dimensions in found)
    for metric in ("ReadThrottleEvents", "WriteThrottleEvents", "SystemErrors"):
        assert {dimensions["TableName"] for name, dimensions in found if name == metric} == TABLES


def test_an_error_of_any_operation_that_a_grant_allows_is_an_alarm() -> None:
    granted = {
        action.removeprefix("dynamodb:")
        for reads in (True, False)
        for action in actions_of_table(reads=reads)
        if action.startswith("dynamodb:")
    }
    recording = record(monitoring)
    seen = {dimensions["Operation"] for name, dimensions in watched(recording) if name == "SystemErrors"}
    assert seen == granted
    alarm = recording.one("MetricAlarm", "-reviews-systemerrors").inputs
    (total,) = [query for query in alarm["metricQueries"] if query["returnData"]]
    assert total["expression"] == "SUM(FILL(METRICS(), 0))"
    assert not {"metricName", "statistic", "period"} & set(alarm)  # CloudWatch takes the one or the other


def actions_of_table(*, reads: bool) -> set[str]:
    def program() -> dict[str, object]:
        held = table()
        return {"policy": policy_document([held.grant_read("x") if reads else held.grant_write("x")])}

    return {action for s in statements(record(program).result["policy"]) for action in s["Action"]}


def test_people_hear_of_alarms() -> None:
    recording = record(monitoring)
    assert recording.one("TopicSubscription").inputs["endpoint"] == "oncall@example.org"


def test_the_applications_logs_are_encrypted_and_end() -> None:
    group = record(lambda: monitoring(log_days=90)).one("logGroup:LogGroup").inputs
    assert group["name"] == "/plinth/test/application"
    assert group["retentionInDays"] == 90
    assert group["kmsKeyId"]


def test_the_dashboard_shows_every_table_by_metrics_that_exist_and_no_widget_covers_another() -> None:
    widgets = json.loads(record(monitoring).one("Dashboard").inputs["dashboardBody"])["widgets"]
    assert len({(widget["x"], widget["y"]) for widget in widgets}) == len(widgets) == 2 * len(TABLES)
    shown = set()
    for widget in widgets:
        for namespace, metric, *pairs, _options in widget["properties"]["metrics"]:
            assert namespace == "AWS/DynamoDB"
            assert set(pairs[::2]) == PUBLISHED[metric]
            shown.add((metric, pairs[pairs.index("TableName") + 1]))
    assert shown == {(metric, name) for metric in PUBLISHED for name in TABLES}
