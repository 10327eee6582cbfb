"""VPCs and their subnets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.engine.aws.ec2_common import ec2_type, one, tag_specification
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted

if TYPE_CHECKING:
    from local.engine.values import Properties

# VPCs


def _create_vpc(aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "ec2",
        "create_vpc",
        CidrBlock=wanted["cidrBlock"],
        InstanceTenancy=wanted["instanceTenancy"],
        TagSpecifications=tag_specification("vpc", wanted.tags),
    )
    return str(made["Vpc"]["VpcId"])


def _attribute(aws: Aws, vpc: str, name: str) -> bool:
    answer = aws.call("ec2", "describe_vpc_attribute", VpcId=vpc, Attribute=name)
    return bool(answer[name[0].upper() + name[1:]]["Value"])


def _of_vpc(aws: Aws, vpc: str, operation: str, mark: dict[str, str]) -> Any:  # noqa: ANN401 - the API's answer
    """What tells of the one thing of its kind that every VPC has."""
    filters = [{"Name": name, "Values": [value]} for name, value in {"vpc-id": vpc, **mark}.items()]
    return aws.call("ec2", operation, Filters=filters)


def _read_vpc(aws: Aws, identity: str, known: Properties) -> Properties | None:
    vpc = one(aws, "describe_vpcs", "Vpcs", VpcIds=[identity])
    if vpc is None:
        return None
    tables = _of_vpc(aws, identity, "describe_route_tables", {"association.main": "true"})["RouteTables"]
    main = tables[0]["RouteTableId"] if tables else ""
    acls = _of_vpc(aws, identity, "describe_network_acls", {"default": "true"})["NetworkAcls"]
    groups = _of_vpc(aws, identity, "describe_security_groups", {"group-name": "default"})["SecurityGroups"]
    return {
        "arn": aws.arn("ec2", f"vpc/{identity}"),
        "cidrBlock": vpc["CidrBlock"],
        "instanceTenancy": vpc.get("InstanceTenancy") or "default",
        "dhcpOptionsId": vpc.get("DhcpOptionsId") or "",
        "ownerId": vpc.get("OwnerId") or aws.account,
        "enableDnsSupport": _attribute(aws, identity, "enableDnsSupport"),
        "enableDnsHostnames": _attribute(aws, identity, "enableDnsHostnames"),
        "enableNetworkAddressUsageMetrics": known.get("enableNetworkAddressUsageMetrics", False),
        "mainRouteTableId": main,
        "defaultRouteTableId": main,
        "defaultNetworkAclId": acls[0]["NetworkAclId"] if acls else "",
        "defaultSecurityGroupId": groups[0]["GroupId"] if groups else "",
        "ipv6AssociationId": "",
    }


def _vpc_flag(name: str, *, default: bool) -> Part:
    def put(aws: Aws, identity: str, wanted: Wanted) -> None:
        value = default if wanted[name] is None else wanted[name]
        flag = {name[0].upper() + name[1:]: {"Value": value}}
        aws.call("ec2", "modify_vpc_attribute", VpcId=identity, **flag)

    return Part((name,), put)


def _delete_vpc(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("ec2", "delete_vpc", VpcId=identity)


# Subnets


def _create_subnet(aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "ec2",
        "create_subnet",
        VpcId=wanted["vpcId"],
        CidrBlock=wanted["cidrBlock"],
        AvailabilityZone=wanted["availabilityZone"],
        AvailabilityZoneId=wanted["availabilityZoneId"],
        TagSpecifications=tag_specification("subnet", wanted.tags),
    )
    return str(made["Subnet"]["SubnetId"])


def _read_subnet(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    subnet = one(aws, "describe_subnets", "Subnets", SubnetIds=[identity])
    if subnet is None:
        return None
    return {
        "arn": subnet.get("SubnetArn") or aws.arn("ec2", f"subnet/{identity}"),
        "vpcId": subnet["VpcId"],
        "cidrBlock": subnet["CidrBlock"],
        "availabilityZone": subnet["AvailabilityZone"],
        "availabilityZoneId": subnet.get("AvailabilityZoneId", ""),
        "mapPublicIpOnLaunch": subnet.get("MapPublicIpOnLaunch", False),
        "ownerId": subnet.get("OwnerId") or aws.account,
        "ipv6CidrBlockAssociationId": "",
        "privateDnsHostnameTypeOnLaunch": "ip-name",
    }


def _put_public(aws: Aws, identity: str, wanted: Wanted) -> None:
    flag = {"Value": bool(wanted["mapPublicIpOnLaunch"])}
    aws.call("ec2", "modify_subnet_attribute", SubnetId=identity, MapPublicIpOnLaunch=flag)


def _delete_subnet(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("ec2", "delete_subnet", SubnetId=identity)


TYPES: tuple[ResourceType, ...] = (
    ec2_type(
        "aws:ec2/vpc:Vpc",
        "vpc",
        create=_create_vpc,
        read=_read_vpc,
        delete=_delete_vpc,
        parts=(
            _vpc_flag("enableDnsSupport", default=True),
            _vpc_flag("enableDnsHostnames", default=False),
        ),
        replaces=frozenset({"cidrBlock", "instanceTenancy", "ipv4IpamPoolId", "ipv4NetmaskLength"}),
        defaults={"enableDnsSupport": True, "instanceTenancy": "default"},
    ),
    ec2_type(
        "aws:ec2/subnet:Subnet",
        "subnet",
        create=_create_subnet,
        read=_read_subnet,
        delete=_delete_subnet,
        parts=(Part(("mapPublicIpOnLaunch",), _put_public),),
        replaces=frozenset({"vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId"}),
        defaults={"mapPublicIpOnLaunch": False},
    ),
)
