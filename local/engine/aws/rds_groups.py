"""Subnet groups and parameter groups of databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine.aws.rds_common import TAGGING
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import pairs

if TYPE_CHECKING:
    from local.engine.values import Properties

# Subnet groups


def _create_subnets(aws: Aws, wanted: Wanted) -> str:
    aws.call(
        "rds",
        "create_db_subnet_group",
        DBSubnetGroupName=wanted["name"],
        DBSubnetGroupDescription=wanted["description"] or "Managed by Pulumi",
        SubnetIds=wanted["subnetIds"],
        Tags=pairs(wanted.tags),
    )
    return str(wanted["name"])


def _read_subnets(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    answer = aws.find("rds", "describe_db_subnet_groups", DBSubnetGroupName=identity)
    if not answer or not answer["DBSubnetGroups"]:
        return None
    group = answer["DBSubnetGroups"][0]
    return {
        "arn": group.get("DBSubnetGroupArn") or aws.arn("rds", f"subgrp:{identity}"),
        "name": group["DBSubnetGroupName"],
        "description": group["DBSubnetGroupDescription"],
        "subnetIds": [subnet["SubnetIdentifier"] for subnet in group["Subnets"]],
        "supportedNetworkTypes": group.get("SupportedNetworkTypes") or ["IPV4"],
        "vpcId": group.get("VpcId", ""),
    }


def _put_subnets(aws: Aws, identity: str, wanted: Wanted) -> None:
    aws.call(
        "rds",
        "modify_db_subnet_group",
        DBSubnetGroupName=identity,
        DBSubnetGroupDescription=wanted["description"],
        SubnetIds=wanted["subnetIds"],
    )
    if _read_subnets(aws, identity, {}) is None:
        _create_subnets(aws, wanted)  # moto loses a group that it modifies


def _delete_subnets(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("rds", "delete_db_subnet_group", DBSubnetGroupName=identity)


# Parameter groups


def _create_parameters(aws: Aws, wanted: Wanted) -> str:
    aws.call(
        "rds",
        "create_db_parameter_group",
        DBParameterGroupName=wanted["name"],
        DBParameterGroupFamily=wanted["family"],
        Description=wanted["description"] or "Managed by Pulumi",
        Tags=pairs(wanted.tags),
    )
    return str(wanted["name"])


def _read_parameters(aws: Aws, identity: str, known: Properties) -> Properties | None:
    answer = aws.find("rds", "describe_db_parameter_groups", DBParameterGroupName=identity)
    if not answer or not answer["DBParameterGroups"]:
        return None
    group = answer["DBParameterGroups"][0]
    listed = aws.call("rds", "describe_db_parameters", DBParameterGroupName=identity)["Parameters"]
    asked = {parameter.get("name"): parameter for parameter in known.get("parameters") or []}
    return {
        "arn": group.get("DBParameterGroupArn") or aws.arn("rds", f"pg:{identity}"),
        "name": group["DBParameterGroupName"],
        "family": group["DBParameterGroupFamily"],
        "description": group["Description"],
        "parameters": [
            {
                "name": parameter["ParameterName"],
                "value": parameter.get("ParameterValue", ""),
                "applyMethod": parameter.get("ApplyMethod")
                or asked.get(parameter["ParameterName"], {}).get("applyMethod")
                or "immediate",
            }
            for parameter in listed
            if parameter.get("ParameterValue") is not None
        ],
    }


def _put_parameters(aws: Aws, identity: str, wanted: Wanted) -> None:
    parameters = [
        {
            "ParameterName": parameter["name"],
            "ParameterValue": parameter["value"],
            "ApplyMethod": parameter.get("applyMethod") or "immediate",
        }
        for parameter in wanted["parameters"] or []
    ]
    if parameters:
        aws.call("rds", "modify_db_parameter_group", DBParameterGroupName=identity, Parameters=parameters)


def _delete_parameters(aws: Aws, identity: str, known: Properties) -> None:
    if not known.get("skipDestroy"):
        aws.attempt("rds", "delete_db_parameter_group", DBParameterGroupName=identity)


TYPES = (
    ResourceType(
        sdk_type="aws:rds/subnetGroup:SubnetGroup",
        create=_create_subnets,
        read=_read_subnets,
        delete=_delete_subnets,
        parts=(Part(("subnetIds", "description"), _put_subnets, at_creation=False),),
        replaces=frozenset({"name", "namePrefix"}),
        name="name",
        name_limit=255,
        lowercase=True,
        unordered=frozenset({"subnetIds"}),
        tagging=TAGGING,
        identify=lambda _aws, wanted: str(wanted["name"]),
        from_arn=lambda _aws, arn: arn.rsplit(":", 1)[-1],
        owns_arn=lambda arn: ":rds:" in arn and ":subgrp:" in arn,
    ),
    ResourceType(
        sdk_type="aws:rds/parameterGroup:ParameterGroup",
        create=_create_parameters,
        read=_read_parameters,
        delete=_delete_parameters,
        parts=(Part(("parameters",), _put_parameters),),
        replaces=frozenset({"name", "namePrefix", "family", "description"}),
        name="name",
        name_limit=255,
        lowercase=True,
        unordered=frozenset({"parameters"}),
        defaults={"skipDestroy": False},
        remembers=("skipDestroy",),
        tagging=TAGGING,
        identify=lambda _aws, wanted: str(wanted["name"]),
        from_arn=lambda _aws, arn: arn.rsplit(":", 1)[-1],
        owns_arn=lambda arn: ":rds:" in arn and ":pg:" in arn,
    ),
)
