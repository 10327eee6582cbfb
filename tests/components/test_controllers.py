from __future__ import annotations

from typing import Any

import pytest
from factories import controllers, controllers_args, image
from recording import record, statements

from components.chart_release import Chart
from components.controllers import Controller

RELEASES = [controller.value for controller in Controller]


def values(controller: Controller, **overrides: Any) -> dict[str, Any]:
    releases = record(lambda: controllers(**overrides)).of("helm.sh/v3:Release")
    return next(r.inputs["values"] for r in releases if r.inputs["name"] == controller.value)


def test_each_comes_from_its_chart_into_a_namespace_of_its_own() -> None:
    releases = record(controllers).of("helm.sh/v3:Release")
    assert sorted(r.inputs["name"] for r in releases) == sorted(RELEASES)
    for release in releases:
        assert release.inputs["namespace"] == release.inputs["name"]
        assert release.inputs["version"] == "1.0.0"
        assert release.inputs["repositoryOpts"] == {"repo": "https://charts.example.org"}


def test_every_namespace_refuses_all_that_is_not_named() -> None:
    recording = record(controllers)
    denials = [p.inputs for p in recording.of("NetworkPolicy") if p.name.endswith("default-deny")]
    assert sorted(p["metadata"]["namespace"] for p in denials) == sorted(RELEASES)
    for policy in denials:
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert not policy["spec"].get("ingress")
        assert not policy["spec"].get("egress")


def test_only_the_clusters_network_calls_their_webhooks() -> None:
    policy = record(controllers).one("NetworkPolicy", "cert-manager-pods").inputs["spec"]
    (webhook,) = policy["ingress"]
    assert webhook["from"] == [{"ipBlock": {"cidr": "10.20.0.0/16"}}]


def test_metrics_server_reaches_kubelets_and_nothing_outside() -> None:
    policy = record(controllers).one("NetworkPolicy", "metrics-server-pods").inputs["spec"]
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {53, 443, 6443, 10250}
    assert reached(policy, 10250) == {"10.20.0.0/16"}


@pytest.mark.parametrize("controller", RELEASES)
def test_every_controller_reaches_the_api_server_by_its_service_and_behind_it(controller: str) -> None:
    policy = record(controllers).one("NetworkPolicy", f"{controller}-pods").inputs["spec"]
    assert reached(policy, 6443) == {"10.20.0.0/16", "172.20.0.1/32"}


def reached(policy: dict[str, Any], port: int) -> set[str]:
    """Networks that a policy opens on a port."""
    return {
        peer["ipBlock"]["cidr"]
        for rule in policy["egress"]
        if port in {one["port"] for one in rule["ports"]}
        for peer in rule.get("to") or []
    }


COMPUTE = "arn:aws:ec2:eu-central-1:123456789012"
BY_NAME = ([f"{COMPUTE}:vpc/vpc-1"], [f"{COMPUTE}:security-group/sg-plinth-test"])
"""What is there before the controller, and so bears no tag of its own."""


def test_load_balancers_are_those_of_this_cluster_only() -> None:
    policy = record(controllers).one("RolePolicy", "load-balancers-grants").inputs["policy"]
    for statement in statements(policy):
        changes = [
            action for action in statement["Action"] if ":Describe" not in action and ":Get" not in action
        ]
        if changes and statement["Resource"] not in BY_NAME:
            ((key, value),) = [
                (key, value)
                for key, value in statement["Condition"]["StringEquals"].items()
                if key.endswith("elbv2.k8s.aws/cluster")
            ]
            assert value == "plinth-test", key


def test_an_image_by_digest_takes_the_place_of_the_charts_own() -> None:
    images = {"cert-manager-controller": image(), "metrics-server": image()}
    repository, digest = image().reference.split("@")
    certificates = values(Controller.CERTIFICATES, images=images)["image"]
    assert (certificates["repository"], certificates["digest"]) == (repository, digest)
    metrics = values(Controller.METRICS, images=images)["image"]
    assert f"{metrics['repository']}:{metrics['tag']}" == image().reference


def test_none_is_evicted_altogether() -> None:
    for controller in Controller:
        assert "podDisruptionBudget" in values(controller)


def test_load_balancers_without_a_cluster_of_ours_are_refused() -> None:
    with pytest.raises(ValueError, match="makes no EKS cluster"):
        controllers_args(charts={Controller.LOAD_BALANCERS: Chart("x", "1.0.0")})


def test_only_what_is_asked_for_is_installed() -> None:
    recording = record(lambda: controllers(charts={Controller.METRICS: Chart("x", "1.0.0")}))
    assert [r.inputs["name"] for r in recording.of("helm.sh/v3:Release")] == ["metrics-server"]
