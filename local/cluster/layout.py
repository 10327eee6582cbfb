"""Where the embedded node keeps its things, and the addresses inside it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.instance import API_SERVER_PORT

if TYPE_CHECKING:
    from pathlib import Path

    from local.instance import Instance

POD_NETWORK = ipaddress.ip_network("10.244.0.0/16")
SERVICE_NETWORK = ipaddress.ip_network("10.96.0.0/16")
"""The same in every instance: neither is visible outside of its node's network namespace."""
API_SERVICE_ADDRESS = str(SERVICE_NETWORK[1])
CLUSTER_DOMAIN = "cluster.local"
ISSUER = "https://kubernetes.default.svc.cluster.local"
"""Who signs service-account tokens; the identity provider that AWS roles trust."""

NODE_INTERFACE = "eth0"
"""The node's end of the link, inside its namespace."""

ETCD_PORT = 2379
DNS_PORT = 53
DNS_HEALTH_PORT = 8081
KUBELET_PORT = 10250


@dataclass(frozen=True)
class Layout:
    """Folders and sockets of one node."""

    instance: Instance

    @property
    def root(self) -> Path:
        """Everything the node keeps between starts."""
        return self.instance.state / "node"

    @property
    def pki(self) -> Path:
        """Keys and certificates, for root only."""
        return self.root / "pki"

    @property
    def configuration(self) -> Path:
        """Configuration files of all programs, written anew at each start."""
        return self.root / "configuration"

    @property
    def etcd(self) -> Path:
        """The cluster's state."""
        return self.root / "etcd"

    @property
    def memory(self) -> Path:
        """The AWS emulator's kept memory."""
        return self.root / "emulator"

    @property
    def lib(self) -> Path:
        """What the node sees as /var/lib: kubelet, containerd with its images, CNI leases."""
        return self.root / "lib"

    @property
    def log(self) -> Path:
        """What the node sees as /var/log: the pods' logs."""
        return self.root / "log"

    @property
    def kubeconfigs(self) -> Path:
        """How each part of the control plane reaches the API."""
        return self.root / "kubeconfigs"

    @property
    def supervisor_socket(self) -> Path:
        """Control interface of the supervisor."""
        return self.instance.run / "supervisor.sock"

    @property
    def containerd_socket(self) -> Path:
        """Containerd's API, for the kubelet and for image imports."""
        return self.instance.run / "containerd.sock"

    @property
    def record(self) -> Path:
        """Which process is the node's init, and what it was started with."""
        return self.instance.run / "node.json"

    @property
    def api_target(self) -> str:
        """The API server, as `Program.waits_for` spells it."""
        return f"tcp:{self.instance.node_address}:{API_SERVER_PORT}"

    def make(self) -> None:
        """Make the folders, readable for their owner only."""
        self.instance.make_state()
        for folder in (self.root, self.pki, self.configuration, self.etcd, self.memory, self.lib, self.log):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        self.kubeconfigs.mkdir(mode=0o700, exist_ok=True)
        self.instance.logs.mkdir(mode=0o700, exist_ok=True)
        self.instance.run.parent.mkdir(mode=0o755, exist_ok=True)
        self.instance.run.mkdir(mode=0o700, exist_ok=True)
        for name in ("kubelet", "containerd", "cni"):
            (self.lib / name).mkdir(exist_ok=True)
        # Pods' own processes are not root, and pass through these to their volumes.
        for folder in (self.lib, self.log):
            folder.chmod(0o711)
