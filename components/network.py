"""A private network over several zones, in which AWS is reached without the internet."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.durability import Durability
from components.endpoints import Endpoints, EndpointsArgs
from components.grants import Grant, Statement
from components.log_group import LogGroup, LogGroupArgs
from components.nat import Nat, NatArgs
from components.service_role import ServiceRole, ServiceRoleArgs
from components.tags import DataClass, Tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.encryption import DataKey

COMPONENT = "network"

PREFIX_LENGTHS = range(16, 25)
"""What a VPC takes is /16 to /28 (CreateVpc, EC2 API); below /24 three zones have no room for pods."""

SUBNETS_PER_ZONE = 2
"""A private one, and a public one that stays unused without NAT; fixed, so that NAT can be added later."""

FLOW_LOG_SECONDS = 60


@dataclass(frozen=True)
class NetworkArgs:
    """What the network needs to know.

    Attributes:
        tags: ownership.
        account_id: the AWS account, 12 digits.
        region: where the network is.
        key: of the domain of logs, for the flow logs.
        cidr: IPv4 network, /16 to /24; a change replaces everything in it.
        zones: availability zones, at least two. One zone's failure is an outage of all that is in it.
        taken: networks that it must not overlap, such as peers and offices; traffic to them would be lost.
        services: AWS services that are reached by interface endpoints, by their short names.
        nat: whether pods reach the internet, one NAT gateway a zone, default False.
        flow_log_days: days that flow logs are kept, default 90.
        single_zone: accept one zone, default False.
        durability: of the flow logs.
    """

    tags: Tags
    account_id: str
    region: str
    key: DataKey
    cidr: str
    zones: Sequence[str]
    taken: Sequence[str] = ()
    services: Sequence[str] = ()
    nat: bool = False
    flow_log_days: int = 90
    single_zone: bool = False
    durability: Durability = field(default_factory=Durability)

    def __post_init__(self) -> None:
        """Refuse what can't be routed, or fails with one zone."""
        check_layout(self.region, self.cidr, self.zones, self.taken, single_zone=self.single_zone)

    def subnets(self) -> list[tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]]:
        """A private and a public network for each zone, cut so that private ones get the most room.

        Each zone has an equal part, a power of two; three quarters of a part would fit no prefix, so the
        private network is the first half, and the public one the first quarter of the second half.
        """
        network = ipaddress.IPv4Network(self.cidr)
        parts = list(network.subnets(prefixlen_diff=(len(self.zones) - 1).bit_length()))
        halves = [list(part.subnets(prefixlen_diff=1)) for part in parts[: len(self.zones)]]
        return [(first, next(iter(second.subnets(prefixlen_diff=2)))) for first, second in halves]


class Network(pulumi.ComponentResource):
    """A VPC with private subnets, endpoints, flow logs and a closed default group.

    Attributes:
        vpc_id: the network.
        private_subnet_ids: one for each zone, in their order.
        public_subnet_ids: likewise, empty without NAT.
    """

    vpc_id: pulumi.Output[str]
    private_subnet_ids: list[pulumi.Output[str]]
    public_subnet_ids: list[pulumi.Output[str]]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Network", name, None, opts)
        self._prefix = name
        self._args = args
        self._vpc = self._create_vpc()
        self._close_default_group()
        self._create_flow_log()
        self._tables: list[aws.ec2.RouteTable] = []
        self.vpc_id = self._vpc.id
        self.private_subnet_ids = [
            self._create_private_subnet(zone, str(private)).id
            for zone, (private, _) in zip(args.zones, args.subnets(), strict=True)
        ]
        self.public_subnet_ids = self._create_nat() if args.nat else []
        self._create_endpoints()
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "private_subnet_ids": self.private_subnet_ids,
                "public_subnet_ids": self.public_subnet_ids,
            }
        )

    def _named(self, name: str) -> dict[str, str]:
        tags = self._args.tags
        return {**tags.aws(COMPONENT, DataClass.INTERNAL), "Name": f"{tags.prefix}-{name}"}

    def _create_vpc(self) -> aws.ec2.Vpc:
        return aws.ec2.Vpc(
            f"{self._prefix}-vpc",
            cidr_block=self._args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._named("vpc"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _close_default_group(self) -> None:
        """Whatever is launched without a security group of its own reaches nothing."""
        aws.ec2.DefaultSecurityGroup(
            f"{self._prefix}-default-group",
            vpc_id=self._vpc.id,
            ingress=[],
            egress=[],
            tags=self._named("default-closed"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_flow_log(self) -> None:
        args = self._args
        options = pulumi.ResourceOptions(parent=self)
        tags = args.tags.aws(COMPONENT, DataClass.CONFIDENTIAL)
        group = LogGroup(
            f"{self._prefix}-flows",
            LogGroupArgs(f"{args.tags.log_prefix}flows", args.key, args.flow_log_days, tags, args.durability),
            options,
        )
        write = Statement(
            actions=("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            resources=(group.arn, pulumi.Output.concat(group.arn, ":log-stream:*")),
        )
        # The service looks for its group among all (IAM role for publishing flow logs to CloudWatch Logs, VPC
        # User Guide). It needn't make one, so logs:CreateLogGroup, which stands there as well, isn't granted.
        find = Statement(("logs:DescribeLogGroups",), (), unscoped="it lists all log groups")
        role = ServiceRole(
            f"{self._prefix}-flow-delivery",
            ServiceRoleArgs(
                tags=args.tags,
                role="flow-delivery",
                service="vpc-flow-logs.amazonaws.com",
                account_id=args.account_id,
                grants=[Grant("write flow logs", (write, find))],
            ),
            options,
        )
        aws.ec2.FlowLog(
            f"{self._prefix}-flow-log",
            vpc_id=self._vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=FLOW_LOG_SECONDS,
            tags=self._named("flows"),
            opts=options,
        )

    def _create_private_subnet(self, zone: str, cidr: str) -> aws.ec2.Subnet:
        name = f"private-{zone}"
        subnet = aws.ec2.Subnet(
            f"{self._prefix}-{name}",
            vpc_id=self._vpc.id,
            availability_zone=zone,
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            tags={**self._named(name), "kubernetes.io/role/internal-elb": "1"},
            opts=pulumi.ResourceOptions(parent=self),
        )
        table = aws.ec2.RouteTable(
            f"{self._prefix}-{name}-routes",
            vpc_id=self._vpc.id,
            tags=self._named(name),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.ec2.RouteTableAssociation(
            f"{self._prefix}-{name}-association",
            subnet_id=subnet.id,
            route_table_id=table.id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._tables.append(table)
        return subnet

    def _create_nat(self) -> list[pulumi.Output[str]]:
        args = self._args
        nat = Nat(
            f"{self._prefix}-nat",
            NatArgs(
                tags=args.tags,
                vpc_id=self._vpc.id,
                zones=args.zones,
                cidrs=[str(public) for _, public in args.subnets()],
                private_route_tables=[table.id for table in self._tables],
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return nat.public_subnet_ids

    def _create_endpoints(self) -> None:
        args = self._args
        Endpoints(
            f"{self._prefix}-endpoints",
            EndpointsArgs(
                tags=args.tags,
                account_id=args.account_id,
                region=args.region,
                vpc_id=self._vpc.id,
                vpc_cidr=args.cidr,
                subnet_ids=self.private_subnet_ids,
                route_table_ids=[table.id for table in self._tables],
                services=args.services,
            ),
            pulumi.ResourceOptions(parent=self),
        )


def check_layout(
    region: str, cidr: str, zones: Sequence[str], taken: Sequence[str], *, single_zone: bool
) -> None:
    """Refuse a network that can't be routed, or fails with one zone.

    Raises:
        ValueError: its size, an overlap, or its zones; the arguments are those of `NetworkArgs`.
    """
    network = ipaddress.ip_network(cidr)
    if network.prefixlen not in PREFIX_LENGTHS:
        raise ValueError(
            f"The network {cidr} is a /{network.prefixlen}; a VPC of this size takes /16 to /24. "
            "Change cidr in plinth:network."
        )
    for other in taken:
        if network.overlaps(ipaddress.ip_network(other)):
            raise ValueError(
                f"The network {cidr} overlaps {other}, which is taken; traffic to one would go to "
                "the other. Change cidr in plinth:network."
            )
    if len(set(zones)) != len(zones) or not zones:
        raise ValueError(f"The zones {list(zones)} are none, or repeat. Correct zones in plinth:network.")
    if len(zones) == 1 and not single_zone:
        raise ValueError(
            f"The network has one zone, {zones[0]}; its failure takes everything down. Name at "
            "least two in plinth:network, or accept it with singleZone: true."
        )
    strangers = [zone for zone in zones if not zone.startswith(region)]
    if strangers:
        raise ValueError(
            f"The zones {strangers} are not in the Region {region}. Correct zones in plinth:network."
        )
