"""The add-ons that the cluster needs before any workload, each by its Helm chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.workload import Image, Resources
from components.workspace import create_namespace

if TYPE_CHECKING:
    from components.tags import Tags

GATEWAY_NAMESPACE = "envoy-gateway-system"
"""Where Envoy Gateway runs, and where it starts the proxies."""

GATEWAY_RELEASE = "envoy-gateway"
INSTALL_SECONDS = 300
"""How long a chart may take until everything in it is ready."""

HISTORY = 5
"""How many revisions of a release Helm keeps, as Secrets in the cluster."""

DEFAULT_RESOURCES = Resources(cpu="100m", memory="256Mi")


@dataclass(frozen=True)
class Chart:
    """Where a chart comes from.

    Attributes:
        reference: `oci://...`, or the path of a folder.
        version: of the chart; None for a folder, which is one version.
    """

    reference: str
    version: str | None


@dataclass(frozen=True)
class PlatformArgs:
    """What the add-ons need to know.

    Attributes:
        tags: ownership.
        gateway_chart: Envoy Gateway's chart.
        gateway_image: Envoy Gateway's image, for the controller, its certificate job and the proxies'
            shutdown manager.
        gateway_replicas: controllers, default 2. Traffic flows on without any, but nothing changes then.
        gateway_resources: of each controller.
    """

    tags: Tags
    gateway_chart: Chart
    gateway_image: Image
    gateway_replicas: int = 2
    gateway_resources: Resources = DEFAULT_RESOURCES


class Platform(pulumi.ComponentResource):
    """Envoy Gateway, which programs Envoy from Gateway API resources.

    Attributes:
        gateway_namespace: where the proxies will be; known only when the controller is ready.
    """

    gateway_namespace: pulumi.Output[str]

    def __init__(self, name: str, args: PlatformArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Platform", name, None, opts)
        self._prefix = name
        self._args = args
        namespace = create_namespace(f"{name}-gateway-namespace", GATEWAY_NAMESPACE, args.tags, self)
        release = self._create_gateway(namespace)
        self.gateway_namespace = pulumi.Output.all(namespace.metadata.name, release.id).apply(
            lambda values: str(values[0])
        )
        self.register_outputs({"gateway_namespace": self.gateway_namespace})

    def _create_gateway(self, namespace: kubernetes.core.v1.Namespace) -> kubernetes.helm.v3.Release:
        args = self._args
        return kubernetes.helm.v3.Release(
            f"{self._prefix}-gateway",
            name=GATEWAY_RELEASE,
            namespace=namespace.metadata.name,
            chart=args.gateway_chart.reference,
            version=args.gateway_chart.version,
            values=gateway_values(args),
            create_namespace=False,
            cleanup_on_fail=True,
            max_history=HISTORY,
            timeout=INSTALL_SECONDS,
            opts=pulumi.ResourceOptions(parent=self),
        )


def gateway_values(args: PlatformArgs) -> dict[str, Any]:
    """Values of Envoy Gateway's chart (v1.8), where they differ from its defaults."""
    scratch = {"wasm-cache": "/var/lib/eg/wasm", "temporary": "/tmp"}  # noqa: S108 - the container's own
    return {
        "global": {
            "images": {
                "envoyGateway": {
                    "image": args.gateway_image.reference,
                    "pullPolicy": args.gateway_image.pull_policy.value,
                }
            }
        },
        "podDisruptionBudget": {"minAvailable": 1 if args.gateway_replicas > 1 else 0},
        "deployment": {
            "replicas": args.gateway_replicas,
            "envoyGateway": {
                "resources": {
                    "requests": {"cpu": args.gateway_resources.cpu, "memory": args.gateway_resources.memory},
                    "limits": {"memory": args.gateway_resources.memory},
                },
                "securityContext": {"readOnlyRootFilesystem": True},
            },
            "pod": {
                # The two folders that the controller writes, as its root is read-only.
                "extraVolumes": [{"name": name, "emptyDir": {"sizeLimit": "64Mi"}} for name in scratch],
                "extraVolumeMounts": [{"name": name, "mountPath": path} for name, path in scratch.items()],
            },
        },
        "certgen": {
            "job": {
                "resources": {
                    "requests": {"cpu": "10m", "memory": "64Mi"},
                    "limits": {"memory": "128Mi"},
                }
            }
        },
        # The injector is a webhook on every pod of the cluster, for zone-aware routing, unused here.
        "topologyInjector": {"enabled": False},
    }
