"""The parts of a stack's config that say what the cluster offers to workloads, and how it is reached."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from components.proxies import NODE_PORTS, Exposure
from components.workload import PullPolicy
from stacks.section import CHECKOUT, DnsLabel, Replicas, Section, Size


class Workloads(Section):
    """`plinth:workloads`: what all pods of the application share.

    Attributes:
        namespace: where they run, default plinth.
        monitoring_namespace: whose pods may read metrics, default monitoring.
        image_pull_policy: Never where images are loaded into the node beforehand, default IfNotPresent.
        emulator_url: address of an AWS emulator as pods reach it, default None: AWS itself.
        aws_networks: networks (CIDR) in which AWS is reached, default everywhere, port 443 only.
    """

    namespace: DnsLabel = "plinth"
    monitoring_namespace: DnsLabel = "monitoring"
    image_pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    emulator_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+$")] | None = None
    aws_networks: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[0-9a-f.:]+/\d+$")], ...], Field(min_length=1)
    ] = ("0.0.0.0/0",)


class Platform(Section):
    """`plinth:platform`: the cluster's add-ons.

    Attributes:
        gateway_chart: Envoy Gateway's chart: `oci://...`, or a folder relative to the checkout.
        gateway_chart_version: of the chart; none for a folder.
        gateway_replicas: controllers, default 2.
        gateway_size: of each, default 100m and 256Mi.
    """

    gateway_chart: str = "oci://docker.io/envoyproxy/gateway-helm"
    gateway_chart_version: str | None = "v1.8.0"
    gateway_replicas: Replicas = 2
    gateway_size: Size = Size(cpu="100m", memory="256Mi")

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


class Edge(Section):
    """`plinth:edge`: the way in.

    Attributes:
        exposure: LoadBalancer (default) or NodePort.
        node_port: 30000 to 32767, with NodePort only.
        certificate_secret: TLS Secret in the gateway's namespace; without it `allow_plain_http` is needed.
        allow_plain_http: default False.
        hostname: the only host name answered, default None: any.
        service_annotations: for the load balancer's controller.
        replicas: proxies, default 2.
        size: of each, default 100m and 256Mi.
    """

    exposure: Exposure = Exposure.LOAD_BALANCER
    node_port: Annotated[int, Field(ge=NODE_PORTS.start, lt=NODE_PORTS.stop)] | None = None
    certificate_secret: str | None = None
    allow_plain_http: bool = False
    hostname: str | None = None
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
        if (self.exposure is Exposure.NODE_PORT) != (self.node_port is not None):
            raise ValueError(
                f"exposure: {self.exposure} with nodePort: {self.node_port}; a node port is "
                "needed for NodePort, and means nothing for LoadBalancer. Correct one of them."
            )
        return self
