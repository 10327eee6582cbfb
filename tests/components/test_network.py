from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from factories import ACCOUNT, REGION, network, network_args
from hypothesis import given
from hypothesis import strategies as st
from iam import Request, allowed
from recording import record, statements

THREE = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]


@given(length=st.integers(16, 24), zones=st.integers(2, 6))
def test_subnets_lie_in_the_network_and_never_overlap(length: int, zones: int) -> None:
    names = [f"eu-central-1{letter}" for letter in "abcdef"[:zones]]
    args = network_args(cidr=f"10.0.0.0/{length}", zones=names)
    subnets = [subnet for pair in args.subnets() for subnet in pair]
    assert len(subnets) == 2 * zones
    assert all(subnet.subnet_of(ipaddress.ip_network(args.cidr)) for subnet in subnets)
    assert not any(a.overlaps(b) for a in subnets for b in subnets if a is not b)
    assert all(subnet.prefixlen <= 30 for subnet in subnets)


def test_every_zone_has_a_private_subnet_without_public_addresses() -> None:
    subnets = record(network).of("subnet:Subnet")
    assert {subnet.inputs["availabilityZone"] for subnet in subnets} == set(THREE)
    assert not any(subnet.inputs["mapPublicIpOnLaunch"] for subnet in subnets)


def test_the_default_group_is_closed() -> None:
    group = record(network).one("DefaultSecurityGroup").inputs
    assert group["ingress"] == []
    assert group["egress"] == []


def test_all_traffic_is_logged_in_an_encrypted_group() -> None:
    recording = record(network)
    flow = recording.one("FlowLog").inputs
    assert flow["trafficType"] == "ALL"
    assert recording.one("logGroup:LogGroup").inputs["kmsKeyId"]


def test_the_service_of_flow_logs_finds_its_group_and_writes_to_no_other() -> None:
    recording = record(network)
    policy = statements(recording.one("RolePolicy", "flow-delivery-grants").inputs["policy"])
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
    assert allowed(policy, Request("logs:DescribeLogGroups", f"{group}*"))
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        assert not allowed(policy, Request(action, f"{group}another:log-stream:eni-1"))
        assert any(action in s["Action"] and s["Resource"] != "*" for s in policy)


def test_there_is_no_way_to_the_internet_unless_asked_for() -> None:
    recording = record(network)
    assert not recording.of("internetGateway:InternetGateway")
    assert not recording.of("route:Route")


def test_with_nat_every_zone_has_its_own_way_out() -> None:
    recording = record(lambda: network(nat=True))
    assert len(recording.of("natGateway:NatGateway")) == 3
    assert len(recording.of("subnet:Subnet")) == 6
    assert not any(subnet.inputs["mapPublicIpOnLaunch"] for subnet in recording.of("subnet:Subnet"))
    private = [route for route in recording.of("route:Route") if "natGatewayId" in route.inputs]
    assert len({route.inputs["natGatewayId"] for route in private}) == 3


def test_s3_and_dynamodb_are_reached_by_routes_and_the_rest_by_interfaces() -> None:
    endpoints = record(network).of("vpcEndpoint:VpcEndpoint")
    kinds = {e.inputs["serviceName"].rpartition(".")[2]: e.inputs["vpcEndpointType"] for e in endpoints}
    assert kinds == {"s3": "Gateway", "dynamodb": "Gateway", "sts": "Interface", "kms": "Interface"}


OTHERS = "999999999999"
LAYERS = f"arn:aws:s3:::prod-{REGION}-starport-layer-bucket"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/serving"
WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"


def passes(service: str, action: str, resource: str, **context: str) -> bool:
    """Whether an endpoint lets a request through; keywords are global condition keys."""
    endpoint = record(network).one("vpcEndpoint:VpcEndpoint", f"-{service}").inputs
    keys = {f"aws:{key}": value for key, value in context.items()}
    return allowed(statements(endpoint["policy"]), Request(action, resource, keys))


@pytest.mark.parametrize("service", ["s3", "dynamodb", "sts", "kms"])
def test_endpoints_serve_principals_of_this_account_only(service: str) -> None:
    assert passes(service, f"{service}:Anything", "arn:aws:x:::y", PrincipalAccount=ACCOUNT)
    assert not passes(service, f"{service}:Anything", "arn:aws:x:::y", PrincipalAccount=OTHERS)
    assert not passes(service, f"{service}:Anything", "arn:aws:x:::y")


def test_a_pod_takes_a_role_of_this_account_by_its_token_which_signs_nothing() -> None:
    assert passes("sts", WEB_IDENTITY, ROLE, ResourceAccount=ACCOUNT)
    assert not passes("sts", WEB_IDENTITY, f"arn:aws:iam::{OTHERS}:role/theirs", ResourceAccount=OTHERS)
    assert not passes("sts", "sts:AssumeRole", ROLE, ResourceAccount=ACCOUNT)
    assert not passes("kms", WEB_IDENTITY, ROLE, ResourceAccount=ACCOUNT)


def test_a_node_reads_layers_of_images_which_the_account_of_ecr_signs_for() -> None:
    assert passes("s3", "s3:GetObject", f"{LAYERS}/layer", PrincipalAccount=OTHERS)
    assert not passes("s3", "s3:PutObject", f"{LAYERS}/layer", PrincipalAccount=OTHERS)
    assert not passes("s3", "s3:GetObject", "arn:aws:s3:::theirs/layer", PrincipalAccount=OTHERS)
    assert not passes("dynamodb", "s3:GetObject", f"{LAYERS}/layer", PrincipalAccount=OTHERS)


def test_endpoints_are_open_to_https_from_the_network_only() -> None:
    rule = record(network).one("SecurityGroupIngressRule").inputs
    assert (rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) == ("10.20.0.0/16", 443, 443)
    assert rule["description"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"taken": ["10.20.128.0/17"]}, "overlaps 10.20.128.0/17"),
        ({"cidr": "10.20.0.0/28"}, "is a /28"),
        ({"zones": ["eu-central-1a"]}, "has one zone"),
        ({"zones": []}, "are none, or repeat"),
        ({"zones": ["eu-central-1a", "eu-central-1a"]}, "are none, or repeat"),
        ({"zones": ["eu-central-1a", "us-east-1a"]}, "not in the Region"),
    ],
)
def test_what_can_not_be_routed_or_fails_with_one_zone_is_refused(
    overrides: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        network_args(**overrides)


def test_one_zone_is_possible_for_those_who_accept_it() -> None:
    assert len(network_args(zones=["eu-central-1a"], single_zone=True).subnets()) == 1
