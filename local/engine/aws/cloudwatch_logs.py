"""Log groups and the metrics that are read from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import by_target

if TYPE_CHECKING:
    from local.engine.values import Properties


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
)
