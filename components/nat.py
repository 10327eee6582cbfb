"""The way out to the internet, one in each zone, for networks whose pods need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.tags import DataClass, Tags

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPONENT = "network"
INTERNET = "0.0.0.0/0"


@dataclass(frozen=True)
class NatArgs:
    """What the way out needs to know.

    Attributes:
        tags: ownership.
        vpc_id: the network.
        zones: availability zones.
        cidrs: a public network for each zone.
        private_route_tables: a table for each zone, which gets a default route out.
    """

    tags: Tags
    vpc_id: pulumi.Input[str]
    zones: Sequence[str]
    cidrs: Sequence[str]
    private_route_tables: Sequence[pulumi.Input[str]]


class Nat(pulumi.ComponentResource):
    """Public subnets that hold NAT gateways and load balancers, and nothing else.

    Attributes:
        public_subnet_ids: one for each zone, in their order.
    """

    public_subnet_ids: list[pulumi.Output[str]]

    def __init__(self, name: str, args: NatArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Nat", name, None, opts)
        self._prefix = name
        self._args = args
        self._gateway = aws.ec2.InternetGateway(
            f"{name}-internet", vpc_id=args.vpc_id, tags=self._named("internet"), opts=self._options()
        )
        self._public_table = self._create_public_table()
        self.public_subnet_ids = [
            self._create_zone(zone, cidr, table)
            for zone, cidr, table in zip(args.zones, args.cidrs, args.private_route_tables, strict=True)
        ]
        self.register_outputs({"public_subnet_ids": self.public_subnet_ids})

    def _options(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _named(self, name: str) -> dict[str, str]:
        tags = self._args.tags
        return {**tags.aws(COMPONENT, DataClass.INTERNAL), "Name": f"{tags.prefix}-{name}"}

    def _create_public_table(self) -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(
            f"{self._prefix}-public-routes",
            vpc_id=self._args.vpc_id,
            tags=self._named("public"),
            opts=self._options(),
        )
        aws.ec2.Route(
            f"{self._prefix}-public-default",
            route_table_id=table.id,
            destination_cidr_block=INTERNET,
            gateway_id=self._gateway.id,
            opts=self._options(),
        )
        return table

    def _create_zone(self, zone: str, cidr: str, private_table: pulumi.Input[str]) -> pulumi.Output[str]:
        name = f"public-{zone}"
        subnet = aws.ec2.Subnet(
            f"{self._prefix}-{name}",
            vpc_id=self._args.vpc_id,
            availability_zone=zone,
            cidr_block=cidr,
            # A load balancer or a NAT gateway brings its own address; nothing else belongs here.
            map_public_ip_on_launch=False,
            tags={**self._named(name), "kubernetes.io/role/elb": "1"},
            opts=self._options(),
        )
        aws.ec2.RouteTableAssociation(
            f"{self._prefix}-{name}-association",
            subnet_id=subnet.id,
            route_table_id=self._public_table.id,
            opts=self._options(),
        )
        address = aws.ec2.Eip(
            f"{self._prefix}-{zone}-address", domain="vpc", tags=self._named(name), opts=self._options()
        )
        nat = aws.ec2.NatGateway(
            f"{self._prefix}-{zone}-gateway",
            subnet_id=subnet.id,
            allocation_id=address.allocation_id,
            tags=self._named(name),
            # AWS refuses a NAT gateway in a network that has no internet gateway yet.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._gateway]),
        )
        aws.ec2.Route(
            f"{self._prefix}-{zone}-private-default",
            route_table_id=private_table,
            destination_cidr_block=INTERNET,
            nat_gateway_id=nat.id,
            opts=self._options(),
        )
        return subnet.id
