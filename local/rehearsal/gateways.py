"""Plays the Gateway API's controller, whose pods are simulated: marks what it would take into force.

It decides nothing: a class that no controller would take, or a listener that could not be programmed, is
marked all the same. A rehearsal says so.
"""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import httpx

if TYPE_CHECKING:
    from types import TracebackType

    from local.rehearsal.kubernetes import Kubernetes, Thing

GROUP = "/apis/gateway.networking.k8s.io/v1"
POLL_SECONDS = 0.3
CONTROLLER = "plinth.internal/rehearsal"


class GatewayController:
    """A thread that looks after classes, gateways and routes while a `with` block lasts."""

    def __init__(self, cluster: Kubernetes) -> None:
        self._cluster = cluster
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            # Kinds come with the chart, and everything may go while it is looked at.
            with contextlib.suppress(httpx.HTTPError):
                self.mark()

    def mark(self) -> None:
        """Look at everything once."""
        for thing in self._cluster.list(f"{GROUP}/gatewayclasses"):
            self._put("gatewayclasses", thing, {"conditions": conditions(thing, "Accepted")})
        for thing in self._cluster.list(f"{GROUP}/gateways"):
            self._put("gateways", thing, {"conditions": conditions(thing, "Accepted", "Programmed")})
        for thing in self._cluster.list(f"{GROUP}/httproutes"):
            parents = [
                {
                    "parentRef": parent,
                    "controllerName": CONTROLLER,
                    "conditions": conditions(thing, "Accepted", "ResolvedRefs"),
                }
                for parent in thing["spec"].get("parentRefs") or []
            ]
            self._put("httproutes", thing, {"parents": parents})

    def _put(self, plural: str, thing: Thing, status: Thing) -> None:
        if _decided(thing, status):
            return
        metadata = thing["metadata"]
        where = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
        body = {
            "apiVersion": thing["apiVersion"],
            "kind": thing["kind"],
            "metadata": {"name": metadata["name"], "namespace": metadata.get("namespace")},
            "status": status,
        }
        self._cluster.apply(f"{GROUP}{where}/{plural}/{metadata['name']}", body, part="status")


def conditions(thing: Thing, *names: str) -> list[Thing]:
    """Conditions that hold for this generation of a thing."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return [
        {
            "type": name,
            "status": "True",
            "reason": name,
            "message": "marked by the rehearsal; no controller runs",
            "observedGeneration": thing["metadata"].get("generation", 0),
            "lastTransitionTime": now,
        }
        for name in names
    ]


def _decided(thing: Thing, status: Thing) -> bool:
    """Whether the status speaks of this generation already."""
    found = thing.get("status") or {}
    entries = [found, *(found.get("parents") or [])] if "parents" in status else [found]
    told = [
        (entry["type"], entry.get("observedGeneration"))
        for part in entries
        for entry in part.get("conditions") or []
        if entry["status"] == "True"
    ]
    wanted_entries = status.get("parents", [status])
    wanted = [
        (entry["type"], entry["observedGeneration"])
        for part in wanted_entries
        for entry in part["conditions"]
    ]
    return sorted(told) == sorted(wanted)
