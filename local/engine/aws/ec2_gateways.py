"""Ways out of a network: gateways and addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine.aws.ec2_common import ec2_type, one, tag_specification
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted

if TYPE_CHECKING:
    from local.engine.values import Properties


def _create_gateway(aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "ec2",
        "create_internet_gateway",
        TagSpecifications=tag_specification("internet-gateway", wanted.tags),
    )
    return str(made["InternetGateway"]["InternetGatewayId"])


def _read_gateway(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    gateway = one(aws, "describe_internet_gateways", "InternetGateways", InternetGatewayIds=[identity])
    if gateway is None:
        return None
    attached = gateway.get("Attachments") or [{}]
    return {
        "arn": aws.arn("ec2", f"internet-gateway/{identity}"),
        "ownerId": gateway.get("OwnerId") or aws.account,
        "vpcId": attached[0].get("VpcId", ""),
    }


def _put_attachment(aws: Aws, identity: str, wanted: Wanted) -> None:
    present = (_read_gateway(aws, identity, {}) or {}).get("vpcId")
    if present == wanted["vpcId"]:
        return
    if present:
        aws.attempt("ec2", "detach_internet_gateway", InternetGatewayId=identity, VpcId=present)
    if wanted["vpcId"]:
        aws.call("ec2", "attach_internet_gateway", InternetGatewayId=identity, VpcId=wanted["vpcId"])


def _delete_gateway(aws: Aws, identity: str, _known: Properties) -> None:
    _put_attachment(aws, identity, Wanted({}, {}))
    aws.attempt("ec2", "delete_internet_gateway", InternetGatewayId=identity)


def _create_address(aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "ec2",
        "allocate_address",
        Domain=wanted["domain"] or "vpc",
        TagSpecifications=tag_specification("elastic-ip", wanted.tags),
    )
    return str(made["AllocationId"])


def _read_address(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    address = one(aws, "describe_addresses", "Addresses", AllocationIds=[identity])
    if address is None:
        return None
    dashed = address["PublicIp"].replace(".", "-")
    return {
        "arn": aws.arn("ec2", f"elastic-ip/{identity}"),
        "allocationId": identity,
        "associationId": address.get("AssociationId", ""),
        "domain": address.get("Domain") or "vpc",
        "publicIp": address["PublicIp"],
        "publicDns": f"ec2-{dashed}.{aws.region}.compute.amazonaws.com",
        "privateIp": address.get("PrivateIpAddress") or "",
        "privateDns": "",
        "instance": address.get("InstanceId") or "",
        "networkInterface": address.get("NetworkInterfaceId") or "",
        "networkBorderGroup": aws.region,
        "publicIpv4Pool": "amazon",
        "carrierIp": "",
        "customerOwnedIp": "",
        "ptrRecord": "",
    }


def _delete_address(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("ec2", "release_address", AllocationId=identity)


def _create_nat(aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "ec2",
        "create_nat_gateway",
        SubnetId=wanted["subnetId"],
        AllocationId=wanted["allocationId"],
        ConnectivityType=wanted["connectivityType"],
        TagSpecifications=tag_specification("natgateway", wanted.tags),
    )
    return str(made["NatGateway"]["NatGatewayId"])


def _read_nat(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    nat = one(aws, "describe_nat_gateways", "NatGateways", NatGatewayIds=[identity])
    if nat is None or nat["State"] in {"deleting", "deleted"}:
        return None
    addresses = nat.get("NatGatewayAddresses") or [{}]
    address = addresses[0]
    return {
        "subnetId": nat["SubnetId"],
        "vpcId": nat.get("VpcId", ""),
        "allocationId": address.get("AllocationId"),
        "associationId": address.get("AssociationId", ""),
        "connectivityType": nat.get("ConnectivityType") or "public",
        "networkInterfaceId": address.get("NetworkInterfaceId", ""),
        "privateIp": address.get("PrivateIp", ""),
        "publicIp": address.get("PublicIp", ""),
        "availabilityMode": "zonal",
        "autoProvisionZones": "",
        "autoScalingIps": "",
        "regionalNatGatewayAutoMode": "",
        "routeTableId": "",
    }


def _delete_nat(aws: Aws, identity: str, known: Properties) -> None:
    aws.attempt("ec2", "delete_nat_gateway", NatGatewayId=identity)
    if known.get("allocationId"):
        # AWS frees the address with the gateway; moto leaves it associated.
        address = one(aws, "describe_addresses", "Addresses", AllocationIds=[known["allocationId"]]) or {}
        if address.get("AssociationId"):
            aws.attempt("ec2", "disassociate_address", AssociationId=address["AssociationId"])


TYPES: tuple[ResourceType, ...] = (
    ec2_type(
        "aws:ec2/internetGateway:InternetGateway",
        "internet-gateway",
        create=_create_gateway,
        read=_read_gateway,
        delete=_delete_gateway,
        parts=(Part(("vpcId",), _put_attachment),),
    ),
    ec2_type(
        "aws:ec2/eip:Eip",
        "elastic-ip",
        create=_create_address,
        read=_read_address,
        delete=_delete_address,
        replaces=frozenset({"domain", "address", "customerOwnedIpv4Pool", "networkBorderGroup"}),
    ),
    ec2_type(
        "aws:ec2/natGateway:NatGateway",
        "natgateway",
        create=_create_nat,
        read=_read_nat,
        delete=_delete_nat,
        replaces=frozenset({"subnetId", "allocationId", "connectivityType", "privateIp"}),
        defaults={"connectivityType": "public"},
        singleton=True,  # an address belongs to one gateway at a time
    ),
)
