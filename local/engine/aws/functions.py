"""Functions of the SDK that programs call: who, where, and policy documents."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.connection import partition_of
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.aws.resource_type import Aws
    from local.engine.values import Properties

DESCRIPTIONS: Final = {
    "eu-central-1": "Europe (Frankfurt)",
    "eu-north-1": "Europe (Stockholm)",
    "eu-west-1": "Europe (Ireland)",
    "us-east-1": "US East (N. Virginia)",
    "us-west-2": "US West (Oregon)",
}


def invoke(aws: Aws, token: str, arguments: Properties) -> Properties:
    """Answer a call.

    Raises:
        ProviderError: the stand-in has no such function.
    """
    function = FUNCTIONS.get(token)
    if function is None:
        raise ProviderError(
            f"The aws stand-in has no function {token}; it has: {', '.join(sorted(FUNCTIONS))}."
        )
    return function(aws, arguments)


def _caller(aws: Aws, _arguments: Properties) -> Properties:
    identity = aws.connection.identity
    account = identity["Account"]
    return {"id": account, "accountId": account, "arn": identity["Arn"], "userId": identity["UserId"]}


def _partition(aws: Aws, _arguments: Properties) -> Properties:
    partition = partition_of(aws.region)
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    reverse = ".".join(reversed(suffix.split(".")))
    return {"id": partition, "partition": partition, "dnsSuffix": suffix, "reverseDnsPrefix": reverse}


def _region(aws: Aws, arguments: Properties) -> Properties:
    region = arguments.get("region") or arguments.get("name") or aws.region
    return {
        "id": region,
        "region": region,
        "name": region,
        "description": DESCRIPTIONS.get(region, region),
        "endpoint": f"ec2.{region}.amazonaws.com",
    }


def _zones(aws: Aws, arguments: Properties) -> Properties:
    region = arguments.get("region") or aws.region
    listed = aws.connection.call("ec2", "describe_availability_zones", region)["AvailabilityZones"]
    excluded = {*(arguments.get("excludeNames") or []), *(arguments.get("excludeZoneIds") or [])}
    state = arguments.get("state")
    zones = [
        zone
        for zone in listed
        if not {zone["ZoneName"], zone.get("ZoneId")} & excluded and state in (None, zone["State"])
    ]
    return {
        **arguments,
        "id": region,
        "region": region,
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone.get("ZoneId", "") for zone in zones],
        "groupNames": sorted({zone.get("GroupName") or region for zone in zones}),
    }


def _policy_document(_aws: Aws, arguments: Properties) -> Properties:
    document: dict[str, Any] = {"Version": arguments.get("version") or "2012-10-17"}
    if arguments.get("policyId"):
        document["Id"] = arguments["policyId"]
    sources = [json.loads(text) for text in arguments.get("sourcePolicyDocuments") or []]
    overrides = [json.loads(text) for text in arguments.get("overridePolicyDocuments") or []]
    own = [_statement(statement) for statement in arguments.get("statements") or []]
    statements: list[dict[str, Any]] = []
    for group in ([entry for one in sources for entry in one.get("Statement", [])], own):
        statements.extend(group)
    for entry in (entry for one in overrides for entry in one.get("Statement", [])):
        sid = entry.get("Sid")
        statements = [present for present in statements if not sid or present.get("Sid") != sid]
        statements.append(entry)
    document["Statement"] = statements
    return {
        **arguments,
        "id": str(zlib.crc32(json.dumps(document, sort_keys=True).encode())),
        "json": json.dumps(document, indent=2),
        "minifiedJson": json.dumps(document, separators=(",", ":")),
    }


def _statement(given: Properties) -> dict[str, Any]:
    statement: dict[str, Any] = {}
    if given.get("sid"):
        statement["Sid"] = given["sid"]
    statement["Effect"] = given.get("effect") or "Allow"
    for own, name in (
        ("actions", "Action"),
        ("notActions", "NotAction"),
        ("resources", "Resource"),
        ("notResources", "NotResource"),
    ):
        if given.get(own):
            statement[name] = _one_or_many(given[own])
    for own, name in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(own):
            statement[name] = _principals(given[own])
    conditions: dict[str, dict[str, Any]] = {}
    for condition in given.get("conditions") or []:
        conditions.setdefault(condition["test"], {})[condition["variable"]] = _one_or_many(
            condition["values"]
        )
    if conditions:
        statement["Condition"] = conditions
    return statement


def _principals(given: list[Properties]) -> Any:  # noqa: ANN401 - "*" or a mapping
    if any(entry["type"] == "*" for entry in given):
        return "*"
    merged: dict[str, list[str]] = {}
    for entry in given:
        merged.setdefault(entry["type"], []).extend(entry["identifiers"])
    return {kind: _one_or_many(identifiers) for kind, identifiers in merged.items()}


def _one_or_many(values: list[str]) -> Any:  # noqa: ANN401 - a text or a list of texts
    return values[0] if len(values) == 1 else sorted(values, reverse=True)


FUNCTIONS: Final[dict[str, Callable[[Aws, Properties], Properties]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
}
