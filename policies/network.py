"""Networks: closed by default, logged, described, private; AWS reached through endpoints."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from policies.core.build import (
    IS_FALSE,
    Expect,
    attached_rule,
    each_rule,
    equals,
    expects,
    property_rule,
    resource_rule,
    stack_rule,
)
from policies.core.endpoints import ENDPOINT, needed, only_ours, private_names
from policies.core.rules import REQUIRED, Context, Problem, Rule, Setting, Severity, Topic
from policies.core.values import MalformedError, View, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

VPC: Final = "aws:ec2/vpc:Vpc"
DEFAULT_GROUP: Final = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
GROUP_RULE: Final = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS: Final = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
FLOW_LOG: Final = "aws:ec2/flowLog:FlowLog"
SUBNET: Final = "aws:ec2/subnet:Subnet"
INSTANCE: Final = "aws:ec2/instance:Instance"
TEMPLATE: Final = "aws:ec2/launchTemplate:LaunchTemplate"
RULE_HOLDERS: Final = (GROUP, DEFAULT_GROUP, GROUP_RULE, INGRESS)
ADMIN_PORTS: Final = (22, 3389)
RISKY_PORTS: Final = (
    20,
    21,
    23,
    25,
    110,
    135,
    143,
    445,
    1433,
    1434,
    3000,
    3306,
    4333,
    5000,
    5432,
    5500,
    5601,
    6379,
)
RISKY_PORTS_HIGH: Final = (8080, 8088, 8888, 9200, 9300, 27017)
HIGHEST_PORT: Final = 65535
NEEDED_ENDPOINTS: Final = (
    "ecr.api",
    "ecr.dkr",
    "kms",
    "logs",
    "s3",
    "dynamodb",
    "secretsmanager",
    "sqs",
    "sts",
)
WIDEST_PREFIX: Final = {4: 8, 6: 16}
"""A public range with a shorter prefix counts as everybody: two halves of the internet are the internet."""


@dataclass(frozen=True)
class Opening:
    """One range of ports that one range of addresses may reach."""

    path: str
    source: str
    first: float
    last: float

    @property
    def to_everybody(self) -> bool:
        """Whether the addresses are the internet, or a large share of it."""
        try:
            network = ipaddress.ip_network(self.source, strict=False)
        except ValueError as error:
            raise MalformedError(self.path, self.source, "a range of addresses") from error
        return not network.is_private and network.prefixlen < WIDEST_PREFIX[network.version]

    def reaches(self, *ports: int) -> bool:
        """Whether any of some ports is open."""
        return any(self.first <= port <= self.last for port in ports)


def openings(holder: Resource) -> Iterator[Opening]:
    """The inbound openings of a security group or of one of its rules."""
    if holder.type in {GROUP, DEFAULT_GROUP}:
        for view in holder.at("ingress").items():
            yield from _openings(view)
    elif holder.type == INGRESS or holder.at("type").text() == "ingress":
        yield from _openings(View(holder.props))


def _openings(view: View) -> Iterator[Opening]:
    sources = [*view.at("cidrBlocks").items(), *view.at("ipv6CidrBlocks").items()]
    sources += [view.at(key) for key in ("cidrIpv4", "cidrIpv6") if view.at(key).present()]
    protocol = view.at("ipProtocol" if view.at("ipProtocol").present() else "protocol").text()
    first, last = view.at("fromPort").number(), view.at("toPort").number()
    if protocol in {None, "-1", "all"} or first is None or last is None or (first == last == 0):
        first, last = 0, HIGHEST_PORT
    for source in sources:
        yield Opening(source.path, source.text() or "", first, last)


def _no_open_admin(holder: Resource, _context: Context) -> Iterator[Problem]:
    for opening in openings(holder):
        if opening.to_everybody and opening.reaches(*ADMIN_PORTS):
            yield Problem(
                opening.path, f"{opening.source} reaches ports {opening.first:.0f}-{opening.last:.0f}"
            )


def _no_open_risk(holder: Resource, _context: Context) -> Iterator[Problem]:
    for opening in openings(holder):
        if opening.to_everybody and opening.reaches(*RISKY_PORTS, *RISKY_PORTS_HIGH):
            yield Problem(
                opening.path, f"{opening.source} reaches ports {opening.first:.0f}-{opening.last:.0f}"
            )


def _only_allowed_open(holder: Resource, context: Context) -> Iterator[Problem]:
    allowed = {int(port) for port in context.names("ports")}
    for opening in openings(holder):
        if opening.to_everybody and not (opening.first == opening.last and int(opening.first) in allowed):
            yield Problem(
                opening.path, f"{opening.source} reaches ports {opening.first:.0f}-{opening.last:.0f}"
            )


def _empty_group(_vpc: Resource, group: Resource, _context: Context) -> Iterator[Problem]:
    for name in ("ingress", "egress"):
        if group.at(name).items():
            yield Problem(name, show(group.at(name).value), f"Remove every {name} rule.")


def _descriptions(holder: Resource) -> Iterator[View]:
    yield holder.at("description")
    if holder.type == GROUP:
        for name in ("ingress", "egress"):
            for rule in holder.at(name).items():
                yield rule.at("description")


def _addresses(holder: Resource) -> Iterator[View]:
    if holder.type == INSTANCE:
        yield holder.at("associatePublicIpAddress")
    for interface in holder.at("networkInterfaces").items() if holder.type == TEMPLATE else []:
        yield interface.at("associatePublicIpAddress")


DESCRIBED: Final = Expect(
    "a description of what it is for",
    lambda view, _: (view.text() or "").strip() not in {"", "Managed by Pulumi", "Managed by Terraform"},
)
NOT_PUBLIC: Final = Expect("false or absent", lambda view, _: view.known() in (None, False, "false", ""))


RULES: Final[tuple[Rule, ...]] = (
    resource_rule(
        "network-endpoint-policy",
        (ENDPOINT,),
        only_ours,
        title="What passes an endpoint belongs to our account, so that none takes data to a stranger's",
        topic=Topic.ACCESS,
        severity=Severity.MEDIUM,
        remediation=(
            "Give the endpoint a policy that demands aws:PrincipalAccount or aws:ResourceAccount; only "
            "s3:GetObject on the bucket of ECR's layers in its Region may go without."
        ),
    ),
    attached_rule(
        "network-default-group",
        (VPC,),
        DEFAULT_GROUP,
        "vpcId",
        _empty_group,
        title="The default security group of every network lets nothing in or out",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("EC2.2", "CIS 5.5", "CKV2_AWS_12"),
        remediation="Add a DefaultSecurityGroup without ingress and egress.",
    ),
    attached_rule(
        "network-flow-logs",
        (VPC,),
        FLOW_LOG,
        "vpcId",
        expects(("trafficType",), equals("ALL")),
        title="Every network logs its flows, accepted and refused",
        topic=Topic.AUDIT,
        severity=Severity.MEDIUM,
        public_ids=("EC2.6", "CIS 3.7", "CKV2_AWS_11"),
        remediation="Add a FlowLog with trafficType ALL.",
    ),
    resource_rule(
        "network-no-open-admin-ports",
        RULE_HOLDERS,
        _no_open_admin,
        title="Nobody outside reaches ports of administration",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("EC2.13", "EC2.14", "CIS 5.3", "CIS 5.4", "CKV_AWS_24", "CKV_AWS_25"),
        remediation="Remove the rule, or name the addresses.",
    ),
    resource_rule(
        "network-no-open-risky-ports",
        RULE_HOLDERS,
        _no_open_risk,
        title="Nobody outside reaches databases and other inner services",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("EC2.19",),
        remediation="Remove the rule, or name the addresses.",
    ),
    resource_rule(
        "network-only-allowed-ports",
        RULE_HOLDERS,
        _only_allowed_open,
        title="Only the ports of the edge are open to everybody",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("EC2.18", "CKV_AWS_260"),
        remediation="Remove the rule, or name the addresses.",
        settings={"ports": Setting((), "ports that everybody may reach")},
    ),
    property_rule(
        "network-no-public-addresses",
        (SUBNET,),
        ("mapPublicIpOnLaunch",),
        IS_FALSE,
        title="No subnet hands out public addresses by itself",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("EC2.15", "CKV_AWS_130"),
        remediation="Set mapPublicIpOnLaunch to false.",
    ),
    each_rule(
        "network-no-public-machines",
        (INSTANCE, TEMPLATE),
        _addresses,
        NOT_PUBLIC,
        title="No machine has a public address",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("EC2.9", "EC2.25", "CKV_AWS_88"),
        remediation="Set associatePublicIpAddress to false.",
    ),
    each_rule(
        "network-described-rules",
        (GROUP, GROUP_RULE, INGRESS, EGRESS),
        _descriptions,
        DESCRIBED,
        title="Every group and every rule of it says what it is for",
        topic=Topic.ACCOUNTABILITY,
        severity=Severity.LOW,
        public_ids=("CKV_AWS_23",),
        remediation="Set description.",
    ),
    stack_rule(
        "network-endpoints",
        (VPC,),
        needed,
        title="Private pods reach the AWS services that they call through endpoints",
        topic=Topic.TRANSMISSION,
        severity=Severity.MEDIUM,
        public_ids=("EC2.10", "EC2.55", "EC2.56"),
        reads=(ENDPOINT,),
        remediation="Add a VpcEndpoint for each of them.",
        settings={**REQUIRED, "services": Setting(NEEDED_ENDPOINTS, "services that private pods call")},
    ),
    resource_rule(
        "network-endpoint-names",
        (ENDPOINT,),
        private_names,
        title="Interface endpoints answer under the service's own name, so that no call goes round them",
        topic=Topic.TRANSMISSION,
        severity=Severity.MEDIUM,
        public_ids=("EC2.10",),
        remediation="Set privateDnsEnabled to true.",
    ),
)
