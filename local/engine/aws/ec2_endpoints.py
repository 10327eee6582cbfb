"""Private ways to AWS's services, and records of traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.ec2_common import ec2_type, one, tag_specification
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted

if TYPE_CHECKING:
    from local.engine.values import Properties

LISTS: Final = {
    "routeTableIds": ("RouteTableIds", "RouteTableIds"),
    "subnetIds": ("SubnetIds", "SubnetIds"),
    "securityGroupIds": ("SecurityGroupIds", "Groups"),
}
"""Inputs with the parameter that takes each, and the member that tells it."""


def _create_endpoint(aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "ec2",
        "create_vpc_endpoint",
        VpcEndpointType=wanted["vpcEndpointType"],
        VpcId=wanted["vpcId"],
        ServiceName=wanted["serviceName"],
        PolicyDocument=wanted["policy"],
        PrivateDnsEnabled=wanted["privateDnsEnabled"],
        TagSpecifications=tag_specification("vpc-endpoint", wanted.tags),
        **{api: wanted[own] or None for own, (api, _told) in LISTS.items()},
    )
    return str(made["VpcEndpoint"]["VpcEndpointId"])


def _endpoint(aws: Aws, identity: str) -> dict[str, Any] | None:
    found = one(aws, "describe_vpc_endpoints", "VpcEndpoints", VpcEndpointIds=[identity])
    return None if found is None or found.get("State") in {"deleting", "deleted"} else found


def _read_endpoint(aws: Aws, identity: str, known: Properties) -> Properties | None:
    found = _endpoint(aws, identity)
    if found is None:
        return None
    groups = [group["GroupId"] if isinstance(group, dict) else group for group in found.get("Groups", [])]
    return {
        "arn": aws.arn("ec2", f"vpc-endpoint/{identity}"),
        "vpcId": found["VpcId"],
        "serviceName": found["ServiceName"],
        "serviceRegion": aws.region,
        "vpcEndpointType": found.get("VpcEndpointType") or "Gateway",
        "policy": found.get("PolicyDocument") or known.get("policy") or "",
        "privateDnsEnabled": found.get("PrivateDnsEnabled") or False,
        "routeTableIds": found.get("RouteTableIds", []),
        "subnetIds": found.get("SubnetIds", []),
        "securityGroupIds": groups or known.get("securityGroupIds") or [],
        "networkInterfaceIds": found.get("NetworkInterfaceIds", []),
        "dnsEntries": [
            {"dnsName": entry.get("DnsName", ""), "hostedZoneId": entry.get("HostedZoneId", "")}
            for entry in found.get("DnsEntries", [])
        ],
        "cidrBlocks": [],
        "ipAddressType": found.get("IpAddressType") or "ipv4",
        "ownerId": found.get("OwnerId") or aws.account,
        "prefixListId": "",
        "requesterManaged": found.get("RequesterManaged") or False,
        "state": found.get("State") or "available",
    }


def _put_endpoint(aws: Aws, identity: str, wanted: Wanted) -> None:
    present = _endpoint(aws, identity) or {}
    changes: dict[str, Any] = {}
    for own, (api, told) in LISTS.items():
        if wanted[own] is None:
            continue
        there = {entry["GroupId"] if isinstance(entry, dict) else entry for entry in present.get(told, [])}
        asked = set(wanted[own])
        verb = api.removesuffix("s") + "s"
        changes |= {f"Add{verb}": sorted(asked - there), f"Remove{verb}": sorted(there - asked)}
    aws.call(
        "ec2",
        "modify_vpc_endpoint",
        VpcEndpointId=identity,
        PolicyDocument=wanted["policy"],
        PrivateDnsEnabled=wanted["privateDnsEnabled"],
        **{name: value for name, value in changes.items() if value},
    )


def _delete_endpoint(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("ec2", "delete_vpc_endpoints", VpcEndpointIds=[identity])


# Flow logs

SOURCES: Final = {"vpcId": "VPC", "subnetId": "Subnet", "eniId": "NetworkInterface"}


def _create_log(aws: Aws, wanted: Wanted) -> str:
    source = next(name for name in SOURCES if wanted[name])
    destination = wanted["logDestinationType"] or "cloud-watch-logs"
    made = aws.call(
        "ec2",
        "create_flow_logs",
        ResourceIds=[wanted[source]],
        ResourceType=SOURCES[source],
        TrafficType=wanted["trafficType"],
        LogDestinationType=destination,
        LogDestination=wanted["logDestination"],
        DeliverLogsPermissionArn=wanted["iamRoleArn"],
        MaxAggregationInterval=wanted["maxAggregationInterval"],
        LogFormat=wanted["logFormat"],
        TagSpecifications=tag_specification("vpc-flow-log", wanted.tags),
    )
    return str(made["FlowLogIds"][0])


def _read_log(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    log = one(aws, "describe_flow_logs", "FlowLogs", FlowLogIds=[identity])
    if log is None:
        return None
    resource = log["ResourceId"]
    prefixes = {"vpc-": "vpcId", "subnet-": "subnetId", "eni-": "eniId"}
    source = next(name for prefix, name in prefixes.items() if resource.startswith(prefix))
    group = log.get("LogGroupName")
    named = aws.arn("logs", f"log-group:{group}") if group else ""
    return {
        "arn": aws.arn("ec2", f"vpc-flow-log/{identity}"),
        source: resource,
        "trafficType": log["TrafficType"],
        "logDestinationType": log.get("LogDestinationType") or "cloud-watch-logs",
        "logDestination": log.get("LogDestination") or named,
        "iamRoleArn": log.get("DeliverLogsPermissionArn"),
        "maxAggregationInterval": int(log.get("MaxAggregationInterval") or 600),
        "logFormat": log.get("LogFormat") or "",
    }


def _delete_log(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("ec2", "delete_flow_logs", FlowLogIds=[identity])


TYPES: tuple[ResourceType, ...] = (
    ec2_type(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        "vpc-endpoint",
        create=_create_endpoint,
        read=_read_endpoint,
        delete=_delete_endpoint,
        parts=(Part(("policy", "privateDnsEnabled", *LISTS), _put_endpoint, at_creation=False),),
        replaces=frozenset({"vpcId", "serviceName", "vpcEndpointType", "serviceRegion"}),
        documents=frozenset({"policy"}),
        unordered=frozenset(LISTS),
        defaults={"vpcEndpointType": "Gateway"},
    ),
    ec2_type(
        "aws:ec2/flowLog:FlowLog",
        "vpc-flow-log",
        create=_create_log,
        read=_read_log,
        delete=_delete_log,
        replaces=frozenset(
            {
                *SOURCES,
                "trafficType",
                "logDestinationType",
                "logDestination",
                "iamRoleArn",
                "maxAggregationInterval",
                "logFormat",
            }
        ),
        singleton=True,  # two logs of one source to one place are refused
        defaults={"logDestinationType": "cloud-watch-logs", "maxAggregationInterval": 600},
    ),
)
