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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from local.cluster.binaries import installed
from local.cluster.certificates import (
    CLUSTER_AUTHORITY,
    ETCD_AUTHORITY,
    FRONT_PROXY_AUTHORITY,
    Certificates,
    Leaf,
)
from local.cluster.control_plane import admission
from local.cluster.kubeconfigs import kubeconfig_text
from local.emulator.gate import HEALTH_PATH
from local.errors import LocalError
from local.instance import CHECKOUT
from local.rehearsal.kubernetes import Kubernetes
from local.rehearsal.processes import LOOPBACK, Processes, free_ports
from local.storage import write_atomically

if TYPE_CHECKING:
    from local.toolchain import Toolchain

READY_SECONDS = 90.0
POLL_SECONDS = 0.1
ISSUER = "https://kubernetes.default.svc.cluster.local"

POD_NETWORK = "10.128.0.0/9"
SERVICE_NETWORK = "10.96.0.0/16"
NODES_PER_ZONE = 2

STAGES = Path(__file__).with_name("stages.yaml")
"""What happens to simulated nodes and pods."""

WEBHOOKS = ("MutatingAdmissionWebhook", "ValidatingAdmissionWebhook")
"""Left out: the pods behind a webhook are simulated, so that every call to it would fail."""

WATCHES = {"feature-gates": "WatchListClient=false"}
"""Debian's etcd 3.4 can't stream lists; asking for it first costs each watch seconds of waiting."""

PARTIES = ("admin", "controller-manager", "scheduler", "kwok")


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


@dataclass(frozen=True)
class Ports:
    """Loopback ports of one rehearsal."""

    etcd: int
    etcd_peer: int
    api: int
    emulator: int


class Ground:
    """The emulators of one rehearsal.

    Attributes:
        emulator_url: the AWS emulator.
        kubeconfig: file of the administrator's kubeconfig.
    """

    def __init__(self, folder: Path, toolchain: Toolchain, surroundings: Surroundings) -> None:
        self._folder = folder / "ground"
        self._logs = folder / "logs"
        self._toolchain = toolchain
        self._surroundings = surroundings
        self._ports = Ports(*free_ports(4))
        self._certificates = Certificates(self._folder / "pki")
        self._processes = Processes(self._logs)
        self.emulator_url = f"http://{LOOPBACK}:{self._ports.emulator}"
        self.kubeconfig = self._kubeconfig("admin")

    def start(self) -> None:
        """Start everything and return when all of it answers.

        Raises:
            LocalError: something did not come up; the last words of its log are in the text.
        """
        for folder in (self._folder, self._folder / "pki", self._folder / "memory", self._logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._start_emulator()
        self._write()
        self._start_cluster()
        self._wait()

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
            write_atomically(self._kubeconfig(party), text, mode=0o600)
        write_atomically(self._folder / "admission.json", json.dumps(admission()))

    def _kubeconfig(self, party: str) -> Path:
        return self._folder / f"{party}.yaml"

    def _start_cluster(self) -> None:
        etcd, api = f"tcp:{LOOPBACK}:{self._ports.etcd}", f"tcp:{LOOPBACK}:{self._ports.api}"
        binary = self._toolchain.binary
        start = self._processes.start
        start("etcd", [str(installed("etcd", "etcd-server")), *self._etcd_flags()])
        start("api-server", [str(binary("kube-apiserver")), *self._api_flags()], waits_for=[etcd])
        start(
            "controller-manager",
            [str(binary("kube-controller-manager")), *self._controller_flags()],
            waits_for=[api],
        )
        start("scheduler", [str(binary("kube-scheduler")), *self._scheduler_flags()], waits_for=[api])
        start(
            "kwok",
            [str(binary("kwok")), *self._kwok_flags()],
            waits_for=[api],
            environment={**os.environ, "KUBE_FEATURE_WatchListClient": "false"},
        )

    def _etcd_flags(self) -> list[str]:
        pki = self._certificates
        client = f"https://{LOOPBACK}:{self._ports.etcd}"
        peer = f"https://{LOOPBACK}:{self._ports.etcd_peer}"
        certificate, key = str(pki.certificate("etcd")), str(pki.key("etcd"))
        authority = str(pki.certificate(ETCD_AUTHORITY))
        return _flags(
            {
                "name": "rehearsal",
                "data-dir": str(self._folder / "etcd"),
                "listen-client-urls": client,
                "advertise-client-urls": client,
                "listen-peer-urls": peer,
                "initial-advertise-peer-urls": peer,
                "initial-cluster": f"rehearsal={peer}",
                "cert-file": certificate,
                "key-file": key,
                "client-cert-auth": "true",
                "trusted-ca-file": authority,
                "peer-cert-file": certificate,
                "peer-key-file": key,
                "peer-client-cert-auth": "true",
                "peer-trusted-ca-file": authority,
                "logger": "zap",
                "log-level": "warn",
            }
        )

    def _api_flags(self) -> list[str]:
        pki = self._certificates
        return _flags(
            {
                "bind-address": LOOPBACK,
                "secure-port": str(self._ports.api),
                # There is no network in which the `kubernetes` Service could lead to loopback.
                "endpoint-reconciler-type": "none",
                "etcd-servers": f"https://{LOOPBACK}:{self._ports.etcd}",
                "etcd-cafile": str(pki.certificate(ETCD_AUTHORITY)),
                "etcd-certfile": str(pki.certificate("apiserver-etcd")),
                "etcd-keyfile": str(pki.key("apiserver-etcd")),
                "tls-cert-file": str(pki.certificate("apiserver")),
                "tls-private-key-file": str(pki.key("apiserver")),
                "client-ca-file": str(pki.certificate(CLUSTER_AUTHORITY)),
                "anonymous-auth": "false",
                "authorization-mode": "Node,RBAC",
                "disable-admission-plugins": ",".join(WEBHOOKS),
                "admission-control-config-file": str(self._folder / "admission.json"),
                "service-account-issuer": ISSUER,
                "service-account-key-file": str(pki.verifying_key),
                "service-account-signing-key-file": str(pki.signing_key),
                "service-cluster-ip-range": SERVICE_NETWORK,
                "proxy-client-cert-file": str(pki.certificate("front-proxy")),
                "proxy-client-key-file": str(pki.key("front-proxy")),
                "requestheader-client-ca-file": str(pki.certificate(FRONT_PROXY_AUTHORITY)),
                "requestheader-allowed-names": "front-proxy-client",
                "requestheader-username-headers": "X-Remote-User",
                "requestheader-group-headers": "X-Remote-Group",
                "requestheader-extra-headers-prefix": "X-Remote-Extra-",
                "profiling": "false",
            }
        )

    def _controller_flags(self) -> list[str]:
        pki = self._certificates
        return _flags(
            {
                "secure-port": "0",
                "kubeconfig": str(self._kubeconfig("controller-manager")),
                "root-ca-file": str(pki.certificate(CLUSTER_AUTHORITY)),
                "cluster-signing-cert-file": str(pki.certificate(CLUSTER_AUTHORITY)),
                "cluster-signing-key-file": str(pki.key(CLUSTER_AUTHORITY)),
                "service-account-private-key-file": str(pki.signing_key),
                "use-service-account-credentials": "true",
                "cluster-cidr": POD_NETWORK,
                "service-cluster-ip-range": SERVICE_NETWORK,
                "leader-elect": "false",
                "node-monitor-period": "1s",
                # Nobody renews the leases of simulated nodes; no rehearsal lasts as long as this.
                "node-monitor-grace-period": "24h",
                **WATCHES,
            }
        )

    def _scheduler_flags(self) -> list[str]:
        return _flags(
            {
                "secure-port": "0",
                "kubeconfig": str(self._kubeconfig("scheduler")),
                "leader-elect": "false",
                **WATCHES,
            }
        )

    def _kwok_flags(self) -> list[str]:
        return _flags(
            {
                "kubeconfig": str(self._kubeconfig("kwok")),
                "manage-all-nodes": "true",
                "cidr": "10.128.0.0/16",
                "config": str(STAGES),
            }
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        cluster = self.cluster()
        created = False
        while reason := self._fault(cluster):
            self._refuse_the_dead()
            if time.monotonic() >= deadline:
                raise LocalError(
                    f"The rehearsal's ground was not ready after {READY_SECONDS:.0f} s: {reason}."
                )
            if reason == NO_NODES and not created:
                for node in nodes(self._surroundings):
                    cluster.apply(f"/api/v1/nodes/{node['metadata']['name']}", node)
                created = True
            time.sleep(POLL_SECONDS)

    def _refuse_the_dead(self) -> None:
        dead = self._processes.dead()
        if dead:
            raise LocalError("A process that the rehearsal needs did not stay:\n" + "\n".join(dead))

    def _fault(self, cluster: Kubernetes) -> str:
        """What is not ready yet; empty when all is."""
        try:
            if not httpx.get(f"{self.emulator_url}{HEALTH_PATH}", timeout=5, trust_env=False).is_success:
                return "the AWS emulator is unwell"
            if not cluster.ready():
                return "the API server is not ready"
            return _fault_of_nodes(cluster)
        except httpx.HTTPError as error:
            return f"no answer ({type(error).__name__}: {error})"


NO_NODES = "there are no nodes yet"


def leaves() -> tuple[Leaf, ...]:
    """Every certificate of a rehearsal."""

    def client(name: str, user: str, group: str = "", authority: str = CLUSTER_AUTHORITY) -> Leaf:
        return Leaf(name, authority, user, group, client=True)

    return (
        Leaf("apiserver", CLUSTER_AUTHORITY, "kube-apiserver", names=(LOOPBACK, "localhost")),
        Leaf("etcd", ETCD_AUTHORITY, "etcd", names=(LOOPBACK, "localhost"), client=True),
        client("apiserver-etcd", "kube-apiserver", authority=ETCD_AUTHORITY),
        client("front-proxy", "front-proxy-client", authority=FRONT_PROXY_AUTHORITY),
        client("admin", "plinth:administrator", "system:masters"),
        client("controller-manager", "system:kube-controller-manager"),
        client("scheduler", "system:kube-scheduler"),
        client("kwok", "plinth:kwok", "system:masters"),
    )


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


def _fault_of_nodes(cluster: Kubernetes) -> str:
    found = cluster.list("/api/v1/nodes")
    if not found:
        return NO_NODES
    if not all(_is_ready(node) for node in found):
        return "the nodes are not ready"
    if not cluster.find("/api/v1/namespaces/default/serviceaccounts/default"):
        return "the controller manager made no service account yet"
    return ""


def _is_ready(node: dict[str, Any]) -> bool:
    status = node.get("status")
    conditions = status.get("conditions") or [] if isinstance(status, dict) else []
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def _flags(options: dict[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]
