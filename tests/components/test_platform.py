from __future__ import annotations

from typing import Any

from factories import image, platform
from recording import record

from components.platform import Chart
from components.workload import PullPolicy


def values(**overrides: Any) -> dict:
    return record(lambda: platform(**overrides)).one("Release").inputs["values"]


def test_the_gateway_comes_from_its_chart_at_the_version_given() -> None:
    release = record(platform).one("Release").inputs
    assert release["chart"] == "oci://registry.example.org/gateway-helm"
    assert release["version"] == "v1.8.0"


def test_a_chart_in_a_folder_has_no_version() -> None:
    recording = record(lambda: platform(gateway_chart=Chart("/charts/gateway", None)))
    assert "version" not in recording.one("Release").inputs


def test_the_controller_runs_from_an_image_by_digest() -> None:
    gateway = values(gateway_image=image(pull_policy=PullPolicy.NEVER))["global"]["images"]["envoyGateway"]
    assert gateway == {"image": image().reference, "pullPolicy": "Never"}


def test_the_controller_can_not_write_to_its_root() -> None:
    deployment = values()["deployment"]
    assert deployment["envoyGateway"]["securityContext"]["readOnlyRootFilesystem"] is True
    mounted = {mount["name"] for mount in deployment["pod"]["extraVolumeMounts"]}
    assert mounted == {volume["name"] for volume in deployment["pod"]["extraVolumes"]}


def test_the_controller_asks_for_what_it_uses() -> None:
    resources = values()["deployment"]["envoyGateway"]["resources"]
    assert resources["requests"] == {"cpu": "100m", "memory": "256Mi"}
    assert resources["limits"] == {"memory": "256Mi"}


def test_two_controllers_are_never_evicted_at_once_and_one_can_be() -> None:
    assert values()["podDisruptionBudget"] == {"minAvailable": 1}
    assert values(gateway_replicas=1)["podDisruptionBudget"] == {"minAvailable": 0}


def test_the_gateways_namespace_admits_restricted_pods_only() -> None:
    labels = record(platform).one("Namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_nothing_is_installed_into_a_namespace_that_helm_made() -> None:
    release = record(platform).one("Release").inputs
    assert release["createNamespace"] is False
    assert release["namespace"] == "envoy-gateway-system"
