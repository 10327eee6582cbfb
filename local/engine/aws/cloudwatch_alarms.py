"""Alarms and dashboards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import by_target, pairs

if TYPE_CHECKING:
    from local.engine.values import Properties

ALARM: Final = {
    "actionsEnabled": "ActionsEnabled",
    "alarmActions": "AlarmActions",
    "alarmDescription": "AlarmDescription",
    "comparisonOperator": "ComparisonOperator",
    "datapointsToAlarm": "DatapointsToAlarm",
    "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
    "evaluationPeriods": "EvaluationPeriods",
    "extendedStatistic": "ExtendedStatistic",
    "insufficientDataActions": "InsufficientDataActions",
    "metricName": "MetricName",
    "namespace": "Namespace",
    "okActions": "OKActions",
    "period": "Period",
    "statistic": "Statistic",
    "threshold": "Threshold",
    "thresholdMetricId": "ThresholdMetricId",
    "treatMissingData": "TreatMissingData",
    "unit": "Unit",
}


def _dimensions(given: dict[str, str] | None) -> list[dict[str, str]] | None:
    return pairs(given, "Name", "Value") if given else None


def _query(given: Properties) -> dict[str, Any]:
    query: dict[str, Any] = {"Id": given["id"]}
    for own, name in (
        ("expression", "Expression"),
        ("label", "Label"),
        ("returnData", "ReturnData"),
        ("period", "Period"),
        ("accountId", "AccountId"),
    ):
        if given.get(own) is not None:
            query[name] = given[own]
    metric = given.get("metric")
    if metric:
        source = {"MetricName": metric["metricName"], "Namespace": metric.get("namespace")}
        source |= {"Dimensions": _dimensions(metric.get("dimensions")) or []}
        query["MetricStat"] = {"Metric": source, "Period": metric["period"], "Stat": metric["stat"]}
        if metric.get("unit"):
            query["MetricStat"]["Unit"] = metric["unit"]
    return query


def _told_query(told: dict[str, Any]) -> Properties:
    query = {
        own: told[name]
        for own, name in (
            ("id", "Id"),
            ("expression", "Expression"),
            ("label", "Label"),
            ("returnData", "ReturnData"),
            ("period", "Period"),
        )
        if told.get(name) is not None
    }
    stat = told.get("MetricStat")
    if stat:
        dimensions = {entry["Name"]: entry["Value"] for entry in stat["Metric"].get("Dimensions", [])}
        query["metric"] = {
            "metricName": stat["Metric"]["MetricName"],
            "namespace": stat["Metric"].get("Namespace"),
            "period": stat["Period"],
            "stat": stat["Stat"],
            **({"dimensions": dimensions} if dimensions else {}),
            **({"unit": stat["Unit"]} if stat.get("Unit") else {}),
        }
    return query


def _put_alarm(aws: Aws, identity: str, wanted: Wanted) -> None:
    parameters = {api: wanted[own] for own, api in ALARM.items() if wanted[own] is not None}
    queries = [_query(query) for query in wanted["metricQueries"] or []]
    aws.call(
        "cloudwatch",
        "put_metric_alarm",
        AlarmName=identity,
        Dimensions=_dimensions(wanted["dimensions"]),
        Metrics=queries or None,
        Tags=pairs(wanted.tags),
        **parameters,
    )


def _create_alarm(aws: Aws, wanted: Wanted) -> str:
    _put_alarm(aws, str(wanted["name"]), wanted)
    return str(wanted["name"])


def _read_alarm(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    answer = aws.call("cloudwatch", "describe_alarms", AlarmNames=[identity], AlarmTypes=["MetricAlarm"])
    alarm = next(iter(answer.get("MetricAlarms", [])), None)
    if alarm is None:
        return None
    told = {own: alarm.get(api) for own, api in ALARM.items()}
    return {
        **told,
        "arn": alarm["AlarmArn"],
        "name": identity,
        "dimensions": {entry["Name"]: entry["Value"] for entry in alarm.get("Dimensions", [])} or None,
        "metricQueries": [_told_query(query) for query in alarm.get("Metrics", [])],
        "treatMissingData": alarm.get("TreatMissingData") or "missing",
        "evaluateLowSampleCountPercentiles": alarm.get("EvaluateLowSampleCountPercentile") or "",
    }


def _delete_alarm(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("cloudwatch", "delete_alarms", AlarmNames=[identity])


# Dashboards


def _put_dashboard(aws: Aws, identity: str, wanted: Wanted) -> None:
    body = wanted["dashboardBody"]
    aws.call("cloudwatch", "put_dashboard", DashboardName=identity, DashboardBody=body)


def _create_dashboard(aws: Aws, wanted: Wanted) -> str:
    _put_dashboard(aws, str(wanted["dashboardName"]), wanted)
    return str(wanted["dashboardName"])


def _read_dashboard(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    answer = aws.find("cloudwatch", "get_dashboard", DashboardName=identity)
    if answer is None:
        return None
    return {
        "dashboardArn": aws.arn("cloudwatch", f"dashboard/{identity}", region=""),
        "dashboardName": identity,
        "dashboardBody": answer["DashboardBody"],
    }


def _delete_dashboard(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("cloudwatch", "delete_dashboards", DashboardNames=[identity])


ALARM_PROPERTIES: Final = (*ALARM, "dimensions", "metricQueries")

TYPES = (
    ResourceType(
        sdk_type="aws:cloudwatch/metricAlarm:MetricAlarm",
        create=_create_alarm,
        read=_read_alarm,
        delete=_delete_alarm,
        parts=(Part(ALARM_PROPERTIES, _put_alarm, at_creation=False),),
        replaces=frozenset({"name"}),
        name="name",
        name_limit=255,
        unordered=frozenset({"alarmActions", "okActions", "insufficientDataActions", "metricQueries"}),
        defaults={"actionsEnabled": True, "treatMissingData": "missing"},
        tagging=by_target("cloudwatch", "ResourceARN"),
        identify=lambda _aws, wanted: str(wanted["name"]),
        from_arn=lambda _aws, arn: arn.split(":alarm:", 1)[1],
        owns_arn=lambda arn: ":cloudwatch:" in arn and ":alarm:" in arn,
    ),
    ResourceType(
        sdk_type="aws:cloudwatch/dashboard:Dashboard",
        create=_create_dashboard,
        read=_read_dashboard,
        delete=_delete_dashboard,
        parts=(Part(("dashboardBody",), _put_dashboard, at_creation=False),),
        replaces=frozenset({"dashboardName"}),
        documents=frozenset({"dashboardBody"}),
    ),
)
