"""The bare API server of a rehearsal, as its administrator sees it."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

REQUEST_SECONDS = 20.0
FIELD_MANAGER = "plinth-rehearsal"
NOT_FOUND = 404
APPLY = "application/apply-patch+yaml"

TRANSIENT = frozenset(
    {"events", "leases", "endpoints", "endpointslices", "replicasets", "pods", "controllerrevisions"}
)
"""What controllers make and remove by themselves; what they belong to is looked at."""

Thing = dict[str, Any]


class Kubernetes:
    """A client with the administrator's certificate."""

    def __init__(self, url: str, *, authority: Path, certificate: Path, key: Path) -> None:
        self._url = url
        self._files = (authority, certificate, key)
        self._client: httpx.Client | None = None

    @property
    def _http(self) -> httpx.Client:
        if self._client is None:
            authority, certificate, key = self._files
            context = ssl.create_default_context(cafile=str(authority))
            context.load_cert_chain(certificate, key)
            self._client = httpx.Client(
                base_url=self._url, verify=context, timeout=REQUEST_SECONDS, trust_env=False
            )
        return self._client

    def ready(self) -> bool:
        """Whether it says so itself."""
        return self._http.get("/readyz").is_success

    def find(self, path: str) -> Thing | None:
        """An object, None if there is none."""
        answer = self._http.get(path)
        if answer.status_code == NOT_FOUND:
            return None
        answer.raise_for_status()
        return dict(answer.json())

    def list(self, path: str) -> list[Thing]:
        """The objects of one kind; none if the kind is unknown."""
        found = self.find(path)
        return list((found or {}).get("items") or [])

    def apply(self, path: str, thing: Thing, *, part: str = "") -> None:
        """Server-side apply of an object or of one part of it, such as `status`."""
        answer = self._http.patch(
            f"{path}/{part}" if part else path,
            params={"fieldManager": FIELD_MANAGER, "force": "true"},
            content=json.dumps(thing),
            headers={"Content-Type": APPLY},
        )
        answer.raise_for_status()

    def unfinished(self) -> Sequence[str]:
        """See `unsettled`; of everything that there is."""
        return unsettled(
            self.list("/apis/apps/v1/deployments"),
            self.list("/apis/autoscaling/v2/horizontalpodautoscalers"),
        )

    def objects(self) -> set[str]:
        """Every object there is, as `KIND NAMESPACE/NAME`, but for what comes and goes by itself."""
        return {
            f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
            for path, kind in self._kinds()
            for namespace, name in _names(self.list(path))
        }

    def _kinds(self) -> Iterator[tuple[str, str]]:
        groups = self._http.get("/apis").json()["groups"]
        versions = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
        for version in versions:
            answer = self._http.get(version)
            if not answer.is_success:  # a group whose server is simulated
                continue
            for entry in answer.json()["resources"]:
                if "list" in entry["verbs"] and entry["name"] not in TRANSIENT:
                    yield f"{version}/{entry['name']}", entry["kind"]


def _names(things: list[Thing]) -> Iterator[tuple[str, str]]:
    for thing in things:
        yield str(thing["metadata"].get("namespace", "")), str(thing["metadata"]["name"])


def unsettled(deployments: Iterable[Thing], autoscalers: Iterable[Thing]) -> list[str]:
    """Deployments that have not all of their pods yet, or will get more from their autoscaler.

    A look at the world takes such a one for unfinished, and the engine would update it.
    """
    least = {
        (scaler["metadata"]["namespace"], scaler["spec"]["scaleTargetRef"]["name"]): scaler["spec"].get(
            "minReplicas", 1
        )
        for scaler in autoscalers
    }
    found = []
    for thing in deployments:
        metadata, status = thing["metadata"], thing.get("status") or {}
        place = (metadata["namespace"], metadata["name"])
        wanted = max(thing["spec"].get("replicas", 1), least.get(place, 0))
        seen = status.get("observedGeneration", 0) >= metadata.get("generation", 0)
        if not seen or status.get("availableReplicas", 0) < wanted:
            found.append(f"{'/'.join(place)} has {status.get('availableReplicas', 0)} of {wanted} pods")
    return found
