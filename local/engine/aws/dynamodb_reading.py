"""What a table is, told as the program would say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.aws.resource_type import Aws
    from local.engine.values import Properties

PROVISIONED: Final = "PROVISIONED"


def read(aws: Aws, identity: str, known: Properties) -> Properties | None:
    """What a table is, in the form that the program uses where there are several."""
    table = aws.call("dynamodb", "describe_table", TableName=identity)["Table"]
    if table["TableStatus"] == "DELETING":
        return None
    expiry = aws.call("dynamodb", "describe_time_to_live", TableName=identity)["TimeToLiveDescription"]
    backups = aws.call("dynamodb", "describe_continuous_backups", TableName=identity)
    recovery = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    billing = table.get("BillingModeSummary", {}).get("BillingMode", PROVISIONED)
    stream = table.get("StreamSpecification", {})
    keys = _keys(table["KeySchema"])
    return {
        "arn": table["TableArn"],
        "name": table["TableName"],
        "attributes": [
            {"name": attribute["AttributeName"], "type": attribute["AttributeType"]}
            for attribute in table["AttributeDefinitions"]
        ],
        **keys,
        "billingMode": billing,
        **_capacity(table.get("ProvisionedThroughput", {}), billing),
        "globalSecondaryIndexes": [
            {
                **_told_index(index),
                **_told_keys(index, known),
                **(_capacity(index["ProvisionedThroughput"], billing) if billing == PROVISIONED else {}),
            }
            for index in table.get("GlobalSecondaryIndexes", [])
        ],
        "localSecondaryIndexes": [
            {**_told_index(index), "rangeKey": _keys(index["KeySchema"]).get("rangeKey")}
            for index in table.get("LocalSecondaryIndexes", [])
        ],
        "streamEnabled": stream.get("StreamEnabled", False),
        # Without a stream there is no view to tell of.
        "streamViewType": stream.get("StreamViewType") or ("" if stream else known.get("streamViewType", "")),
        "streamArn": table.get("LatestStreamArn", ""),
        "streamLabel": table.get("LatestStreamLabel", ""),
        "serverSideEncryption": _told_encryption(table.get("SSEDescription"), known),
        "pointInTimeRecovery": _told_recovery(recovery, known),
        "ttl": _told_expiry(expiry, known),
        "deletionProtectionEnabled": table.get("DeletionProtectionEnabled", False),
        "tableClass": table.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
    }


def _keys(schema: list[dict[str, str]]) -> dict[str, str]:
    names = {"HASH": "hashKey", "RANGE": "rangeKey"}
    return {names[key["KeyType"]]: key["AttributeName"] for key in schema}


def _told_keys(index: Mapping[str, Any], known: Properties) -> Properties:
    """The keys of an index, in whichever of the SDK's two forms the program uses."""
    asked = {entry.get("name"): entry for entry in known.get("globalSecondaryIndexes") or []}
    if not asked.get(index["IndexName"], {}).get("keySchemas"):
        return dict(_keys(index["KeySchema"]))
    return {
        "keySchemas": [
            {"attributeName": key["AttributeName"], "keyType": key["KeyType"]} for key in index["KeySchema"]
        ]
    }


def _capacity(throughput: Mapping[str, Any], billing: str) -> dict[str, int]:
    if billing != PROVISIONED:
        return {"readCapacity": 0, "writeCapacity": 0}
    return {
        "readCapacity": throughput.get("ReadCapacityUnits", 0),
        "writeCapacity": throughput.get("WriteCapacityUnits", 0),
    }


def _told_index(index: Mapping[str, Any]) -> Properties:
    told: Properties = {"name": index["IndexName"], "projectionType": index["Projection"]["ProjectionType"]}
    if index["Projection"].get("NonKeyAttributes"):
        told["nonKeyAttributes"] = index["Projection"]["NonKeyAttributes"]
    return told


def _told_encryption(description: Mapping[str, Any] | None, known: Properties) -> Properties | None:
    if not description or description.get("Status") not in {"ENABLED", "ENABLING", "UPDATING"}:
        return {"enabled": False} if "serverSideEncryption" in known else None
    told: Properties = {"enabled": True, "kmsKeyArn": description.get("KMSMasterKeyArn")}
    if not (known.get("serverSideEncryption") or {"kmsKeyArn": ""}).get("kmsKeyArn", "") and known:
        del told["kmsKeyArn"]
    return told


def _told_recovery(recovery: Mapping[str, Any], known: Properties) -> Properties:
    enabled = recovery.get("PointInTimeRecoveryStatus") == "ENABLED"
    told: Properties = {"enabled": enabled}
    asked = known.get("pointInTimeRecovery") or {}
    if enabled and "recoveryPeriodInDays" in asked:
        told["recoveryPeriodInDays"] = recovery.get("RecoveryPeriodInDays", asked["recoveryPeriodInDays"])
    return told


def _told_expiry(expiry: Mapping[str, Any], known: Properties) -> Properties:
    enabled = expiry.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    asked = known.get("ttl") or {}
    told: Properties = {
        "attributeName": (expiry.get("AttributeName") if enabled else None) or asked.get("attributeName", "")
    }
    if enabled or "enabled" in asked or not known:
        told["enabled"] = enabled
    return told
