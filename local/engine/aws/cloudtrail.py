"""Trails with what they select."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.modelled import Calls, modelled, only
from local.engine.aws.resource_type import Aws, Part, Wanted
from local.engine.aws.tagging import Tagging, Tags, from_pairs, pairs

if TYPE_CHECKING:
    from local.engine.values import Properties

NAMES: Final = {
    "cloudWatchLogsGroupArn": "CloudWatchLogsLogGroupArn",
    "includeGlobalServiceEvents": "IncludeGlobalServiceEvents",
    "enableLogFileValidation": "EnableLogFileValidation",
    "arn": "TrailARN",
    "snsTopicArn": "SnsTopicARN",
}

SETTINGS: Final = (
    "s3BucketName",
    "s3KeyPrefix",
    "snsTopicName",
    "includeGlobalServiceEvents",
    "isMultiRegionTrail",
    "isOrganizationTrail",
    "enableLogFileValidation",
    "cloudWatchLogsGroupArn",
    "cloudWatchLogsRoleArn",
    "kmsKeyId",
)

FIELDS: Final = {
    "field": "Field",
    "equals": "Equals",
    "notEquals": "NotEquals",
    "startsWiths": "StartsWith",
    "notStartsWiths": "NotStartsWith",
    "endsWiths": "EndsWith",
    "notEndsWiths": "NotEndsWith",
}


def _put_logging(aws: Aws, identity: str, wanted: Wanted) -> None:
    operation = "stop_logging" if wanted["enableLogging"] is False else "start_logging"
    aws.call("cloudtrail", operation, Name=identity)


def _put_selectors(aws: Aws, identity: str, wanted: Wanted) -> None:
    if wanted["advancedEventSelectors"]:
        selectors = [
            {
                "Name": selector.get("name") or "",
                "FieldSelectors": [
                    {api: entry[own] for own, api in FIELDS.items() if entry.get(own)}
                    for entry in selector["fieldSelectors"]
                ],
            }
            for selector in wanted["advancedEventSelectors"]
        ]
        aws.call("cloudtrail", "put_event_selectors", TrailName=identity, AdvancedEventSelectors=selectors)
        return
    plain = [
        {
            "ReadWriteType": selector.get("readWriteType") or "All",
            "IncludeManagementEvents": selector.get("includeManagementEvents", True),
            "DataResources": [
                {"Type": entry["type"], "Values": entry["values"]}
                for entry in selector.get("dataResources") or []
            ],
            "ExcludeManagementEventSources": selector.get("excludeManagementEventSources") or [],
        }
        for selector in wanted["eventSelectors"] or [{}]
    ]
    aws.call("cloudtrail", "put_event_selectors", TrailName=identity, EventSelectors=plain)


def _put_insights(aws: Aws, identity: str, wanted: Wanted) -> None:
    selectors = [{"InsightType": entry["insightType"]} for entry in wanted["insightSelectors"] or []]
    aws.call("cloudtrail", "put_insight_selectors", TrailName=identity, InsightSelectors=selectors)


def _more(aws: Aws, identity: str, told: Properties, known: Properties) -> Properties:
    status = aws.call("cloudtrail", "get_trail_status", Name=identity)
    chosen = aws.call("cloudtrail", "get_event_selectors", TrailName=identity)
    more: Properties = {
        "homeRegion": told.get("homeRegion") or aws.region,
        "enableLogging": status["IsLogging"],
        "enableLogFileValidation": told.get("logFileValidationEnabled", False),
        "snsTopicArn": told.get("snsTopicArn") or "",
        "advancedEventSelectors": [
            _told_selector(entry) for entry in chosen.get("AdvancedEventSelectors") or []
        ],
    }
    if known.get("eventSelectors"):
        more["eventSelectors"] = [_told_plain(entry) for entry in chosen.get("EventSelectors") or []]
    if known.get("insightSelectors"):
        insights = aws.find("cloudtrail", "get_insight_selectors", TrailName=identity) or {}
        kinds = [entry["InsightType"] for entry in insights.get("InsightSelectors", [])]
        more["insightSelectors"] = [{"insightType": kind} for kind in kinds]
    return more


def _told_selector(entry: Any) -> Properties:  # noqa: ANN401 - the API's answer
    fields = [
        {own: field[api] for own, api in FIELDS.items() if field.get(api)}
        for field in entry["FieldSelectors"]
    ]
    return {"name": entry.get("Name", ""), "fieldSelectors": fields}


def _told_plain(entry: Any) -> Properties:  # noqa: ANN401 - the API's answer
    return {
        "readWriteType": entry.get("ReadWriteType"),
        "includeManagementEvents": entry.get("IncludeManagementEvents"),
        "dataResources": [
            {"type": found["Type"], "values": found["Values"]} for found in entry.get("DataResources", [])
        ],
        "excludeManagementEventSources": entry.get("ExcludeManagementEventSources", []),
    }


def _read_tags(aws: Aws, _identity: str, known: Properties) -> Tags:
    listed = aws.call("cloudtrail", "list_tags", ResourceIdList=[known["arn"]])["ResourceTagList"]
    return from_pairs(listed[0]["TagsList"]) if listed else {}


def _write_tags(aws: Aws, _identity: str, known: Properties, tags: Tags) -> None:
    aws.call("cloudtrail", "add_tags", ResourceId=known["arn"], TagsList=pairs(tags))


def _remove_tags(aws: Aws, identity: str, known: Properties, names: list[str]) -> None:
    present = _read_tags(aws, identity, known)
    doomed = {name: present[name] for name in names if name in present}
    aws.call("cloudtrail", "remove_tags", ResourceId=known["arn"], TagsList=pairs(doomed))


TYPES = (
    modelled(
        "aws:cloudtrail/trail:Trail",
        Calls(
            service="cloudtrail",
            create="CreateTrail",
            update="UpdateTrail",
            read="GetTrail",
            delete="DeleteTrail",
            pick=only("Trail"),
            identity=lambda wanted, _answer: str(wanted["name"]),
            key=lambda identity: {"Name": identity},
            names=NAMES,
            tags=("TagsList", pairs),
            more=_more,
        ),
        takes=("name", *SETTINGS),
        changes=SETTINGS,
        parts=(
            Part(("enableLogging",), _put_logging, at_creation=False),
            Part(("eventSelectors", "advancedEventSelectors"), _put_selectors),
            Part(("insightSelectors",), _put_insights),
        ),
        starts=_put_logging,
        name="name",
        name_limit=128,
        defaults={
            "enableLogging": True,
            "includeGlobalServiceEvents": True,
            "isMultiRegionTrail": False,
            "isOrganizationTrail": False,
            "enableLogFileValidation": False,
        },
        unordered=frozenset({"insightSelectors"}),
        tagging=Tagging(_read_tags, _write_tags, _remove_tags),
        identify=lambda _aws, wanted: str(wanted["name"]),
    ),
)
