"""AWS services at private addresses of the network, for this account's principals and little else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from components.grants import document
from components.tags import DataClass, Tags

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPONENT = "network"

GATEWAY_SERVICES = ("s3", "dynamodb")
"""Reached by routes, free of charge; all others by an interface in each zone."""

HTTPS_PORT = 443


@dataclass(frozen=True)
class EndpointsArgs:
    """What the endpoints need to know.

    Attributes:
        tags: ownership.
        account_id: the AWS account, 12 digits; principals of others can't use the endpoints, but for what
            `unsigned` says.
        region: where the services are.
        vpc_id: the network.
        vpc_cidr: its addresses, all of which may connect.
        subnet_ids: where interfaces go, one in each zone.
        route_table_ids: which tables lead to gateway services.
        services: short names of the services with interfaces, such as `sts`. Each costs by the hour and zone.
    """

    tags: Tags
    account_id: str
    region: str
    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    subnet_ids: Sequence[pulumi.Input[str]]
    route_table_ids: Sequence[pulumi.Input[str]]
    services: Sequence[str]


class Endpoints(pulumi.ComponentResource):
    """Gateway and interface endpoints.

    Attributes:
        security_group_id: of the interfaces.
    """

    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Endpoints", name, None, opts)
        self._prefix = name
        self._args = args
        group = self._create_group()
        for service in GATEWAY_SERVICES:
            self._create_gateway(service)
        for service in args.services:
            self._create_interface(service, group)
        self.security_group_id = group.id
        self.register_outputs({"security_group_id": self.security_group_id})

    def _named(self, name: str) -> dict[str, str]:
        tags = self._args.tags
        return {**tags.aws(COMPONENT, DataClass.INTERNAL), "Name": f"{tags.prefix}-{name}"}

    def _create_group(self) -> aws.ec2.SecurityGroup:
        options = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{self._prefix}-group",
            vpc_id=self._args.vpc_id,
            description="AWS services at private addresses",
            tags=self._named("endpoints"),
            opts=options,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{self._prefix}-https",
            security_group_id=group.id,
            description="HTTPS from the network itself",
            cidr_ipv4=self._args.vpc_cidr,
            ip_protocol="tcp",
            from_port=HTTPS_PORT,
            to_port=HTTPS_PORT,
            tags=self._named("endpoints"),
            opts=options,
        )
        return group

    def _policy(self, service: str) -> pulumi.Output[str]:
        """Anything, but by this account's own principals: stolen keys of others don't work from here."""
        args = self._args
        own = {
            "Sid": "OwnPrincipals",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalAccount": args.account_id}},
        }
        return document([own, *unsigned(service, args.account_id, args.region)])

    def _create_gateway(self, service: str) -> None:
        aws.ec2.VpcEndpoint(
            f"{self._prefix}-{service}",
            vpc_id=self._args.vpc_id,
            service_name=f"com.amazonaws.{self._args.region}.{service}",
            vpc_endpoint_type="Gateway",
            route_table_ids=list(self._args.route_table_ids),
            policy=self._policy(service),
            tags=self._named(service),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_interface(self, service: str, group: aws.ec2.SecurityGroup) -> None:
        aws.ec2.VpcEndpoint(
            f"{self._prefix}-{service}",
            vpc_id=self._args.vpc_id,
            service_name=f"com.amazonaws.{self._args.region}.{service}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=list(self._args.subnet_ids),
            security_group_ids=[group.id],
            policy=self._policy(service),
            tags=self._named(service),
            opts=pulumi.ResourceOptions(parent=self),
        )


def unsigned(service: str, account_id: str, region: str) -> list[dict[str, Any]]:
    """What pods and nodes need of a service that no principal of this account signs for.

    A token of a service account is all that a pod has before it has a role, so it can't sign when it asks for
    one (AssumeRoleWithWebIdentity, STS API); the role has to be of this account. Layers of images lie in a
    bucket of AWS's, and the address of each is signed by ECR's account (Amazon ECR interface VPC endpoints,
    ECR User Guide).

    Args:
        service: short name of the service.
        account_id: whose roles may be taken.
        region: whose registry is read.
    """
    needed: dict[str, dict[str, Any]] = {
        "sts": {
            "Sid": "OwnRolesByToken",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceAccount": account_id}},
        },
        "s3": {
            "Sid": "LayersOfImages",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::prod-{region}-starport-layer-bucket/*",
        },
    }
    return [{"Effect": "Allow", "Principal": "*", **needed[service]}] if service in needed else []
