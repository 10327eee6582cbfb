"""Tables with their indexes, encryption, recovery, expiry and streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.dynamodb_reading import PROVISIONED, read
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import by_target, pairs
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.values import Properties

SETTLE_SECONDS: Final = 0.2
SETTLE_TRIES: Final = 300
"""A minute in all for a table to become active; the emulator's are so at once."""

ON_DEMAND: Final = "PAY_PER_REQUEST"


def _key_schema(hash_key: str, range_key: str | None) -> list[dict[str, str]]:
    schema = [{"AttributeName": hash_key, "KeyType": "HASH"}]
    if range_key:
        schema.append({"AttributeName": range_key, "KeyType": "RANGE"})
    return schema


def _throughput(given: Mapping[str, Any], billing: str) -> dict[str, int] | None:
    if billing != PROVISIONED:
        return None
    return {
        "ReadCapacityUnits": given.get("readCapacity") or 1,
        "WriteCapacityUnits": given.get("writeCapacity") or 1,
    }


def _projection(index: Mapping[str, Any]) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": index["projectionType"]}
    if index.get("nonKeyAttributes"):
        projection["NonKeyAttributes"] = index["nonKeyAttributes"]
    return projection


def _index(index: Mapping[str, Any], billing: str | None, table_hash: str | None = None) -> dict[str, Any]:
    hash_key, range_key = index.get("hashKey") or table_hash, index.get("rangeKey")
    for key in index.get("keySchemas") or []:
        hash_key, range_key = (
            (key["attributeName"], range_key)
            if key["keyType"] == "HASH"
            else (hash_key, key["attributeName"])
        )
    made: dict[str, Any] = {
        "IndexName": index["name"],
        "KeySchema": _key_schema(str(hash_key), range_key),
        "Projection": _projection(index),
    }
    throughput = _throughput(index, billing) if billing else None
    if throughput:
        made["ProvisionedThroughput"] = throughput
    return made


def _encryption(wanted: Wanted) -> dict[str, Any] | None:
    given = wanted["serverSideEncryption"]
    if not given:
        return None
    if not given.get("enabled"):
        return {"Enabled": False}
    specification = {"Enabled": True, "SSEType": "KMS"}
    if given.get("kmsKeyArn"):
        specification["KMSMasterKeyId"] = given["kmsKeyArn"]
    return specification


def _stream(wanted: Wanted) -> dict[str, Any]:
    if not wanted["streamEnabled"]:
        return {"StreamEnabled": False}
    return {"StreamEnabled": True, "StreamViewType": wanted["streamViewType"]}


def _billing(wanted: Wanted) -> str:
    return wanted["billingMode"] or PROVISIONED


def _attributes(wanted: Wanted) -> list[dict[str, str]]:
    return [
        {"AttributeName": attribute["name"], "AttributeType": attribute["type"]}
        for attribute in wanted["attributes"] or []
    ]


def _create(aws: Aws, wanted: Wanted) -> str:
    name = str(wanted["name"])
    billing = _billing(wanted)
    aws.call(
        "dynamodb",
        "create_table",
        TableName=name,
        AttributeDefinitions=_attributes(wanted),
        KeySchema=_key_schema(str(wanted["hashKey"]), wanted["rangeKey"]),
        BillingMode=billing,
        ProvisionedThroughput=_throughput(wanted, billing),
        GlobalSecondaryIndexes=[_index(index, billing) for index in wanted["globalSecondaryIndexes"] or []]
        or None,
        LocalSecondaryIndexes=[
            _index(index, None, wanted["hashKey"]) for index in wanted["localSecondaryIndexes"] or []
        ]
        or None,
        StreamSpecification=_stream(wanted) if wanted["streamEnabled"] else None,
        SSESpecification=_encryption(wanted),
        TableClass=wanted["tableClass"],
        DeletionProtectionEnabled=wanted["deletionProtectionEnabled"],
        Tags=pairs(wanted.tags),
    )
    _settle(aws, name)
    return name


def _settle(aws: Aws, name: str) -> dict[str, Any]:
    for _ in range(SETTLE_TRIES):
        table = dict(aws.call("dynamodb", "describe_table", TableName=name)["Table"])
        if table["TableStatus"] == "ACTIVE":
            return table
        aws.wait(SETTLE_SECONDS)
    raise ProviderError(
        f"The table {name} is {table['TableStatus']} after {SETTLE_TRIES * SETTLE_SECONDS:.0f} s, not ACTIVE."
    )


def _update(aws: Aws, name: str, **changes: Any) -> None:  # noqa: ANN401 - parameters of the API
    aws.call("dynamodb", "update_table", TableName=name, **changes)
    _settle(aws, name)


def _put_billing(aws: Aws, identity: str, wanted: Wanted) -> None:
    billing = _billing(wanted)
    table = _settle(aws, identity)
    present = table.get("BillingModeSummary", {}).get("BillingMode", PROVISIONED)
    throughput = _throughput(wanted, billing)
    told = {name: table.get("ProvisionedThroughput", {}).get(name) for name in throughput or {}}
    if billing != present or throughput != (told or None):
        _update(aws, identity, BillingMode=billing, ProvisionedThroughput=throughput)


def _put_indexes(aws: Aws, identity: str, wanted: Wanted) -> None:
    """One change at a time, as the API demands: first what goes or differs, then what comes."""
    billing = _billing(wanted)
    present = {
        index["IndexName"]: index for index in _settle(aws, identity).get("GlobalSecondaryIndexes", [])
    }
    asked = {index["name"]: _index(index, billing) for index in wanted["globalSecondaryIndexes"] or []}
    for name, index in present.items():
        if name not in asked or not _same_index(index, asked[name]):
            _update(aws, identity, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": name}}])
    for name, index in asked.items():
        old = present.get(name)
        if old is None or not _same_index(old, index):
            _update(
                aws,
                identity,
                AttributeDefinitions=_attributes(wanted),
                GlobalSecondaryIndexUpdates=[{"Create": index}],
            )
        elif billing == PROVISIONED and any(
            old.get("ProvisionedThroughput", {}).get(unit) != amount
            for unit, amount in index["ProvisionedThroughput"].items()
        ):
            change = {"IndexName": name, "ProvisionedThroughput": index["ProvisionedThroughput"]}
            _update(aws, identity, GlobalSecondaryIndexUpdates=[{"Update": change}])


def _same_index(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(one["KeySchema"] == other["KeySchema"] and one["Projection"] == other["Projection"])


def _put_stream(aws: Aws, identity: str, wanted: Wanted) -> None:
    present = _settle(aws, identity).get("StreamSpecification", {"StreamEnabled": False})
    stream = _stream(wanted)
    if present == stream:
        return
    if present.get("StreamEnabled") and stream["StreamEnabled"]:
        # The view of a stream can't be changed; it is turned off and on again.
        _update(aws, identity, StreamSpecification={"StreamEnabled": False})
    _update(aws, identity, StreamSpecification=stream)


def _put_encryption(aws: Aws, identity: str, wanted: Wanted) -> None:
    _update(aws, identity, SSESpecification=_encryption(wanted) or {"Enabled": False})


def _put_recovery(aws: Aws, identity: str, wanted: Wanted) -> None:
    given = wanted["pointInTimeRecovery"] or {}
    enabled = bool(given.get("enabled"))
    specification: dict[str, Any] = {"PointInTimeRecoveryEnabled": enabled}
    if enabled and given.get("recoveryPeriodInDays"):
        specification["RecoveryPeriodInDays"] = given["recoveryPeriodInDays"]
    aws.call(
        "dynamodb",
        "update_continuous_backups",
        TableName=identity,
        PointInTimeRecoverySpecification=specification,
    )


def _put_expiry(aws: Aws, identity: str, wanted: Wanted) -> None:
    given = wanted["ttl"] or {}
    told = aws.call("dynamodb", "describe_time_to_live", TableName=identity)["TimeToLiveDescription"]
    enabled = told.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    attribute = given.get("attributeName") or told.get("AttributeName")
    if enabled and (not given.get("enabled") or attribute != told.get("AttributeName")):
        off = {"Enabled": False, "AttributeName": told.get("AttributeName")}
        aws.call("dynamodb", "update_time_to_live", TableName=identity, TimeToLiveSpecification=off)
        enabled = False
    if given.get("enabled") and not enabled:
        on = {"Enabled": True, "AttributeName": attribute}
        aws.call("dynamodb", "update_time_to_live", TableName=identity, TimeToLiveSpecification=on)


def _put_protection(aws: Aws, identity: str, wanted: Wanted) -> None:
    _update(aws, identity, DeletionProtectionEnabled=bool(wanted["deletionProtectionEnabled"]))


def _put_class(aws: Aws, identity: str, wanted: Wanted) -> None:
    _update(aws, identity, TableClass=wanted["tableClass"] or "STANDARD")


def _delete(aws: Aws, identity: str, _known: Properties) -> None:
    table = aws.call("dynamodb", "describe_table", TableName=identity)["Table"]
    if table.get("DeletionProtectionEnabled"):
        raise ProviderError(
            f"The table {identity} is protected from deletion, so it is kept. Set deletionProtectionEnabled "
            "to false and bring that up before you destroy it."
        )
    aws.call("dynamodb", "delete_table", TableName=identity)
    for _ in range(SETTLE_TRIES):
        if aws.find("dynamodb", "describe_table", TableName=identity) is None:
            return
        aws.wait(SETTLE_SECONDS)


def _check(wanted: Wanted) -> Mapping[str, str]:
    problems = {}
    attributes = {
        attribute.get("name") for attribute in wanted["attributes"] or [] if isinstance(attribute, dict)
    }
    keys = {wanted["hashKey"], wanted["rangeKey"]} - {None}
    for index in [*(wanted["globalSecondaryIndexes"] or []), *(wanted["localSecondaryIndexes"] or [])]:
        keys |= {index.get("hashKey"), index.get("rangeKey")} - {None}
        keys |= {key["attributeName"] for key in index.get("keySchemas") or []}
    if all(isinstance(name, str) for name in attributes | keys) and attributes != keys:
        problems["attributes"] = (
            f"attributes are {sorted(map(str, attributes))}, keys of table and indexes are "
            f"{sorted(map(str, keys))}; "
            "DynamoDB wants each key declared, and nothing else."
        )
    if wanted["streamEnabled"] is True and not wanted["streamViewType"]:
        problems["streamViewType"] = "streamEnabled needs streamViewType, such as NEW_AND_OLD_IMAGES."
    return problems


TYPES = (
    ResourceType(
        sdk_type="aws:dynamodb/table:Table",
        create=_create,
        read=read,
        delete=_delete,
        parts=(
            Part(("billingMode", "readCapacity", "writeCapacity"), _put_billing, at_creation=False),
            Part(("globalSecondaryIndexes", "attributes"), _put_indexes, at_creation=False),
            Part(("streamEnabled", "streamViewType"), _put_stream, at_creation=False),
            Part(("serverSideEncryption",), _put_encryption, at_creation=False),
            Part(("tableClass",), _put_class, at_creation=False),
            Part(("pointInTimeRecovery",), _put_recovery),
            Part(("ttl",), _put_expiry),
            Part(("deletionProtectionEnabled",), _put_protection, at_creation=False),
        ),
        replaces=frozenset({"name", "hashKey", "rangeKey", "localSecondaryIndexes"}),
        name="name",
        name_limit=255,
        unordered=frozenset({"attributes", "globalSecondaryIndexes", "localSecondaryIndexes"}),
        defaults={
            "billingMode": PROVISIONED,
            "deletionProtectionEnabled": False,
            "streamEnabled": False,
            "tableClass": "STANDARD",
            "ttl": {"attributeName": "", "enabled": False},
            "pointInTimeRecovery": {"enabled": False},
            "serverSideEncryption": {"enabled": False},
        },
        tagging=by_target("dynamodb", "ResourceArn", read="list_tags_of_resource", appends=True),
        identify=lambda _aws, wanted: str(wanted["name"]),
        from_arn=lambda _aws, arn: arn.rsplit("/", 1)[-1],
        owns_arn=lambda arn: ":dynamodb:" in arn and ":table/" in arn,
        check=_check,
    ),
)
