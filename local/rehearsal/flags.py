"""What a rehearsal's cluster is started with: flags, ports, certificates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local.cluster.certificates import (
    CLUSTER_AUTHORITY,
    ETCD_AUTHORITY,
    FRONT_PROXY_AUTHORITY,
    Certificates,
    Leaf,
)
from local.cluster.control_plane import WATCHES
from local.rehearsal.processes import LOOPBACK

ISSUER = "https://kubernetes.default.svc.cluster.local"

POD_NETWORK = "10.128.0.0/9"
SERVICE_NETWORK = "10.96.0.0/16"
STAGES = Path(__file__).with_name("stages.yaml")
"""What happens to simulated nodes and pods."""

WEBHOOKS = ("MutatingAdmissionWebhook", "ValidatingAdmissionWebhook")
"""Left out: the pods behind a webhook are simulated, so that every call to it would fail."""

AUTOSCALING = {"horizontal-pod-autoscaler-sync-period": "5s"}
"""By default a service waits for 15 s to get the replicas that it is to have at least."""

UNBOUNDED = {"kube-api-qps": "1000", "kube-api-burst": "1000"}
"""Nobody else needs the API server, so no client of it has to hold itself back: at the default of 20 requests
a second, the garbage collector alone takes longer than all that it waits for."""

PARTIES = ("admin", "controller-manager", "scheduler", "kwok")


@dataclass(frozen=True)
class Ports:
    """Loopback ports of one rehearsal."""

    etcd: int
    etcd_peer: int
    api: int
    emulator: int


@dataclass(frozen=True)
class Flags:
    """The flags of each program.

    Attributes:
        folder: where everything of the ground is.
        ports: of this rehearsal.
        certificates: of this rehearsal.
    """

    folder: Path
    ports: Ports
    certificates: Certificates

    def kubeconfig(self, party: str) -> Path:
        """How a party reaches the API server."""
        return self.folder / f"{party}.yaml"

    def etcd(self) -> list[str]:
        """The cluster's database."""
        pki = self.certificates
        client = f"https://{LOOPBACK}:{self.ports.etcd}"
        peer = f"https://{LOOPBACK}:{self.ports.etcd_peer}"
        certificate, key = str(pki.certificate("etcd")), str(pki.key("etcd"))
        authority = str(pki.certificate(ETCD_AUTHORITY))
        return _flags(
            {
                "name": "rehearsal",
                "data-dir": str(self.folder / "etcd"),
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

    def api_server(self) -> list[str]:
        """The API server, open to loopback only."""
        pki = self.certificates
        return _flags(
            {
                "bind-address": LOOPBACK,
                "secure-port": str(self.ports.api),
                # There is no network in which the `kubernetes` Service could lead to loopback.
                "endpoint-reconciler-type": "none",
                "etcd-servers": f"https://{LOOPBACK}:{self.ports.etcd}",
                "etcd-cafile": str(pki.certificate(ETCD_AUTHORITY)),
                "etcd-certfile": str(pki.certificate("apiserver-etcd")),
                "etcd-keyfile": str(pki.key("apiserver-etcd")),
                "tls-cert-file": str(pki.certificate("apiserver")),
                "tls-private-key-file": str(pki.key("apiserver")),
                "client-ca-file": str(pki.certificate(CLUSTER_AUTHORITY)),
                "anonymous-auth": "false",
                "authorization-mode": "Node,RBAC",
                "disable-admission-plugins": ",".join(WEBHOOKS),
                "admission-control-config-file": str(self.folder / "admission.json"),
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
                **WATCHES,
            }
        )

    def controller_manager(self) -> list[str]:
        """The controllers of Kubernetes itself."""
        pki = self.certificates
        return _flags(
            {
                "secure-port": "0",
                "kubeconfig": str(self.kubeconfig("controller-manager")),
                "root-ca-file": str(pki.certificate(CLUSTER_AUTHORITY)),
                "cluster-signing-cert-file": str(pki.certificate(CLUSTER_AUTHORITY)),
                "cluster-signing-key-file": str(pki.key(CLUSTER_AUTHORITY)),
                "service-account-private-key-file": str(pki.signing_key),
                "use-service-account-credentials": "true",
                "cluster-cidr": POD_NETWORK,
                "service-cluster-ip-range": SERVICE_NETWORK,
                "leader-elect": "false",
                **UNBOUNDED,
                "node-monitor-period": "1s",
                # Nobody renews the leases of simulated nodes; no rehearsal lasts as long as this.
                "node-monitor-grace-period": "24h",
                **AUTOSCALING,
            }
        )

    def scheduler(self) -> list[str]:
        """What puts pods on nodes."""
        return _flags(
            {
                "secure-port": "0",
                "kubeconfig": str(self.kubeconfig("scheduler")),
                "leader-elect": "false",
                **UNBOUNDED,
            }
        )

    def kwok(self) -> list[str]:
        """What plays the nodes' own part."""
        return _flags(
            {
                "kubeconfig": str(self.kubeconfig("kwok")),
                "manage-all-nodes": "true",
                "cidr": "10.128.0.0/16",
                "config": str(STAGES),
            }
        )


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


def _flags(options: dict[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]
