"""Log groups with metric filters, alarms and dashboards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import by_target, pairs

if TYPE_CHECKING:
    from local.engine.values import Properties

# Log groups


def _create_group(aws: Aws, wanted: Wanted) -> str:
    aws.call(
        "logs",
        "create_log_group",
        logGroupName=wanted["name"],
        kmsKeyId=wanted["kmsKeyId"],
        logGroupClass=wanted["logGroupClass"],
        tags=wanted.tags,
    )
    return str(wanted["name"])


def _read_group(aws: Aws, identity: str, known: Properties) -> Properties | None:
    answer = aws.call("logs", "describe_log_groups", logGroupNamePrefix=identity)
    group = next((group for group in answer["logGroups"] if group["logGroupName"] == identity), None)
    if group is None:
        return None
    return {
        "arn": group["arn"].removesuffix(":*"),
        "name": identity,
        "retentionInDays": group.get("retentionInDays", 0),
        "kmsKeyId": group.get("kmsKeyId"),
        "logGroupClass": group.get("logGroupClass") or "STANDARD",
        "deletionProtectionEnabled": group.get(
            "deletionProtectionEnabled", known.get("deletionProtectionEnabled", False)
        ),
    }


def _put_retention(aws: Aws, identity: str, wanted: Wanted) -> None:
    days = wanted["retentionInDays"]
    if days:
        aws.call("logs", "put_retention_policy", logGroupName=identity, retentionInDays=days)
    else:
        aws.attempt("logs", "delete_retention_policy", logGroupName=identity)


def _put_group_key(aws: Aws, identity: str, wanted: Wanted) -> None:
    if wanted["kmsKeyId"]:
        aws.call("logs", "associate_kms_key", logGroupName=identity, kmsKeyId=wanted["kmsKeyId"])
    else:
        aws.attempt("logs", "disassociate_kms_key", logGroupName=identity)


def _delete_group(aws: Aws, identity: str, known: Properties) -> None:
    if not known.get("skipDestroy"):
        aws.attempt("logs", "delete_log_group", logGroupName=identity)


# Metric filters


def _put_filter(aws: Aws, identity: str, wanted: Wanted) -> None:
    given = wanted["metricTransformation"]
    transformation: dict[str, Any] = {
        "metricName": given["name"],
        "metricNamespace": given["namespace"],
        "metricValue": given["value"],
    }
    if given.get("defaultValue") not in (None, ""):
        transformation["defaultValue"] = float(given["defaultValue"])
    transformation |= {name: given[name] for name in ("dimensions", "unit") if given.get(name)}
    if identity:
        # Moto keeps the old filter beside the new one of the same name.
        _delete_filter(aws, identity, {})
    aws.call(
        "logs",
        "put_metric_filter",
        logGroupName=wanted["logGroupName"],
        filterName=wanted["name"],
        filterPattern=wanted["pattern"] or "",
        metricTransformations=[transformation],
    )


def _create_filter(aws: Aws, wanted: Wanted) -> str:
    _put_filter(aws, "", wanted)
    return f"{wanted['logGroupName']}:{wanted['name']}"


def _read_filter(aws: Aws, identity: str, known: Properties) -> Properties | None:
    group, _, name = identity.rpartition(":")
    answer = aws.find("logs", "describe_metric_filters", logGroupName=group, filterNamePrefix=name)
    found = next((one for one in (answer or {}).get("metricFilters", []) if one["filterName"] == name), None)
    if found is None:
        return None
    told = found["metricTransformations"][0]
    transformation = {
        "name": told["metricName"],
        "namespace": told["metricNamespace"],
        "value": told["metricValue"],
    }
    if "defaultValue" in told:
        asked = (known.get("metricTransformation") or {}).get("defaultValue")
        same = asked not in (None, "") and float(asked) == float(told["defaultValue"])
        transformation["defaultValue"] = asked if same else f"{told['defaultValue']:g}"
    transformation |= {member: told[member] for member in ("dimensions", "unit") if told.get(member)}
    return {
        "name": name,
        "logGroupName": group,
        "pattern": found.get("filterPattern", ""),
        "metricTransformation": transformation,
    }


def _delete_filter(aws: Aws, identity: str, _known: Properties) -> None:
    group, _, name = identity.rpartition(":")
    aws.attempt("logs", "delete_metric_filter", logGroupName=group, filterName=name)


# Alarms

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
        sdk_type="aws:cloudwatch/logGroup:LogGroup",
        create=_create_group,
        read=_read_group,
        delete=_delete_group,
        parts=(
            Part(("retentionInDays",), _put_retention),
            Part(("kmsKeyId",), _put_group_key, at_creation=False),
        ),
        replaces=frozenset({"name", "namePrefix", "logGroupClass"}),
        name="name",
        name_limit=512,
        defaults={"retentionInDays": 0, "skipDestroy": False},
        remembers=("skipDestroy", "deletionProtectionEnabled"),
        tagging=by_target("logs", "resourceArn", tags="tags", keys="tagKeys", mapping=True),
        identify=lambda _aws, wanted: str(wanted["name"]),
        from_arn=lambda _aws, arn: arn.split(":log-group:", 1)[1].removesuffix(":*"),
        owns_arn=lambda arn: ":log-group:" in arn,
    ),
    ResourceType(
        sdk_type="aws:cloudwatch/logMetricFilter:LogMetricFilter",
        create=_create_filter,
        read=_read_filter,
        delete=_delete_filter,
        parts=(Part(("pattern", "metricTransformation"), _put_filter, at_creation=False),),
        replaces=frozenset({"name", "logGroupName"}),
        name="name",
        name_limit=512,
    ),
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
