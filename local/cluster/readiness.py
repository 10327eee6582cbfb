"""Is the node ready: four questions, each with its own limit, each with words for when it is not."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.cluster.api import Api, ApiError
from local.cluster.dns import lookup
from local.cluster.layout import API_SERVICE_ADDRESS, CLUSTER_DOMAIN
from local.cluster.objects import ensure_objects
from local.errors import LocalError
from local.instance import EMULATOR_HOSTNAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.cluster.layout import Layout
    from local.cluster.recollection import Recollection

POLL_SECONDS = 0.1
LOG_LINES = 8
NOT_READY_TAINTS = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})


class Readiness:
    """Waits for the parts of one node."""

    def __init__(self, layout: Layout, api: Api, recollection: Recollection) -> None:
        self._layout = layout
        self._api = api
        self._recollection = recollection

    def wait(self, seconds: float, *, since: float) -> None:
        """Return when everything answers.

        Args:
            seconds: limit for each part.
            since: start of the machine, seconds since the epoch: what the API remembers of the node from
                an earlier life is no answer.

        Raises:
            LocalError: a part did not become ready; says which, for how long, why, and its log's last lines.
        """
        self._until("the AWS emulator", "emulator", self.emulator, seconds)
        self._until("the API server", "kube-apiserver", self.api_server, seconds)
        self._until("the cluster's first objects", "kube-apiserver", self._objects, seconds)
        self._until("the node", "kubelet", lambda: self.node(since), seconds)
        self._until("DNS", "coredns", self.dns, seconds)

    def api_server(self) -> str:
        """Why the API server is not ready; empty when it is."""
        return self._api.ready()

    def emulator(self) -> str:
        """Why the emulator is not ready; empty when it is."""
        return self._recollection.fault()

    def node(self, since: float = 0.0) -> str:
        """Why the node can't take pods; empty when it can."""
        name = self._layout.instance.name
        try:
            node = self._api.get(f"/api/v1/nodes/{name}")
        except ApiError as error:
            return str(error)
        return node_fault(node, since)

    def dns(self) -> str:
        """Why names don't resolve; empty when they do."""
        address = self._layout.instance.node_address
        expected = {
            f"kubernetes.default.svc.{CLUSTER_DOMAIN}": API_SERVICE_ADDRESS,
            EMULATOR_HOSTNAME: address,
        }
        for name, wanted in expected.items():
            try:
                found = lookup(address, name)
            except OSError as error:
                return f"{name}: {error}"
            if found != [wanted]:
                return f"{name} is {found or 'unknown'} where {wanted} is expected"
        return ""

    def _objects(self) -> str:
        try:
            ensure_objects(self._api)
        except ApiError as error:
            return str(error)
        return ""

    def _until(self, what: str, program: str, fault: Callable[[], str], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while reason := fault():
            if time.monotonic() >= deadline:
                raise LocalError(
                    f"{what[0].upper()}{what[1:]} did not become ready within {seconds:.0f} s: {reason}\n"
                    f"Last lines of {program}'s log:\n{tail(self._layout.instance.logs / f'{program}.log')}\n"
                    "Running `make up` again goes on from here; `make down` clears everything."
                )
            time.sleep(POLL_SECONDS)


def node_fault(node: dict[str, Any], since: float) -> str:
    """Why a Node object does not take pods; empty when it does.

    Args:
        node: as the API gives it.
        since: heartbeats before this, seconds since the epoch, are of an earlier life.
    """
    conditions = {entry["type"]: entry for entry in node.get("status", {}).get("conditions", [])}
    ready = conditions.get("Ready")
    if ready is None:
        return "the kubelet has not reported yet"
    heartbeat = datetime.fromisoformat(ready["lastHeartbeatTime"]).astimezone(UTC).timestamp()
    if heartbeat < int(since):
        return "the kubelet has not reported since the machine started"
    if ready["status"] != "True":
        return f"{ready.get('reason')}: {ready.get('message')}"
    taints = {taint["key"] for taint in node.get("spec", {}).get("taints", [])} & NOT_READY_TAINTS
    return f"it still bears {', '.join(sorted(taints))}" if taints else ""


def tail(log: Path, lines: int = LOG_LINES) -> str:
    """The last lines of a log, or that there is none."""
    try:
        content = log.read_text(errors="replace").splitlines()
    except OSError:
        return f"  ({log} can't be read)"
    return "\n".join(f"  {line}" for line in content[-lines:]) or "  (empty)"
