"""The parts of a stack's config that say what the cluster offers to workloads, and how it is reached."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from components.chart_release import Chart
from components.controllers import Controller  # noqa: TC001 - Pydantic reads annotations
from components.node_group import Capacity, Nodes
from components.proxies import NODE_PORTS, Exposure
from components.service_network import SERVICE_NETWORK
from components.workload import PullPolicy
from stacks.release import DigestReference  # noqa: TC001 - Pydantic reads annotations
from stacks.section import (
    CHECKOUT,
    DnsLabel,
    LogDays,
    Network4,
    Replicas,
    RoleArn,
    Section,
    Size,
)


class Workloads(Section):
    """`plinth:workloads`: what all pods of the application share.

    Attributes:
        namespace: where they run, default plinth.
        monitoring_namespace: whose pods may read metrics, default monitoring.
        image_pull_policy: Never where images are loaded into the node beforehand, default IfNotPresent.
        emulator_url: address of an AWS emulator as pods reach it, default None: AWS itself.
        aws_networks: networks (CIDR) in which AWS is reached, default everywhere, port 443 only, as S3 has
            public addresses that change. With NAT that is the internet as well.
        cluster_networks: networks (CIDR) of nodes and API server, default the environment's own network, or
            all private ones where the cluster is another's. There the Services' belong to them as well:
            some network plug-ins, AWS's among them, judge before the address of a Service is translated.
    """

    namespace: DnsLabel = "plinth"
    monitoring_namespace: DnsLabel = "monitoring"
    image_pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    emulator_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+$")] | None = None
    aws_networks: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9a-f.:]+/\d+$")], ...], Field(min_length=1)
    ] = ("0.0.0.0/0",)
    cluster_networks: tuple[Annotated[str, Field(pattern=r"^[0-9a-f.:]+/\d+$")], ...] = ()


class ChartSource(Section):
    """Where a controller's chart comes from.

    Attributes:
        chart: `oci://...`, a name in `repository`, or a folder relative to the checkout.
        repository: https address of a chart repository, default none.
        version: of the chart; none for a folder.
        images: by the chart's own name of the image, by digest, default those that the chart names by tag.
    """

    chart: str
    repository: Annotated[str, Field(pattern=r"^https://[^\s]+$")] | None = None
    version: Annotated[str, Field(pattern=r"^v?\d+\.\d+\.\d+$")] | None = None
    images: dict[str, DigestReference] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        remote = bool(urlsplit(self.chart).scheme) or self.repository is not None
        if remote and self.version is None:
            raise ValueError(
                f"the chart {self.chart} has no version, so every update could install another one. Name one."
            )
        return self

    def source(self) -> Chart:
        """The chart as the component takes it."""
        if self.repository or urlsplit(self.chart).scheme:
            return Chart(self.chart, self.version, self.repository)
        return Chart(str(CHECKOUT / self.chart), None)


class Nodegroup(Section):
    """One group of nodes.

    Attributes:
        instance_types: at least two, alike in size.
        least: nodes that always run, default 2.
        most: nodes at most, default 6.
        capacity: ON_DEMAND (default) or SPOT.
        disk_gib: of each, default 50.
        labels: of the nodes, default none.
    """

    instance_types: Annotated[list[str], Field(min_length=1)]
    least: Replicas = 2
    most: Replicas = 6
    capacity: Capacity = Capacity.ON_DEMAND
    disk_gib: Annotated[int, Field(ge=20, le=16384)] = 50
    labels: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self.nodes()
        return self

    def nodes(self) -> Nodes:
        """The group as the component takes it."""
        return Nodes(
            self.instance_types, self.least, self.most, self.capacity, self.disk_gib, dict(self.labels)
        )


class Cluster(Section):
    """`plinth:cluster`: an EKS cluster of its own, default none: the one that the kubeconfig names.

    Attributes:
        version: Kubernetes minor version, default 1.35; upgrades go one at a time, never back.
        administrators: ARNs of IAM roles, the deploying one among them.
        node_groups: by name, at least one.
        access_networks: networks (CIDR) outside its own that may reach the API server, default none.
        log_days: of control plane and containers, default 365.
        service_cidr: addresses of Services, /12 to /24, private, default 172.20.0.0/16; what overlaps the
            network or what is connected to it is refused. A change replaces the cluster.
        add_on_versions: by EKS's name, default what EKS recommends.
    """

    version: Annotated[str, Field(pattern=r"^1\.\d{2}$")] = "1.35"
    administrators: Annotated[list[RoleArn], Field(min_length=1)]
    node_groups: Annotated[dict[DnsLabel, Nodegroup], Field(min_length=1)]
    access_networks: tuple[Network4, ...] = ()
    log_days: LogDays = 365
    service_cidr: Network4 = SERVICE_NETWORK
    add_on_versions: dict[str, str] = Field(default_factory=dict)


class Platform(Section):
    """`plinth:platform`: the cluster's add-ons.

    Attributes:
        gateway_chart: Envoy Gateway's chart: `oci://...`, or a folder relative to the checkout.
        gateway_chart_version: of the chart; none for a folder.
        gateway_replicas: controllers, default 2.
        gateway_size: of each, default 100m and 256Mi.
        controllers: the other add-ons, by name (`cert-manager`, `metrics-server`,
            `aws-load-balancer-controller`), default none.
        controller_replicas: of each of those, default 2.
    """

    gateway_chart: str = "oci://docker.io/envoyproxy/gateway-helm"
    gateway_chart_version: str | None = "v1.8.0"
    gateway_replicas: Replicas = 2
    gateway_size: Size = Size(cpu="100m", memory="256Mi")
    controllers: dict[Controller, ChartSource] = Field(default_factory=dict)
    controller_replicas: Replicas = 2

    @property
    def chart_reference(self) -> str:
        """The chart as Helm finds it from any working directory."""
        return (
            self.gateway_chart if urlsplit(self.gateway_chart).scheme else str(CHECKOUT / self.gateway_chart)
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        remote = bool(urlsplit(self.gateway_chart).scheme)
        if remote and self.gateway_chart_version is None:
            raise ValueError(
                f"gatewayChart {self.gateway_chart} has no gatewayChartVersion; name the version."
            )
        if not remote and self.gateway_chart_version is not None:
            raise ValueError(
                f"gatewayChart {self.gateway_chart} is a folder, which is one version. "
                "Set gatewayChartVersion to null."
            )
        return self


class Callers(Section):
    """Whose tokens open the way in: issuer, audiences, and where the proxies fetch its public keys."""

    issuer: Annotated[str, Field(pattern=r"^https://[^\s]+$")]
    audiences: Annotated[list[str], Field(min_length=1)]
    keys_url: Annotated[str, Field(pattern=r"^https://[^\s]+$")]


class Edge(Section):
    """`plinth:edge`: the way in.

    Attributes:
        exposure: LoadBalancer (default) or NodePort.
        node_port: 30000 to 32767, with NodePort only.
        certificate_secret: TLS Secret in the gateway's namespace, to be made before the first whole update,
            which waits for proxies, and those for a certificate; docs/aws.md has the steps. Without it
            `allow_plain_http` is needed.
        allow_plain_http: default False.
        hostname: the only host name answered, default None: any.
        authentication: whose tokens are accepted; without it `allow_unknown_callers` is needed.
        allow_unknown_callers: default False.
        service_annotations: for the load balancer's controller.
        replicas: proxies, default 2.
        size: of each, default 100m and 256Mi.
    """

    exposure: Exposure = Exposure.LOAD_BALANCER
    node_port: Annotated[int, Field(ge=NODE_PORTS.start, lt=NODE_PORTS.stop)] | None = None
    certificate_secret: str | None = None
    allow_plain_http: bool = False
    hostname: str | None = None
    authentication: Callers | None = None
    allow_unknown_callers: bool = False
    service_annotations: dict[str, str] = Field(default_factory=dict)
    replicas: Replicas = 2
    size: Size = Size(cpu="100m", memory="256Mi")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.certificate_secret is None and not self.allow_plain_http:
            raise ValueError(
                "there is no certificateSecret, and plain HTTP is not allowed. Name a TLS Secret, or "
                "accept the risk with allowPlainHttp: true."
            )
        if self.certificate_secret is not None and self.allow_plain_http:
            raise ValueError("allowPlainHttp: true contradicts certificateSecret. Leave out one of them.")
        if (self.authentication is None) != self.allow_unknown_callers:
            raise ValueError(
                "authentication and allowUnknownCallers: true exclude each other, and one of them is needed. "
                "Name issuer, audiences and keysUrl, or accept the risk that anybody asks."
            )
        if (self.exposure is Exposure.NODE_PORT) != (self.node_port is not None):
            raise ValueError(
                f"exposure: {self.exposure} with nodePort: {self.node_port}; a node port is "
                "needed for NodePort, and means nothing for LoadBalancer. Correct one of them."
            )
        return self
