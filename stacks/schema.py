"""The strict, typed model of a stack's config: every key, its unit, its default and its risk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from app import contract
from components.proxies import NODE_PORTS, Exposure
from components.tags import DataClass
from components.workload import PullPolicy
from stacks.release import Images  # noqa: TC001 - Pydantic reads annotations when it builds the model

CHECKOUT = Path(__file__).resolve().parent.parent

MINIMUM_LOG_DAYS = 183
"""Six months, the least for logs of a high-risk AI system (EU AI Act, Regulation 2024/1689, Art. 26(6))."""

DnsLabel = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]
EnvironmentName = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$")]
"""At most 20 characters, as bucket names of 63 hold it beside project, role and account."""
Cpu = Annotated[str, Field(pattern=r"^([1-9]\d*m|[1-9]\d*)$")]
"""Kubernetes CPU quantity: `250m`, or whole cores."""
Bytes = Annotated[str, Field(pattern=r"^[1-9]\d*(Ki|Mi|Gi)$")]
"""Kubernetes quantity of bytes, such as `512Mi`."""
Days = Annotated[int, Field(ge=1, le=36500)]
Seconds = Annotated[int, Field(ge=1, le=86400)]
Replicas = Annotated[int, Field(ge=1, le=1000)]
AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]


class Section(BaseModel):
    """Part of the config: camel case in the file, nothing unknown, nothing coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


class Ownership(Section):
    """`plinth:tags`: who answers for the environment, and who pays."""

    owner: str
    cost_centre: str


class Size(Section):
    """What one container asks of its node: CPU it is scheduled by, memory it may use."""

    cpu: Cpu
    memory: Bytes


class Data(Section):
    """`plinth:data`: how sensitive the data is, and how hard it is to lose.

    Attributes:
        classification: class of the records; the strictest that ever arrives decides.
        protect: the engine and the services refuse deletion, default True.
        retain: what leaves the stack stays in the account, default True.
        force_destroy: buckets are emptied when deleted, default False.
        key_deletion_window_days: days until an ordered key deletion is final, 7 to 30, default 30.
        multi_region_keys: keys can have replicas in other Regions, default False; not to be changed later.
        noncurrent_days: days that overwritten and deleted versions are kept, default 90.
        quarantine_days: days that refused records are kept, default 90.
        access_log_days: days that access logs are kept, default 365; at least 183 for confidential data.
    """

    classification: DataClass
    protect: bool = True
    retain: bool = True
    force_destroy: bool = False
    key_deletion_window_days: Annotated[int, Field(ge=7, le=30)] = 30
    multi_region_keys: bool = False
    noncurrent_days: Days = 90
    quarantine_days: Days = 90
    access_log_days: Days = 365

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.force_destroy and (self.protect or self.retain):
            raise ValueError(
                "forceDestroy: true contradicts protect or retain: true; the first empties a store on "
                "deletion, the others keep it. Set forceDestroy to false, or both others to false."
            )
        sensitive = self.classification in {DataClass.CONFIDENTIAL, DataClass.RESTRICTED}
        if sensitive and self.access_log_days < MINIMUM_LOG_DAYS:
            raise ValueError(
                f"accessLogDays = {self.access_log_days} is less than {MINIMUM_LOG_DAYS}, the least for "
                f"{self.classification} data (six months, EU AI Act, Art. 26(6)). Raise it, "
                "or correct classification."
            )
        return self


class Identity(Section):
    """`plinth:identity`: the cluster's token issuer.

    Attributes:
        issuer_url: https address, exactly as in the cluster's tokens.
        provider_arn: an OpenID Connect provider that exists already, default None: it is created.
        thumbprints: SHA-1 of the issuer's authority, default none: AWS trusts public authorities.
    """

    issuer_url: Annotated[str, Field(pattern=r"^https://[^\s/]+[^\s]*[^\s/]$")]
    provider_arn: Annotated[str, Field(pattern=r"^arn:[a-z-]+:iam::\d{12}:oidc-provider/.+$")] | None = None
    thumbprints: list[Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]] = []

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.provider_arn and self.thumbprints:
            raise ValueError(
                "thumbprints beside an existing providerArn mean nothing. Leave out one of them."
            )
        return self


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
        list[Annotated[str, Field(pattern=r"^[0-9a-f.:]+/\d+$")]], Field(min_length=1)
    ] = ["0.0.0.0/0"]


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
    service_annotations: dict[str, str] = {}
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


class Training(Section):
    """`plinth:training`: the training Job.

    Attributes:
        dataset: file, relative to the checkout.
        dataset_name: its folder in the raw bucket.
        model: name of the model.
        hyperparameters: by name, default none: the application's own.
        size: of the Job, default 500m and 2Gi.
        scratch: its writable folder, default 1Gi.
        deadline_seconds: until a run has failed, default 1800.
    """

    dataset: str
    dataset_name: DnsLabel
    model: str = contract.MODEL_NAME
    hyperparameters: dict[str, str | int | float | bool | None] = {}
    size: Size = Size(cpu="500m", memory="2Gi")
    scratch: Bytes = "1Gi"
    deadline_seconds: Seconds = 1800

    @property
    def dataset_path(self) -> Path:
        """The file, from any working directory."""
        return CHECKOUT / self.dataset

    @model_validator(mode="after")
    def _exists(self) -> Self:
        if not self.dataset_path.is_file():
            raise ValueError(f"dataset = {self.dataset!r} is not a file of this checkout. Correct it.")
        return self


class Serving(Section):
    """`plinth:serving`: the inference service, wherever a release says what it serves.

    Attributes:
        replicas: pods, default 2; with one, its deletion interrupts the service.
        size: of each, default 250m and 512Mi.
        scratch: room for the verified copy of the artifact, default 256Mi.
        rollout_seconds: without progress until a rollout has failed, default 300.
        request_seconds: of one request, retries included, default 10.
        maximum_body: of a request, default 1Mi.
        maximum_connections: and requests at a time, from each proxy, default 1024.
    """

    replicas: Replicas = 2
    size: Size = Size(cpu="250m", memory="512Mi")
    scratch: Bytes = "256Mi"
    rollout_seconds: Seconds = 300
    request_seconds: Seconds = 10
    maximum_body: Bytes = "1Mi"
    maximum_connections: Annotated[int, Field(ge=1, le=100000)] = 1024


class Settings(Section):
    """Everything in which environments differ."""

    environment: EnvironmentName
    region: str
    accounts: Annotated[list[AccountId], Field(min_length=1, max_length=1)]
    allowed_regions: Annotated[list[str], Field(min_length=1)]
    tags: Ownership
    data: Data
    identity: Identity
    workloads: Workloads = Workloads()
    platform: Platform = Platform()
    edge: Edge
    training: Training
    serving: Serving = Serving()
    images: Images | None = None

    @property
    def account_id(self) -> str:
        """The one account that the provider may change."""
        return self.accounts[0]

    @model_validator(mode="after")
    def _region_allowed(self) -> Self:
        if self.region not in self.allowed_regions:
            raise ValueError(
                f"aws:region = {self.region!r} is not in plinth:allowedRegions "
                f"({', '.join(self.allowed_regions)}); data would leave where it may be. "
                "Change the Region, or have the list changed."
            )
        return self
