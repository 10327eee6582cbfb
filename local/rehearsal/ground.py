"""What a rehearsal stands on: a fresh AWS emulator and a bare Kubernetes API server with simulated nodes.

Everything is bound to loopback ports of its own, lives in one folder, needs no root, and dies with the
command that started it. Nothing in it is slow for safety's sake: all of it is thrown away.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from local.cluster.binaries import installed
from local.cluster.certificates import CLUSTER_AUTHORITY, Certificates
from local.cluster.control_plane import admission
from local.cluster.kubeconfigs import kubeconfig_text
from local.emulator.gate import HEALTH_PATH
from local.errors import LocalError
from local.instance import CHECKOUT
from local.rehearsal.flags import PARTIES, Flags, Ports, leaves
from local.rehearsal.kubernetes import Kubernetes
from local.rehearsal.processes import LOOPBACK, Processes, free_ports
from local.storage import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local.toolchain import Toolchain

READY_SECONDS = 180.0
POLL_SECONDS = 0.1
NODES_PER_ZONE = 2


@dataclass(frozen=True)
class Surroundings:
    """What of the real surroundings an environment's config takes for granted.

    Attributes:
        account_id: the AWS account.
        region: the Region.
        zones: where nodes stand; a single nameless one if the config names none.
    """

    account_id: str
    region: str
    zones: tuple[str, ...]


class Ground:
    """The emulators of one rehearsal.

    Attributes:
        emulator_url: the AWS emulator.
        kubeconfig: file of the administrator's kubeconfig.
        scratch: folder for the temporary files of everything that works here.
    """

    def __init__(self, folder: Path, toolchain: Toolchain, surroundings: Surroundings) -> None:
        self._folder = folder / "ground"
        self._logs = folder / "logs"
        self._toolchain = toolchain
        self._surroundings = surroundings
        self._ports = Ports(*free_ports(4))
        self._certificates = Certificates(self._folder / "pki")
        self.scratch = folder / "tmp"
        self._processes = Processes(self._logs, self.scratch)
        self.emulator_url = f"http://{LOOPBACK}:{self._ports.emulator}"
        self._flags = Flags(self._folder, self._ports, self._certificates)
        self._api = self.cluster()
        self.kubeconfig = self._flags.kubeconfig("admin")

    def start(self) -> None:
        """Start everything and return when all of it answers.

        Raises:
            LocalError: something did not come up; the last words of its log are in the text.
        """
        for folder in (self._folder, self._folder / "pki", self._folder / "memory", self._logs, self.scratch):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._start_emulator()
        self._write()
        self._start_store()
        self._wait(self._fault_of_servers)
        self._start_controllers()
        for node in nodes(self._surroundings):
            self._api.apply(f"/api/v1/nodes/{node['metadata']['name']}", node)
        self._wait(self._fault_of_nodes)

    def stop(self) -> None:
        """End every process."""
        self._processes.end()

    def cluster(self) -> Kubernetes:
        """A client of the API server, as its administrator."""
        return Kubernetes(
            f"https://{LOOPBACK}:{self._ports.api}",
            authority=self._certificates.certificate(CLUSTER_AUTHORITY),
            certificate=self._certificates.certificate("admin"),
            key=self._certificates.key("admin"),
        )

    def _start_emulator(self) -> None:
        command = [sys.executable, "-m", "local.emulator.server", "--host", LOOPBACK]
        command += ["--port", str(self._ports.emulator), "--memory", str(self._folder / "memory")]
        # Nobody will start it again from its memory: no snapshot within a rehearsal's time.
        command += ["--settle", "86400"]
        self._processes.start(
            "emulator",
            command,
            environment={
                **os.environ,
                "PYTHONPATH": str(CHECKOUT),
                "PYTHONUNBUFFERED": "1",
                # Otherwise names and policies of the config would speak of another account than it.
                "MOTO_ACCOUNT_ID": self._surroundings.account_id,
                # Roles of AWS's services have policies that AWS itself keeps.
                "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
            },
        )

    def _write(self) -> None:
        self._certificates.ensure(leaves())
        for party in PARTIES:
            server = f"https://{LOOPBACK}:{self._ports.api}"
            text = kubeconfig_text("rehearsal", server, self._certificates, party)
            write_atomically(self._flags.kubeconfig(party), text, mode=0o600)
        write_atomically(self._folder / "admission.json", json.dumps(admission()))

    def _start_store(self) -> None:
        etcd = f"tcp:{LOOPBACK}:{self._ports.etcd}"
        start = self._processes.start
        start("etcd", [str(installed("etcd", "etcd-server")), *self._flags.etcd()])
        server = str(self._toolchain.binary("kube-apiserver"))
        start("api-server", [server, *self._flags.api_server()], waits_for=[etcd])

    def _start_controllers(self) -> None:
        """Only when the API server is ready: asked too early, they give up for good."""
        binary, start = self._toolchain.binary, self._processes.start
        manager = str(binary("kube-controller-manager"))
        start("controller-manager", [manager, *self._flags.controller_manager()])
        start("scheduler", [str(binary("kube-scheduler")), *self._flags.scheduler()])
        start("kwok", [str(binary("kwok")), *self._flags.kwok()])

    def _wait(self, fault: Callable[[], str]) -> None:
        """Wait until nothing is amiss any more."""
        deadline = time.monotonic() + READY_SECONDS
        while reason := _asked(fault):
            dead = self._processes.dead()
            if dead:
                raise LocalError("A process that the rehearsal needs did not stay:\n" + "\n".join(dead))
            if time.monotonic() >= deadline:
                raise LocalError(
                    f"The rehearsal's ground was not ready after {READY_SECONDS:.0f} s: {reason}."
                )
            time.sleep(POLL_SECONDS)

    def _fault_of_servers(self) -> str:
        if not httpx.get(f"{self.emulator_url}{HEALTH_PATH}", timeout=5, trust_env=False).is_success:
            return "the AWS emulator is unwell"
        return "" if self._api.ready() else "the API server is not ready"

    def _fault_of_nodes(self) -> str:
        if not all(_is_ready(node) for node in self._api.list("/api/v1/nodes")):
            return "the nodes are not ready"
        if not self._api.find("/api/v1/namespaces/default/serviceaccounts/default"):
            return "the controller manager made no service account yet"
        return ""


def _asked(fault: Callable[[], str]) -> str:
    try:
        return fault()
    except httpx.HTTPError as error:
        return f"no answer ({type(error).__name__}: {error})"


def nodes(surroundings: Surroundings) -> list[dict[str, Any]]:
    """Simulated nodes in every zone, roomy enough for any environment."""
    room = {"cpu": "64", "memory": "256Gi", "pods": "1000", "ephemeral-storage": "1Ti"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"rehearsal-{number}",
                "labels": {
                    "kubernetes.io/hostname": f"rehearsal-{number}",
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                    "topology.kubernetes.io/region": surroundings.region,
                    "topology.kubernetes.io/zone": surroundings.zones[number % len(surroundings.zones)],
                },
            },
            "status": {"allocatable": room, "capacity": room},
        }
        for number in range(NODES_PER_ZONE * len(surroundings.zones))
    ]


def _is_ready(node: dict[str, Any]) -> bool:
    status = node.get("status")
    conditions = status.get("conditions") or [] if isinstance(status, dict) else []
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
