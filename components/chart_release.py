"""A Helm chart in a namespace of its own, in which only what it needs is let through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.traffic import (
    ANYWHERE,
    API_SERVER_PORTS,
    HTTPS_PORT,
    from_namespace,
    from_networks,
    network_policy,
    to_dns,
    to_networks,
)
from components.workspace import create_namespace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.tags import Tags

INSTALL_SECONDS = 300
"""How long a chart may take until everything in it is ready."""

KUBELET_PORT = 10250
HISTORY = 5
"""How many revisions of a release Helm keeps, as Secrets in the cluster."""


@dataclass(frozen=True)
class Chart:
    """Where a chart comes from.

    Attributes:
        reference: `oci://...`, the path of a folder, or a name in `repository`.
        version: of the chart; None for a folder, which is one version.
        repository: https address of a chart repository, default None: the reference says it all.
    """

    reference: str
    version: str | None
    repository: str | None = None


@dataclass(frozen=True)
class ChartReleaseArgs:
    """What the release needs to know.

    Attributes:
        tags: ownership.
        component: for labels.
        release: name of the release.
        namespace: of its own, made here.
        chart: see `Chart`.
        values: of the chart.
        cluster_networks: networks, CIDR, of nodes and API server.
        api_networks: those in which its pods dial the API server, see `PlatformArgs`.
        webhook_ports: ports of its pods that the API server calls, default none.
        monitoring_namespace: the only namespace that may read its metrics.
        metrics_port: of its pods, default none.
        to_aws: whether it calls AWS, or anything else by HTTPS, default False.
        kubelets: whether it reads the nodes' own figures, default False.
    """

    tags: Tags
    component: str
    release: str
    namespace: str
    chart: Chart
    values: Mapping[str, Any]
    cluster_networks: Sequence[str]
    api_networks: Sequence[str]
    monitoring_namespace: str
    webhook_ports: Sequence[int] = ()
    metrics_port: int | None = None
    to_aws: bool = False
    kubelets: bool = False


class ChartRelease(pulumi.ComponentResource):
    """A namespace, its policies, and the release in it.

    Attributes:
        namespace: known only when everything in it is ready.
    """

    namespace: pulumi.Output[str]

    def __init__(self, name: str, args: ChartReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:ChartRelease", name, None, opts)
        self._prefix = name
        self._args = args
        namespace = create_namespace(f"{name}-namespace", args.namespace, args.tags, self)
        policies = self._create_policies(namespace)
        release = install(
            f"{name}-release",
            args.release,
            namespace.metadata.name,
            args.chart,
            args.values,
            options=pulumi.ResourceOptions(parent=self, depends_on=policies),
        )
        self.namespace = pulumi.Output.all(namespace.metadata.name, release.id).apply(
            lambda values: str(values[0])
        )
        self.register_outputs({"namespace": self.namespace})

    def _create_policies(self, namespace: kubernetes.core.v1.Namespace) -> list[pulumi.Resource]:
        args = self._args

        def metadata(name: str) -> kubernetes.meta.v1.ObjectMetaArgs:
            return kubernetes.meta.v1.ObjectMetaArgs(
                name=name,
                namespace=namespace.metadata.name,
                labels=args.tags.kubernetes(args.component),
            )

        ingress = []
        if args.webhook_ports:
            ingress.append(from_networks(args.cluster_networks, *args.webhook_ports))
        if args.metrics_port is not None:
            ingress.append(from_namespace(args.monitoring_namespace, args.metrics_port))
        egress = [to_dns(), to_networks(args.api_networks, *API_SERVER_PORTS)]
        if args.to_aws:
            egress.append(to_networks([ANYWHERE], HTTPS_PORT))
        if args.kubelets:
            egress.append(to_networks(args.cluster_networks, KUBELET_PORT))
        chart = {"app.kubernetes.io/instance": args.release}
        return [
            network_policy(f"{self._prefix}-default-deny", metadata("default-deny"), self, pods={}),
            network_policy(
                f"{self._prefix}-pods",
                metadata(args.release),
                self,
                pods=chart,
                ingress=ingress,
                egress=egress,
            ),
        ]


def install(  # noqa: PLR0913 - what a release says
    resource: str,
    release: str,
    namespace: pulumi.Input[str],
    chart: Chart,
    values: Mapping[str, Any],
    *,
    options: pulumi.ResourceOptions,
) -> kubernetes.helm.v3.Release:
    """A Helm release that is undone when it fails.

    Args:
        resource: name of the Pulumi resource.
        release: name of the release.
        namespace: that exists.
        chart: see `Chart`.
        values: of the chart.
        options: of the resource.
    """
    return kubernetes.helm.v3.Release(
        resource,
        name=release,
        namespace=namespace,
        chart=chart.reference,
        version=chart.version,
        repository_opts=(
            kubernetes.helm.v3.RepositoryOptsArgs(repo=chart.repository) if chart.repository else None
        ),
        values=dict(values),
        create_namespace=False,
        cleanup_on_fail=True,
        max_history=HISTORY,
        timeout=INSTALL_SECONDS,
        opts=options,
    )
