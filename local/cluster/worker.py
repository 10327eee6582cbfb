"""What runs the pods: containerd, the kubelet, kube-proxy and the pods' network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.cluster.certificates import CLUSTER_AUTHORITY
from local.cluster.layout import CLUSTER_DOMAIN, KUBELET_PORT, POD_NETWORK
from local.storage import write_atomically
from local.supervision.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from local.cluster.binaries import Binaries
    from local.cluster.certificates import Certificates
    from local.cluster.layout import Layout

KUBELET_FOLDER = "/var/lib/kubelet"
CONTAINERD_FOLDER = "/var/lib/containerd"
CNI_FOLDER = "/var/lib/cni"
"""Inside the node: its /var/lib is a folder of the instance's state."""

EVICTION = {
    "memory.available": "100Mi",
    "nodefs.available": "1%",
    "nodefs.inodesFree": "1%",
    "imagefs.available": "1%",
    "imagefs.inodesFree": "1%",
}
"""The kubelet's own 10 and 15 % would evict everything on a nearly full disk that is not the node's."""


class Worker:
    """What containerd, the kubelet and kube-proxy run with."""

    def __init__(
        self, layout: Layout, certificates: Certificates, binaries: Binaries, *, sandbox_image: str
    ) -> None:
        self._layout = layout
        self._pki = certificates
        self._binaries = binaries
        self._sandbox_image = sandbox_image

    def write(self) -> None:
        """Write the configuration files."""
        instance = self._layout.instance
        self._text("containerd.toml", self._containerd_configuration())
        self._text("resolv.conf", f"nameserver {instance.node_address}\n")
        self._text("kubelet.json", json.dumps(self._kubelet_configuration(), indent=1))
        self._text("kube-proxy.json", json.dumps(self._proxy_configuration(), indent=1))
        self._text("cni/10-plinth.conflist", json.dumps(pod_network(), indent=1))

    def programs(self) -> tuple[Program, ...]:
        """The programs, in the order of need."""
        return (self._containerd(), self._kubelet(), self._proxy())

    def _containerd(self) -> Program:
        command = (str(self._binaries.containerd), "--config", str(self._file("containerd.toml")))
        return Program("containerd", command)

    def _kubelet(self) -> Program:
        instance = self._layout.instance
        options = {
            "config": str(self._file("kubelet.json")),
            "kubeconfig": str(self._layout.kubeconfigs / "kubelet.yaml"),
            "root-dir": KUBELET_FOLDER,
            "hostname-override": instance.name,
            "node-ip": instance.node_address,
        }
        command = (
            str(self._binaries.kubernetes("kubelet")),
            *(f"--{name}={value}" for name, value in options.items()),
        )
        waits = (f"unix:{self._layout.containerd_socket}", self._layout.api_target)
        return Program("kubelet", command, waits)

    def _proxy(self) -> Program:
        command = (
            str(self._binaries.kubernetes("kube-proxy")),
            f"--config={self._file('kube-proxy.json')}",
            f"--hostname-override={self._layout.instance.name}",
        )
        return Program("kube-proxy", command, (self._layout.api_target,))

    def _containerd_configuration(self) -> str:
        return CONTAINERD.format(
            root=CONTAINERD_FOLDER,
            socket=self._layout.containerd_socket,
            sandbox_image=self._sandbox_image,
            snapshotter=snapshotter(self._layout.lib),
            runc=self._binaries.runc,
            cni_programs=self._binaries.cni,
            cni_configuration=self._file("cni"),
        )

    def _kubelet_configuration(self) -> dict[str, Any]:
        instance = self._layout.instance
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": instance.node_address,
            "port": KUBELET_PORT,
            "readOnlyPort": 0,
            "healthzBindAddress": "127.0.0.1",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self._pki.certificate(CLUSTER_AUTHORITY))},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(self._pki.certificate("kubelet-server")),
            "tlsPrivateKeyFile": str(self._pki.key("kubelet-server")),
            "containerRuntimeEndpoint": f"unix://{self._layout.containerd_socket}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{instance.namespace}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDomain": CLUSTER_DOMAIN,
            "clusterDNS": [instance.node_address],
            "resolvConf": str(self._file("resolv.conf")),
            # Images come by import and can't be pulled again: nothing may collect them.
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "imageMaximumGCAge": "0s",
            "imageMinimumGCAge": "87600h",
            "evictionHard": EVICTION,
            "maxPods": 60,
            "podPidsLimit": 2048,
            "syncFrequency": "10s",
            "fileCheckFrequency": "60s",
            "nodeStatusUpdateFrequency": "5s",
            "nodeStatusReportFrequency": "30s",
            "enableControllerAttachDetach": False,
            "localStorageCapacityIsolation": True,
            "containerLogMaxSize": "5Mi",
            "containerLogMaxFiles": 2,
            "seccompDefault": True,
            "enableDebuggingHandlers": True,
            "enableProfilingHandler": False,
            "memorySwap": {},
            "logging": {"verbosity": 1},
        }

    def _proxy_configuration(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "bindAddress": self._layout.instance.node_address,
            "healthzBindAddress": "127.0.0.1:10256",
            "metricsBindAddress": "127.0.0.1:10249",
            "clientConnection": {"kubeconfig": str(self._layout.kubeconfigs / "kube-proxy.yaml")},
            "clusterCIDR": str(POD_NETWORK),
            "nodePortAddresses": [f"{self._layout.instance.node_address}/32"],
            "iptables": {"localhostNodePorts": False, "minSyncPeriod": "0.2s"},
            # These are the whole machine's, not the namespace's: leave them as they are.
            "conntrack": {
                "maxPerCore": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
        }

    def _file(self, name: str) -> Path:
        return self._layout.configuration / name

    def _text(self, name: str, text: str) -> None:
        # resolv.conf is mounted into pods, whose processes are not root.
        write_atomically(self._file(name), text, mode=0o644 if name == "resolv.conf" else 0o600)


def pod_network() -> dict[str, Any]:
    """A bridge with addresses from a local range. Its leases live in /run: they end with the node."""
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(POD_NETWORK)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/run/cni/networks",
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, ports]}


def snapshotter(folder: Path) -> str:
    """overlayfs, except where the folder itself is on one, as in a container: those don't stack."""
    best, kind = "", ""
    for line in _mounts():
        _, place, filesystem, *_ = line.split()
        if (str(folder) + "/").startswith(place.rstrip("/") + "/") and len(place) >= len(best):
            best, kind = place, filesystem
    return "native" if kind in {"overlay", "fuse-overlayfs"} else "overlayfs"


def _mounts() -> list[str]:
    with open("/proc/self/mounts") as file:  # noqa: PTH123 - pathlib reads it no better
        return file.readlines()


CONTAINERD = """\
version = 2
root = "{root}"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.opt",
]

[grpc]
  address = "{socket}"

[debug]
  level = "warn"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox_image}"
  # The node may lack the capability to lower the score; then a container keeps the one it inherits.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  enable_selinux = false
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_programs}"
    conf_dir = "{cni_configuration}"
    max_conf_num = 1
"""
