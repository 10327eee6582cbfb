"""The add-ons that the cluster needs before any workload, each by its Helm chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.chart_release import Chart, install
from components.controllers import Controllers, ControllersArgs
from components.proxies import PROXY_LABELS
from components.traffic import (
    API_SERVER_PORTS,
    PRIVATE,
    from_namespace,
    from_pods,
    network_policy,
    to_dns,
    to_networks,
)
from components.workload import Image, Resources
from components.workspace import create_namespace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.tags import Tags

GATEWAY_NAMESPACE = "envoy-gateway-system"
"""Where Envoy Gateway runs, and where it starts the proxies."""

GATEWAY_RELEASE = "envoy-gateway"
XDS_PORT = 18000
"""Where the controller tells the proxies what to do."""

METRICS_PORT = 19001
"""Of the controller and of the proxies alike."""

CONTROLLER_LABELS = {"control-plane": "envoy-gateway"}
CERTIFICATE_JOB_LABELS = {"app": "certgen"}
"""What the chart puts on its pods."""

DEFAULT_RESOURCES = Resources(cpu="100m", memory="256Mi")


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
        api_networks: networks, CIDR, in which pods dial the API server: its own, and where policies are
            enforced before the address of a Service is translated, that of its Service; default all private
            ones.
        monitoring_namespace: the only other namespace that may read the controller's metrics.
        controllers: the other add-ons, default none.
    """

    tags: Tags
    gateway_chart: Chart
    gateway_image: Image
    gateway_replicas: int = 2
    gateway_resources: Resources = DEFAULT_RESOURCES
    api_networks: Sequence[str] = PRIVATE
    monitoring_namespace: str = "monitoring"
    controllers: ControllersArgs | None = None


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
        policies = self._create_network_policies(namespace)
        controllers = self._create_controllers()
        release = self._create_gateway(namespace, [*policies, *controllers])
        self.gateway_namespace = pulumi.Output.all(namespace.metadata.name, release.id).apply(
            lambda values: str(values[0])
        )
        self.register_outputs({"gateway_namespace": self.gateway_namespace})

    def _create_controllers(self) -> list[pulumi.Resource]:
        if self._args.controllers is None:
            return []
        made = Controllers(
            f"{self._prefix}-controllers", self._args.controllers, pulumi.ResourceOptions(parent=self)
        )
        return [made]

    def _create_network_policies(
        self, namespace: kubernetes.core.v1.Namespace
    ) -> list[kubernetes.networking.v1.NetworkPolicy]:
        """Refuse everything, in both directions, but what the controller and its certificate Job need.

        They stand before anything runs here. What the proxies need is said where they are declared.
        """
        args = self._args
        to_api_server = to_networks(args.api_networks, *API_SERVER_PORTS)

        def policy(
            rule: str,
            pods: Mapping[str, str],
            ingress: Sequence[kubernetes.networking.v1.NetworkPolicyIngressRuleArgs] = (),
            egress: Sequence[kubernetes.networking.v1.NetworkPolicyEgressRuleArgs] = (),
        ) -> kubernetes.networking.v1.NetworkPolicy:
            metadata = kubernetes.meta.v1.ObjectMetaArgs(
                name=rule, namespace=namespace.metadata.name, labels=args.tags.kubernetes("platform")
            )
            return network_policy(
                f"{self._prefix}-{rule}", metadata, self, pods=pods, ingress=ingress, egress=egress
            )

        return [
            policy("default-deny", {}),
            policy(
                "controller",
                CONTROLLER_LABELS,
                [from_pods(PROXY_LABELS, XDS_PORT), from_namespace(args.monitoring_namespace, METRICS_PORT)],
                [to_dns(), to_api_server],
            ),
            policy("certificates", CERTIFICATE_JOB_LABELS, [], [to_dns(), to_api_server]),
        ]

    def _create_gateway(
        self, namespace: kubernetes.core.v1.Namespace, after: Sequence[pulumi.Resource]
    ) -> kubernetes.helm.v3.Release:
        args = self._args
        return install(
            f"{self._prefix}-gateway",
            GATEWAY_RELEASE,
            namespace.metadata.name,
            args.gateway_chart,
            gateway_values(args),
            options=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )


def _apart() -> dict[str, Any]:
    """Of the controllers: one node's loss takes one of them where there is a second node."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": CONTROLLER_LABELS}}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


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
                "affinity": _apart() if args.gateway_replicas > 1 else {},
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
