from __future__ import annotations

from typing import Any

from factories import image, platform
from recording import record

from components.chart_release import Chart
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


def test_two_controllers_keep_apart_and_one_has_nobody_to_keep_apart_from() -> None:
    apart = values()["deployment"]["pod"]["affinity"]["podAntiAffinity"]
    (preferred,) = apart["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    assert values(gateway_replicas=1)["deployment"]["pod"]["affinity"] == {}


def test_the_gateways_namespace_admits_restricted_pods_only() -> None:
    labels = record(platform).one("Namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_nothing_is_installed_into_a_namespace_that_helm_made() -> None:
    release = record(platform).one("Release").inputs
    assert release["createNamespace"] is False
    assert release["namespace"] == "envoy-gateway-system"


def policies(**overrides: Any) -> dict[str, dict]:
    recording = record(lambda: platform(**overrides))
    return {policy.name: policy.inputs["spec"] for policy in recording.of("NetworkPolicy")}


def test_everything_in_the_gateways_namespace_is_refused_in_both_directions() -> None:
    spec = policies()["platform-default-deny"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert not spec["podSelector"]
    assert not spec.get("ingress")
    assert not spec.get("egress")


def test_only_proxies_reach_the_controllers_configuration_port() -> None:
    rules = policies()["platform-controller"]["ingress"]
    (peer,) = next(rule["from"] for rule in rules if rule["ports"][0]["port"] == 18000)
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "proxy"


def test_the_controller_and_its_certificate_job_reach_names_and_the_api_server_only() -> None:
    found = policies(api_networks=["10.42.0.0/16", "172.20.0.1/32"])
    for name in ("platform-controller", "platform-certificates"):
        names, api = found[name]["egress"]
        assert {port["port"] for port in names["ports"]} == {53}
        assert [peer["ipBlock"]["cidr"] for peer in api["to"]] == ["10.42.0.0/16", "172.20.0.1/32"]
        assert {port["port"] for port in api["ports"]} == {443, 6443}


def test_the_certificate_job_is_selected_by_a_policy() -> None:
    spec = policies()["platform-certificates"]
    assert spec["podSelector"]["matchLabels"] == {"app": "certgen"}
    assert not spec.get("ingress")


def test_policies_stand_before_anything_runs() -> None:
    recording = record(platform)
    release = recording.one("Release")
    for policy in recording.of("NetworkPolicy"):
        assert any(urn.endswith(f"::{policy.name}") for urn in release.dependencies)
