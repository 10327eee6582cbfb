from __future__ import annotations

from typing import Any

from factories import inference_service
from recording import record

from components.route import RouteLimits, rate_limit


def test_only_the_public_paths_are_routed() -> None:
    (rule,) = record(inference_service).custom("HTTPRoute")["spec"]["rules"]
    assert sorted((match["path"]["type"], match["path"]["value"]) for match in rule["matches"]) == [
        ("Exact", "/openapi.json"),
        ("PathPrefix", "/v1"),
        ("PathPrefix", "/v2"),
    ]


def test_the_route_leads_to_the_public_port_and_never_to_metrics() -> None:
    (rule,) = record(inference_service).custom("HTTPRoute")["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "serving", "port": 8080}]


def test_the_route_hangs_on_the_edges_gateway() -> None:
    (parent,) = record(inference_service).custom("HTTPRoute")["spec"]["parentRefs"]
    assert parent == {"name": "plinth", "namespace": "envoy-gateway-system"}


def policy(**limits: Any) -> dict:
    recording = record(lambda: inference_service(limits=RouteLimits(**limits)))
    return recording.custom("BackendTrafficPolicy")["spec"]


def test_a_request_whose_pod_went_away_is_tried_again() -> None:
    retry = policy()["retry"]
    assert {"connect-failure", "reset", "refused-stream"} <= set(retry["retryOn"]["triggers"])
    assert retry["numRetries"] >= 2


def test_a_draining_pods_refusal_is_tried_again() -> None:
    retry = policy()["retry"]["retryOn"]
    assert "retriable-status-codes" in retry["triggers"]
    assert retry["httpStatusCodes"] == [503]


def test_proxies_ask_pods_whether_they_are_ready() -> None:
    active = policy()["healthCheck"]["active"]
    assert (active["type"], active["http"]["path"]) == ("HTTP", "/v2/health/ready")


def test_never_are_all_pods_put_aside() -> None:
    assert policy()["healthCheck"]["passive"]["maxEjectionPercent"] <= 50


def test_a_route_bounds_time_size_and_crowd() -> None:
    spec = policy(maximum_connections=64, maximum_body="2Mi")
    breaker = spec["circuitBreaker"]
    assert breaker["maxConnections"] == breaker["maxParallelRequests"] == breaker["maxPendingRequests"] == 64
    assert spec["requestBuffer"] == {"limit": "2Mi"}
    recording = record(lambda: inference_service(limits=RouteLimits(request_seconds=4)))
    (rule,) = recording.custom("HTTPRoute")["spec"]["rules"]
    assert rule["timeouts"] == {"request": "4s"}


def test_a_proxy_lets_through_as_many_requests_as_it_is_told() -> None:
    assert rate_limit(None) == {}
    (rule,) = rate_limit(500)["rateLimit"]["local"]["rules"]
    assert rule["limit"] == {"requests": 500, "unit": "Second"}
