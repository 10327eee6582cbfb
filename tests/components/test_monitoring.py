from __future__ import annotations

import json

import pytest
from factories import monitoring
from recording import record

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


def test_every_table_is_watched() -> None:
    alarms = record(monitoring).of("MetricAlarm")
    watched = {alarm.inputs["dimensions"]["TableName"] for alarm in alarms if "dimensions" in alarm.inputs}
    assert watched == {"plinth-test-predictions", "plinth-test-outcomes", "plinth-test-reviews"}


def test_people_hear_of_alarms() -> None:
    recording = record(monitoring)
    assert recording.one("TopicSubscription").inputs["endpoint"] == "oncall@example.org"


def test_the_applications_logs_are_encrypted_and_end() -> None:
    group = record(lambda: monitoring(log_days=90)).one("logGroup:LogGroup").inputs
    assert group["name"] == "/plinth/test/application"
    assert group["retentionInDays"] == 90
    assert group["kmsKeyId"]


def test_the_dashboard_shows_every_table_once_and_no_widget_covers_another() -> None:
    widgets = json.loads(record(monitoring).one("Dashboard").inputs["dashboardBody"])["widgets"]
    assert len(widgets) == 3
    assert len({(widget["x"], widget["y"]) for widget in widgets}) == 3
