from __future__ import annotations

from typing import Any

import pytest
from factories import edge
from recording import record

PLAIN = {"certificate_secret": None, "allow_plain_http": True}


def listener(**overrides: Any) -> dict:
    (only,) = record(lambda: edge(**overrides)).custom("Gateway")["spec"]["listeners"]
    return only


def test_the_listener_ends_tls_with_the_certificate_given() -> None:
    https = listener()
    assert (https["protocol"], https["port"]) == ("HTTPS", 443)
    assert https["tls"] == {
        "mode": "Terminate",
        "certificateRefs": [{"kind": "Secret", "name": "edge-certificate"}],
    }


def test_no_tls_before_1_2_is_spoken() -> None:
    assert record(edge).custom("ClientTrafficPolicy")["spec"]["tls"] == {"minVersion": "1.2"}


def test_an_edge_without_a_certificate_is_refused() -> None:
    with pytest.raises(ValueError, match="plain HTTP is not allowed"):
        record(lambda: edge(certificate_secret=None))


def test_plain_http_has_to_be_asked_for() -> None:
    http = listener(**PLAIN)
    assert (http["protocol"], http["port"]) == ("HTTP", 80)
    assert "tls" not in http


def test_plain_http_beside_a_certificate_is_a_contradiction() -> None:
    with pytest.raises(ValueError, match="contradicts certificateSecret"):
        record(lambda: edge(allow_plain_http=True))


def test_routes_of_other_namespaces_are_not_accepted() -> None:
    namespaces = listener()["allowedRoutes"]["namespaces"]
    assert namespaces == {
        "from": "Selector",
        "selector": {"matchLabels": {"kubernetes.io/metadata.name": "plinth"}},
    }


def test_an_encoded_slash_does_not_slip_past_a_route() -> None:
    path = record(edge).custom("ClientTrafficPolicy")["spec"]["path"]
    assert path["escapedSlashesAction"] == "RejectRequest"


def test_a_slow_client_is_cut_off() -> None:
    timeout = record(lambda: edge(request_seconds=7)).custom("ClientTrafficPolicy")["spec"]["timeout"]
    assert timeout["http"]["requestReceivedTimeout"] == "7s"


def test_the_class_leads_to_our_controller_and_our_proxies() -> None:
    recording = record(edge)
    spec = recording.custom("GatewayClass")["spec"]
    assert spec["controllerName"] == "gateway.envoyproxy.io/gatewayclass-controller"
    assert spec["parametersRef"]["name"] == recording.custom("EnvoyProxy")["metadata"]["name"]


def test_the_gateway_exists_only_once_its_proxies_are_programmed() -> None:
    annotations = record(edge).custom("Gateway")["metadata"]["annotations"]
    assert annotations["pulumi.com/waitFor"] == "condition=Programmed"


def test_only_clients_and_monitoring_reach_the_proxies() -> None:
    recording = record(lambda: edge(**PLAIN))
    rules = recording.one("NetworkPolicy", "edge-proxies").inputs["spec"]["ingress"]
    ports = {rule["ports"][0]["port"]: rule.get("from") for rule in rules}
    assert ports[10080] is None
    (monitoring,) = ports[19001]
    assert monitoring["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}
    assert set(ports) == {10080, 19001}


def test_everything_else_in_the_gateways_namespace_is_refused() -> None:
    spec = record(edge).one("NetworkPolicy", "edge-default-deny").inputs["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    assert not spec.get("ingress")


def test_only_proxies_reach_the_controllers_configuration_port() -> None:
    rules = record(edge).one("NetworkPolicy", "edge-controller").inputs["spec"]["ingress"]
    (peer,) = next(rule["from"] for rule in rules if rule["ports"][0]["port"] == 18000)
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "proxy"
