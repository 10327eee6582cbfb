"""Route tables, their routes, and what follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.ec2_common import ec2_type, one, tag_specification
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted

if TYPE_CHECKING:
    from local.engine.values import Properties

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
