from __future__ import annotations

from typing import Any

import pytest
from factories import edge
from recording import record

from components.edge import Authentication

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


def test_the_proxies_connect_to_names_controller_services_and_nothing_else() -> None:
    recording = record(lambda: edge(authentication=None, allow_unknown_callers=True))
    spec = recording.one("NetworkPolicy", "edge-proxies").inputs["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    names, controller, services = spec["egress"]
    assert {port["port"] for port in names["ports"]} == {53}
    assert controller["to"] == [{"podSelector": {"matchLabels": {"control-plane": "envoy-gateway"}}}]
    assert [port["port"] for port in controller["ports"]] == [18000]
    assert services["to"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "plinth"}}}
    ]
    assert [port["port"] for port in services["ports"]] == [8080]


def test_the_proxies_fetch_the_keys_of_token_issuers_but_never_the_nodes_credentials() -> None:
    spec = record(edge).one("NetworkPolicy", "edge-proxies").inputs["spec"]
    keys = spec["egress"][-1]
    assert keys["to"] == [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]
    assert [port["port"] for port in keys["ports"]] == [443]


def test_keys_of_token_issuers_on_another_port_are_fetched_there() -> None:
    elsewhere = Authentication("https://login.example.org", ["plinth"], "https://login.example.org:8443/keys")
    spec = record(lambda: edge(authentication=elsewhere)).one("NetworkPolicy", "edge-proxies").inputs["spec"]
    assert [port["port"] for port in spec["egress"][-1]["ports"]] == [8443]


def test_callers_show_a_token_for_us() -> None:
    spec = record(edge).custom("SecurityPolicy")["spec"]
    (provider,) = spec["jwt"]["providers"]
    assert provider["audiences"] == ["plinth"]
    assert provider["issuer"] == "https://login.example.org"
    assert spec["targetRefs"][0]["kind"] == "Gateway"


@pytest.mark.parametrize("change", [{"authentication": None}, {"allow_unknown_callers": True}])
def test_unknown_callers_have_to_be_asked_for_and_only_alone(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="allowUnknownCallers"):
        record(lambda: edge(**change))


def test_keys_of_issuers_never_come_by_plain_http() -> None:
    with pytest.raises(ValueError, match="not an https"):
        Authentication("https://login.example.org", ["plinth"], "http://login.example.org/jwks.json")


def test_tokens_for_another_service_are_refused() -> None:
    with pytest.raises(ValueError, match="any audience"):
        Authentication("https://login.example.org", [], "https://login.example.org/jwks.json")
