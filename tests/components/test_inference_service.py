from __future__ import annotations

from typing import Any

import pytest
from factories import inference_service
from recording import record

from components.inference_service import Autoscaling


def spec(**overrides: Any) -> dict:
    return record(lambda: inference_service(**overrides)).one("Deployment").inputs["spec"]


def pod(**overrides: Any) -> dict:
    return spec(**overrides)["template"]["spec"]


def container(**overrides: Any) -> dict:
    (only,) = pod(**overrides)["containers"]
    return only


def variables(**overrides: Any) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(**overrides)["env"]}


def test_the_pods_are_told_which_version_and_which_hash_they_serve() -> None:
    environment = variables(version="v7", artifact_sha256="c" * 64)
    assert environment["PLINTH_MODEL_VERSION"] == "v7"
    assert environment["PLINTH_ARTIFACT_SHA256"] == "c" * 64
    assert environment["PLINTH_ARTIFACT_BUCKET"] == "plinth-test-artifacts"


def test_the_pods_run_by_digest() -> None:
    assert "@sha256:" in container()["image"]


def test_the_pods_are_restricted() -> None:
    security = pod()["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] == 10001
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    own = container()["securityContext"]
    assert own["allowPrivilegeEscalation"] is False
    assert own["privileged"] is False
    assert own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}


def test_the_pods_get_no_token_for_the_kubernetes_api() -> None:
    assert pod()["automountServiceAccountToken"] is False


def test_the_token_for_aws_is_for_aws_only() -> None:
    (token,) = [volume["projected"] for volume in pod()["volumes"] if "projected" in volume]
    assert token["sources"][0]["serviceAccountToken"]["audience"] == "sts.amazonaws.com"


def test_the_only_writable_folder_is_bounded() -> None:
    (scratch,) = [volume["emptyDir"] for volume in pod(scratch="99Mi")["volumes"] if "emptyDir" in volume]
    assert scratch == {"sizeLimit": "99Mi"}
    assert [m["mountPath"] for m in container()["volumeMounts"] if not m.get("readOnly")] == [
        "/var/lib/plinth"
    ]


def test_ready_asks_for_the_model_and_alive_does_not() -> None:
    probes = container()
    assert probes["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    assert probes["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"
    assert probes["startupProbe"]["httpGet"]["path"] == "/v2/health/live"


def test_memory_is_limited_and_both_resources_are_requested() -> None:
    resources = container()["resources"]
    assert resources == {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}}


def test_a_rollout_takes_no_pod_away_before_a_new_one_is_ready() -> None:
    rollout = spec()
    assert rollout["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert rollout["minReadySeconds"] > 0


def test_a_rollout_that_gets_nowhere_fails_in_bounded_time() -> None:
    assert spec(rollout_seconds=77)["progressDeadlineSeconds"] == 77


def test_a_pod_serves_on_until_the_proxies_know_that_it_leaves_and_then_drains() -> None:
    pause = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause > 0
    assert pod()["terminationGracePeriodSeconds"] > pause


def test_pods_spread_over_nodes_and_zones() -> None:
    keys = {constraint["topologyKey"] for constraint in pod()["topologySpreadConstraints"]}
    assert keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}


def test_one_pod_at_most_is_evicted_at_a_time() -> None:
    budget = record(inference_service).one("PodDisruptionBudget").inputs["spec"]
    assert budget["maxUnavailable"] == 1


def test_every_selector_selects_the_pods() -> None:
    recording = record(inference_service)
    labels = recording.one("Deployment").inputs["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        recording.one("Deployment").inputs["spec"]["selector"]["matchLabels"],
        recording.one(":Service").inputs["spec"]["selector"],
        recording.one("PodDisruptionBudget").inputs["spec"]["selector"]["matchLabels"],
        recording.one("NetworkPolicy", "serving-network-policy").inputs["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels for selector in selectors)


def test_the_gateway_reaches_the_api_and_monitoring_the_metrics() -> None:
    policy = record(inference_service).one("NetworkPolicy", "serving-network-policy").inputs["spec"]
    allowed = {
        rule["ports"][0]["port"]: rule["from"][0]["namespaceSelector"]["matchLabels"]
        for rule in policy["ingress"]
    }
    assert allowed == {
        8080: {"kubernetes.io/metadata.name": "envoy-gateway-system"},
        9090: {"kubernetes.io/metadata.name": "monitoring"},
    }
    assert "Egress" in policy["policyTypes"]


def test_the_service_is_not_reachable_from_outside_but_by_the_edge() -> None:
    service = record(inference_service).one(":Service").inputs["spec"]
    assert service["type"] == "ClusterIP"
    assert [port["port"] for port in service["ports"]] == [8080]


def test_no_replica_is_refused() -> None:
    with pytest.raises(ValueError, match="has 0 replicas; it needs at least 1"):
        record(lambda: inference_service(replicas=0))


def test_what_is_served_is_said_only_once_the_pods_are_ready() -> None:
    def program() -> Any:
        service = inference_service()
        return {"version": service.version, "waited_for": service.version.resources()}

    result = record(program).result
    assert result["version"] == "0123456789ab"
    assert "serving-deployment" in {resource._name for resource in result["waited_for"]}


def test_load_adds_pods_up_to_a_limit_and_the_deployment_says_no_number() -> None:
    recording = record(lambda: inference_service(replicas=3, autoscaling=Autoscaling(9, 60)))
    scaler = recording.one("HorizontalPodAutoscaler").inputs["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 9)
    (metric,) = scaler["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 60}
    assert scaler["scaleTargetRef"]["name"] == "serving"
    assert "replicas" not in recording.one("Deployment").inputs["spec"]


def test_without_autoscaling_the_number_of_pods_is_fixed() -> None:
    recording = record(inference_service)
    assert not recording.of("HorizontalPodAutoscaler")
    assert recording.one("Deployment").inputs["spec"]["replicas"] == 2


def test_a_limit_below_the_least_number_of_pods_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 replicas and at most 2"):
        record(lambda: inference_service(replicas=3, autoscaling=Autoscaling(2)))


@pytest.mark.parametrize("percent", [0, 101])
def test_a_cpu_target_that_never_or_always_adds_pods_is_refused(percent: int) -> None:
    with pytest.raises(ValueError, match=f"above {percent} % CPU"):
        Autoscaling(4, percent)
