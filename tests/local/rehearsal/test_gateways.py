from __future__ import annotations

from typing import Any

from local.rehearsal.gateways import GROUP, GatewayController


class Cluster:
    """Keeps what it is given."""

    def __init__(self, things: dict[str, list[dict[str, Any]]]) -> None:
        self.things = things
        self.written: list[tuple[str, dict[str, Any]]] = []

    def list(self, path: str) -> list[dict[str, Any]]:
        return self.things.get(path, [])

    def apply(self, path: str, thing: dict[str, Any], *, part: str = "") -> None:
        assert part == "status"
        self.written.append((path, thing["status"]))


def route(generation: int, seen: int | None = None) -> dict[str, Any]:
    parent = {"name": "plinth", "namespace": "gateways"}
    held = [
        {"type": name, "status": "True", "observedGeneration": seen} for name in ("Accepted", "ResolvedRefs")
    ]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "api", "namespace": "plinth", "generation": generation},
        "spec": {"parentRefs": [parent]},
        **({"status": {"parents": [{"parentRef": parent, "conditions": held}]}} if seen else {}),
    }


def marked(thing: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    cluster = Cluster({f"{GROUP}/httproutes": [thing]})
    GatewayController(cluster).mark()  # type: ignore[arg-type]  # the two methods that it calls
    return cluster.written


def test_a_route_is_marked_for_each_of_its_gateways() -> None:
    ((path, status),) = marked(route(generation=1))
    assert path.endswith("/namespaces/plinth/httproutes/api")
    (parent,) = status["parents"]
    assert {entry["type"] for entry in parent["conditions"]} == {"Accepted", "ResolvedRefs"}
    assert all("no controller runs" in entry["message"] for entry in parent["conditions"])


def test_a_changed_route_is_marked_anew_and_an_unchanged_one_is_left_alone() -> None:
    assert marked(route(generation=2, seen=1))
    assert not marked(route(generation=2, seen=2))
