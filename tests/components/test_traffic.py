from __future__ import annotations

from typing import Any

import pulumi_kubernetes as kubernetes
from factories import tags
from recording import record

from components.traffic import Egress, from_namespace
from components.workspace import Workspace, WorkspaceArgs


def rules(egress: Egress) -> list[dict]:
    """The rules as the API server gets them: put into a policy, taken from the recording."""

    def program() -> Any:
        Workspace("w", WorkspaceArgs(tags(), "plinth"))
        spec = kubernetes.networking.v1.NetworkPolicySpecArgs(
            pod_selector=kubernetes.meta.v1.LabelSelectorArgs(),
            policy_types=["Egress", "Ingress"],
            egress=egress.rules(),
            ingress=[from_namespace("monitoring", 9090)],
        )
        kubernetes.networking.v1.NetworkPolicy("subject", spec=spec)

    spec = record(program).one("NetworkPolicy", "subject").inputs["spec"]
    return [*spec["egress"], *spec["ingress"]]


def test_names_may_be_resolved() -> None:
    dns, _, _ = rules(Egress())
    assert {(port["protocol"], port["port"]) for port in dns["ports"]} == {("UDP", 53), ("TCP", 53)}


def test_aws_is_reached_by_https_only_and_node_metadata_never() -> None:
    _, aws, _ = rules(Egress())
    assert [port["port"] for port in aws["ports"]] == [443]
    assert aws["to"] == [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]


def test_an_emulator_is_reached_at_its_port_and_nothing_else_is() -> None:
    _, emulator, _ = rules(Egress("http://aws.plinth.internal:4566"))
    assert [port["port"] for port in emulator["ports"]] == [4566]


def test_aws_can_be_narrowed_to_the_networks_of_its_endpoints() -> None:
    _, aws, _ = rules(Egress(aws_networks=("10.0.0.0/16",)))
    assert aws["to"] == [{"ipBlock": {"cidr": "10.0.0.0/16"}}]


def test_a_namespace_is_known_by_the_label_that_it_can_not_borrow() -> None:
    *_, ingress = rules(Egress())
    (peer,) = ingress["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}
    assert [port["port"] for port in ingress["ports"]] == [9090]
