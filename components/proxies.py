"""The Envoy proxies behind a Gateway: how they run, and how they are reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from components.workload import Image, Resources

if TYPE_CHECKING:
    from collections.abc import Mapping

NODE_PORTS = range(30000, 32768)
"""What Kubernetes gives out as node ports by default (--service-node-port-range)."""

PROXY_USER = 65532
PROXY_LABELS = {
    "app.kubernetes.io/name": "envoy",
    "app.kubernetes.io/component": "proxy",
    "app.kubernetes.io/managed-by": "envoy-gateway",
}
"""What Envoy Gateway puts on every proxy's pod."""

DEFAULT_RESOURCES = Resources(cpu="100m", memory="256Mi")

SCRATCH = [{"name": "temporary", "mountPath": "/tmp"}]  # noqa: S108 - the container's own, an emptyDir


class Exposure(StrEnum):
    """How clients outside the cluster reach the proxies."""

    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"


@dataclass(frozen=True)
class Proxies:
    """A fleet of Envoy proxies.

    Attributes:
        image: Envoy.
        exposure: node port or load balancer, default load balancer.
        node_port: 30000 to 32767, for the exposure by node port.
        service_annotations: for the load balancer's controller, default none.
        replicas: proxies, default 2; with one, its node's loss is an outage.
        resources: of each proxy.
    """

    image: Image
    exposure: Exposure = Exposure.LOAD_BALANCER
    node_port: int | None = None
    service_annotations: Mapping[str, str] = field(default_factory=dict)
    replicas: int = 2
    resources: Resources = DEFAULT_RESOURCES

    def __post_init__(self) -> None:
        """Refuse proxies that can't be reached."""
        if self.exposure is Exposure.NODE_PORT and self.node_port not in NODE_PORTS:
            raise ValueError(
                f"The node port is {self.node_port}; Kubernetes gives out 30000 to 32767. "
                "Change nodePort in plinth:edge."
            )
        if self.exposure is Exposure.LOAD_BALANCER and self.node_port is not None:
            raise ValueError(
                f"nodePort: {self.node_port} has no meaning behind a load balancer. Leave it out, or set "
                "exposure to NodePort, in plinth:edge."
            )

    def spec(self, listener_port: int) -> dict[str, Any]:
        """Of the EnvoyProxy resource (Envoy Gateway v1.8): restricted, drained before they end."""
        return {
            "logging": {"level": {"default": "warn"}},
            "shutdown": {"drainTimeout": "30s", "minDrainDuration": "5s"},
            "provider": {
                "type": "Kubernetes",
                "kubernetes": {
                    "envoyDeployment": self._deployment(),
                    "envoyPDB": {"maxUnavailable": 1},
                    "envoyService": self._service(listener_port),
                },
            },
        }

    def _deployment(self) -> dict[str, Any]:
        spread = {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": PROXY_LABELS},
        }
        # The shutdown manager notes a finished drain in a file; it has no field for mounts of its own.
        shutdown_manager = {"name": "shutdown-manager", "volumeMounts": SCRATCH}
        return {
            "replicas": self.replicas,
            "pod": {
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "topologySpreadConstraints": [spread],
                "volumes": [{"name": "temporary", "emptyDir": {"sizeLimit": "64Mi"}}],
            },
            "container": {
                "image": self.image.reference,
                "resources": {
                    "requests": {"cpu": self.resources.cpu, "memory": self.resources.memory},
                    "limits": {"memory": self.resources.memory},
                },
                "securityContext": security(),
                "volumeMounts": SCRATCH,
            },
            "patch": {
                "type": "StrategicMerge",
                "value": {"spec": {"template": {"spec": {"containers": [shutdown_manager]}}}},
            },
        }

    def _service(self, listener_port: int) -> dict[str, Any]:
        if self.exposure is Exposure.NODE_PORT:
            port = {"port": listener_port, "nodePort": self.node_port}
            return {
                "type": "NodePort",
                # Any node answers, also one without a proxy.
                "externalTrafficPolicy": "Cluster",
                "patch": {"type": "StrategicMerge", "value": {"spec": {"ports": [port]}}},
            }
        annotations = {"annotations": dict(self.service_annotations)} if self.service_annotations else {}
        return {"type": "LoadBalancer", "externalTrafficPolicy": "Local", **annotations}


def security() -> dict[str, Any]:
    """Of the proxy's and the shutdown manager's containers: no privilege, no writable root."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": PROXY_USER,
        "runAsGroup": PROXY_USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
