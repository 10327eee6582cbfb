from __future__ import annotations

from typing import Any

import pytest
from factories import image, proxies

from components.proxies import Exposure


def kubernetes(port: int = 443, **overrides: Any) -> dict:
    return proxies(**overrides).spec(port)["provider"]["kubernetes"]


def test_proxies_run_from_our_image_by_digest() -> None:
    assert kubernetes()["envoyDeployment"]["container"]["image"] == image().reference


def test_proxies_are_restricted() -> None:
    security = kubernetes()["envoyDeployment"]["container"]["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}


def test_both_containers_can_write_to_the_one_folder_they_need() -> None:
    deployment = kubernetes()["envoyDeployment"]
    (patched,) = deployment["patch"]["value"]["spec"]["template"]["spec"]["containers"]
    volumes = {volume["name"] for volume in deployment["pod"]["volumes"]}
    for mounts in (deployment["container"]["volumeMounts"], patched["volumeMounts"]):
        assert {mount["name"] for mount in mounts} == volumes
    assert patched["name"] == "shutdown-manager"


def test_proxies_drain_before_they_end() -> None:
    assert set(proxies().spec(443)["shutdown"]) == {"drainTimeout", "minDrainDuration"}


def test_one_proxy_at_most_is_evicted_at_a_time() -> None:
    assert kubernetes()["envoyPDB"] == {"maxUnavailable": 1}
    assert kubernetes(replicas=3)["envoyDeployment"]["replicas"] == 3


def test_the_node_port_is_the_one_given() -> None:
    service = kubernetes(80, node_port=30081)["envoyService"]
    assert service["type"] == "NodePort"
    assert service["patch"]["value"]["spec"]["ports"] == [{"port": 80, "nodePort": 30081}]


def test_a_load_balancer_keeps_the_clients_addresses() -> None:
    service = kubernetes(exposure=Exposure.LOAD_BALANCER, node_port=None, service_annotations={"a": "b"})
    assert service["envoyService"] == {
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "annotations": {"a": "b"},
    }


@pytest.mark.parametrize("port", [None, 80, 29999, 32768])
def test_a_node_port_that_kubernetes_does_not_give_out_is_refused(port: Any) -> None:
    with pytest.raises(ValueError, match="30000 to 32767"):
        proxies(node_port=port)


def test_a_node_port_behind_a_load_balancer_is_a_contradiction() -> None:
    with pytest.raises(ValueError, match="no meaning behind a load balancer"):
        proxies(exposure=Exposure.LOAD_BALANCER)
