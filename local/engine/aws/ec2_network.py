"""Networks: VPCs, subnets, gateways, addresses, routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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


# Gateways and addresses


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


# Routes

TARGETS: Final = {
    "gatewayId": "GatewayId",
    "natGatewayId": "NatGatewayId",
    "vpcEndpointId": "VpcEndpointId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
    "transitGatewayId": "TransitGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
}
DESTINATIONS: Final = {
    "destinationCidrBlock": "DestinationCidrBlock",
    "destinationIpv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
INLINE: Final = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}


def _create_table(aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "ec2",
        "create_route_table",
        VpcId=wanted["vpcId"],
        TagSpecifications=tag_specification("route-table", wanted.tags),
    )
    return str(made["RouteTable"]["RouteTableId"])


def _table(aws: Aws, identity: str) -> dict[str, Any] | None:
    return one(aws, "describe_route_tables", "RouteTables", RouteTableIds=[identity])


def _declared(route: dict[str, Any]) -> bool:
    """Routes that somebody made, without the local one and those of gateway endpoints."""
    local = route.get("GatewayId") == "local"
    endpoint = "DestinationPrefixListId" in route and str(route.get("GatewayId", "")).startswith("vpce-")
    return not local and not endpoint


def _read_table(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    table = _table(aws, identity)
    if table is None:
        return None
    routes = [route for route in table.get("Routes", []) if _declared(route)]
    return {
        "arn": aws.arn("ec2", f"route-table/{identity}"),
        "vpcId": table["VpcId"],
        "ownerId": table.get("OwnerId") or aws.account,
        "propagatingVgws": [],
        "routes": [
            {own: route[api] for own, api in {**INLINE, **TARGETS}.items() if route.get(api)}
            for route in routes
        ],
    }


def _put_routes(aws: Aws, identity: str, wanted: Wanted) -> None:
    if wanted["routes"] is None:
        return
    table = _table(aws, identity) or {}
    for route in filter(_declared, table.get("Routes", [])):
        where = {api: route[api] for api in DESTINATIONS.values() if route.get(api)}
        aws.attempt("ec2", "delete_route", RouteTableId=identity, **where)
    for given in wanted["routes"]:
        what = {api: given[own] for own, api in {**INLINE, **TARGETS}.items() if given.get(own)}
        aws.call("ec2", "create_route", RouteTableId=identity, **what)


def _delete_table(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("ec2", "delete_route_table", RouteTableId=identity)


def _destination(wanted: Wanted) -> dict[str, Any]:
    return {api: wanted[own] for own, api in DESTINATIONS.items() if wanted[own]}


def _target(wanted: Wanted) -> dict[str, Any]:
    return {api: wanted[own] for own, api in TARGETS.items() if wanted[own]}


def _create_route(aws: Aws, wanted: Wanted) -> str:
    table, destination = wanted["routeTableId"], _destination(wanted)
    aws.call("ec2", "create_route", RouteTableId=table, **destination, **_target(wanted))
    return f"{table}_{next(iter(destination.values()))}"


def _read_route(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    table_id, _, destination = identity.partition("_")
    for route in (_table(aws, table_id) or {}).get("Routes", []):
        for own, api in DESTINATIONS.items():
            if route.get(api) == destination:
                targets = {name: route[member] for name, member in TARGETS.items() if route.get(member)}
                return {
                    "routeTableId": table_id,
                    own: destination,
                    "networkInterfaceId": "",
                    **targets,
                    "origin": route.get("Origin") or "CreateRoute",
                    "state": route.get("State") or "active",
                    "instanceId": route.get("InstanceId") or "",
                    "instanceOwnerId": route.get("InstanceOwnerId") or "",
                }
    return None


def _put_route(aws: Aws, identity: str, wanted: Wanted) -> None:
    table = identity.partition("_")[0]
    aws.call("ec2", "replace_route", RouteTableId=table, **_destination(wanted), **_target(wanted))


def _delete_route(aws: Aws, identity: str, _known: Properties) -> None:
    table, _, destination = identity.partition("_")
    where = "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
    if destination.startswith("pl-"):
        where = "DestinationPrefixListId"
    aws.attempt("ec2", "delete_route", RouteTableId=table, **{where: destination})


def _associate(aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "ec2",
        "associate_route_table",
        RouteTableId=wanted["routeTableId"],
        SubnetId=wanted["subnetId"],
        GatewayId=wanted["gatewayId"],
    )
    return str(made["AssociationId"])


def _read_association(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    filters = [{"Name": "association.route-table-association-id", "Values": [identity]}]
    table = one(aws, "describe_route_tables", "RouteTables", Filters=filters) or {}
    for association in table.get("Associations", []):
        if association["RouteTableAssociationId"] == identity:
            return {
                "routeTableId": association["RouteTableId"],
                "subnetId": association.get("SubnetId"),
                "gatewayId": association.get("GatewayId"),
            }
    return None


def _dissociate(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("ec2", "disassociate_route_table", AssociationId=identity)


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
    ec2_type(
        "aws:ec2/routeTable:RouteTable",
        "route-table",
        create=_create_table,
        read=_read_table,
        delete=_delete_table,
        parts=(Part(("routes",), _put_routes),),
        replaces=frozenset({"vpcId"}),
        unordered=frozenset({"routes", "propagatingVgws"}),
    ),
    ResourceType(
        sdk_type="aws:ec2/route:Route",
        create=_create_route,
        read=_read_route,
        delete=_delete_route,
        parts=(Part(tuple(TARGETS), _put_route, at_creation=False),),
        replaces=frozenset({"routeTableId", *DESTINATIONS}),
        identify=lambda _aws, wanted: (
            f"{wanted['routeTableId']}_{next(iter(_destination(wanted).values()), '')}"
        ),
    ),
    ResourceType(
        sdk_type="aws:ec2/routeTableAssociation:RouteTableAssociation",
        create=_associate,
        read=_read_association,
        delete=_dissociate,
        # EC2 gives a new association for another table; a subnet has one, so the old one goes first.
        replaces=frozenset({"routeTableId", "subnetId", "gatewayId"}),
        singleton=True,
    ),
)
