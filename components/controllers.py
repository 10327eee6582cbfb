"""Controllers beside the gateway's: certificates, the figures that autoscaling needs, AWS load balancers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pulumi

from components.chart_release import Chart, ChartRelease, ChartReleaseArgs
from components.load_balancing import grant_load_balancers
from components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.tags import Tags
    from components.web_identity import WebIdentity
    from components.workload import Image

COMPONENT = "platform"


class Controller(StrEnum):
    """What a cluster needs of them; the values are releases, namespaces and the keys of the config."""

    CERTIFICATES = "cert-manager"
    METRICS = "metrics-server"
    LOAD_BALANCERS = "aws-load-balancer-controller"


WEBHOOK_PORTS: Mapping[Controller, tuple[int, ...]] = {
    Controller.CERTIFICATES: (10250,),
    Controller.METRICS: (10250,),
    Controller.LOAD_BALANCERS: (9443,),
}
"""What the API server calls them on, by their charts' defaults."""


@dataclass(frozen=True)
class Balanced:
    """What the load balancer controller has to know of the cluster.

    Attributes:
        cluster_name: the cluster.
        account_id: the AWS account, 12 digits.
        region: where the cluster is.
        vpc_id: its network.
        group_id: its own security group, which nodes and pods bear.
        web_identity: its token issuer.
    """

    cluster_name: pulumi.Input[str]
    account_id: str
    region: str
    vpc_id: pulumi.Input[str]
    group_id: pulumi.Input[str]
    web_identity: WebIdentity


@dataclass(frozen=True)
class ControllersArgs:
    """What the controllers need to know.

    Attributes:
        tags: ownership; the environment in it also names the load balancers' role.
        charts: which are installed, and from where.
        images: by the chart's own name of the image, default none: those of the chart, by tag.
        cluster_networks: networks, CIDR, of nodes and API server.
        api_networks: those in which their pods dial the API server, see `PlatformArgs`.
        monitoring_namespace: the only namespace that may read their metrics.
        replicas: of each, default 2.
        balanced: see `Balanced`; needed for load balancers only.
    """

    tags: Tags
    charts: Mapping[Controller, Chart]
    cluster_networks: Sequence[str]
    api_networks: Sequence[str]
    monitoring_namespace: str
    images: Mapping[str, Image] = field(default_factory=dict)
    replicas: int = 2
    balanced: Balanced | None = None

    def __post_init__(self) -> None:
        """Refuse load balancers where there is no AWS cluster."""
        if Controller.LOAD_BALANCERS in self.charts and self.balanced is None:
            raise ValueError(
                "The AWS load balancer controller is to be installed, but the environment makes no EKS "
                "cluster and no network for it. Add plinth:cluster and plinth:network, or leave the "
                "controller out of plinth:platform."
            )


class Controllers(pulumi.ComponentResource):
    """The releases.

    Attributes:
        releases: by controller, for whatever has to wait for one.
    """

    releases: dict[Controller, ChartRelease]

    def __init__(self, name: str, args: ControllersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Controllers", name, None, opts)
        self._prefix = name
        self._args = args
        self.releases = {
            controller: self._install(controller, chart) for controller, chart in args.charts.items()
        }
        self.register_outputs({})

    def _install(self, controller: Controller, chart: Chart) -> ChartRelease:
        args = self._args
        return ChartRelease(
            f"{self._prefix}-{controller}",
            ChartReleaseArgs(
                tags=args.tags,
                component=COMPONENT,
                release=controller.value,
                namespace=controller.value,
                chart=chart,
                values=self._values(controller),
                cluster_networks=args.cluster_networks,
                api_networks=args.api_networks,
                monitoring_namespace=args.monitoring_namespace,
                webhook_ports=WEBHOOK_PORTS[controller],
                to_aws=controller is not Controller.METRICS,
                kubelets=controller is Controller.METRICS,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _values(self, controller: Controller) -> dict[str, Any]:
        args = self._args
        match controller:
            case Controller.CERTIFICATES:
                return certificate_values(args.replicas, args.images)
            case Controller.METRICS:
                return metrics_values(args.replicas, args.images)
            case Controller.LOAD_BALANCERS:
                return self._balancer_values()

    def _balancer_values(self) -> dict[str, Any]:
        args, balanced = self._args, self._args.balanced
        assert balanced is not None  # noqa: S101 - the arguments refuse it
        name = Controller.LOAD_BALANCERS.value
        role = ServiceAccountRole(
            f"{self._prefix}-load-balancers",
            ServiceAccountRoleArgs(
                tags=args.tags,
                role="load-balancers",
                namespace=name,
                account=name,
                web_identity=balanced.web_identity,
                grants=grant_load_balancers(
                    balanced.account_id,
                    balanced.region,
                    balanced.cluster_name,
                    balanced.vpc_id,
                    balanced.group_id,
                ),
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return {
            "replicaCount": args.replicas,
            "clusterName": balanced.cluster_name,
            "region": balanced.region,
            "vpcId": balanced.vpc_id,
            "serviceAccount": {"name": name, "annotations": {"eks.amazonaws.com/role-arn": role.arn}},
            "podDisruptionBudget": {"maxUnavailable": 1},
            # The proxies' Service asks for this controller by annotation; it takes over no other.
            "enableServiceMutatorWebhook": False,
            "podSecurityContext": {"fsGroup": 65534, "runAsNonRoot": True, **SECCOMP},
            "securityContext": {**CONTAINER, "runAsNonRoot": True},
            "resources": requested("100m", "256Mi"),
            **_tagged(args.images.get(name)),
        }


SECCOMP = {"seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def requested(cpu: str, memory: str) -> dict[str, dict[str, str]]:
    """What a container asks of its node; no CPU limit, as everywhere."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}


def certificate_values(replicas: int, images: Mapping[str, Image]) -> dict[str, Any]:
    """Values of cert-manager's chart (v1.15 and later), where they differ from its defaults."""
    parts = {"webhook": replicas, "cainjector": replicas}
    return {
        "crds": {"enabled": True, "keep": True},
        "replicaCount": replicas,
        "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
        "resources": requested("50m", "256Mi"),
        # It would check once more, with rights of its own, what the release waits for anyway.
        "startupapicheck": {"enabled": False},
        "global": {"leaderElection": {"namespace": Controller.CERTIFICATES.value}},
        **_by_digest(images.get("cert-manager-controller")),
        **{
            part: {
                "replicaCount": count,
                "resources": requested("50m", "128Mi"),
                "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
                **_by_digest(images.get(f"cert-manager-{part}")),
            }
            for part, count in parts.items()
        },
    }


def metrics_values(replicas: int, images: Mapping[str, Image]) -> dict[str, Any]:
    """Values of metrics-server's chart (3.12 and later), where they differ from its defaults."""
    return {
        "replicas": replicas,
        "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1, "minAvailable": None},
        "resources": requested("100m", "200Mi"),
        **_tagged(images.get(Controller.METRICS.value)),
    }


def _by_digest(image: Image | None) -> dict[str, Any]:
    if image is None:
        return {}
    repository, _, digest = image.reference.partition("@")
    return {"image": {"repository": repository, "digest": digest, "pullPolicy": image.pull_policy.value}}


def _tagged(image: Image | None) -> dict[str, Any]:
    """For charts that join name and tag by a colon and know no digest: the digest goes where the tag does."""
    if image is None:
        return {}
    repository, _, digest = image.reference.partition("@")
    return {
        "image": {
            "repository": f"{repository}@{digest.partition(':')[0]}",
            "tag": digest.partition(":")[2],
            "pullPolicy": image.pull_policy.value,
        }
    }
