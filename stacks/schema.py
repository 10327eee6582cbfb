"""The strict, typed model of a stack's config: every key, its unit, its default and its risk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator
from pydantic.alias_generators import to_camel

from app import contract
from components.bucket import LockMode
from components.controllers import Controller
from components.network import check_layout
from components.service_network import api_server_address, check_service_network
from components.traffic import PRIVATE
from stacks.cluster_schema import Cluster, Edge, Platform, Workloads
from stacks.operations_schema import (  # noqa: TC001 - Pydantic reads annotations when it builds the model
    Audit,
    Budget,
    Monitoring,
    Network,
    Oversight,
    Recovery,
)
from stacks.release import Images  # noqa: TC001 - Pydantic reads annotations when it builds the model
from stacks.section import (
    CHECKOUT,
    AccountId,
    Bytes,
    DnsLabel,
    EnvironmentName,
    Replicas,
    Seconds,
    Section,
    Size,
)
from stacks.stores_schema import (  # noqa: TC001 - Pydantic reads annotations when it builds the model
    Data,
    FeatureStore,
    ModelRegistry,
)

if TYPE_CHECKING:
    from pathlib import Path


class Ownership(Section):
    """`plinth:tags`: who answers for the environment, and who pays."""

    owner: str
    cost_centre: str


class Identity(Section):
    """`plinth:identity`: the cluster's token issuer.

    Attributes:
        issuer_url: https address, exactly as in the cluster's tokens. None with `plinth:cluster`, whose
            issuer is known.
        provider_arn: an OpenID Connect provider that exists already, default None: it is created.
        thumbprints: SHA-1 of the issuer's authority, default none: AWS trusts public authorities.
    """

    issuer_url: Annotated[str, Field(pattern=r"^https://[^\s/]+[^\s]*[^\s/]$")] | None = None
    provider_arn: Annotated[str, Field(pattern=r"^arn:[a-z-]+:iam::\d{12}:oidc-provider/.+$")] | None = None
    thumbprints: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.provider_arn and self.thumbprints:
            raise ValueError(
                "thumbprints beside an existing providerArn mean nothing. Leave out one of them."
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
    hyperparameters: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
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
        most_replicas: up to where load adds pods, default none: their number is fixed.
        cpu_percent: of the CPU they ask for, above which pods are added, default 70.
        size: of each, default 250m and 512Mi.
        scratch: room for the verified copy of the artifact, default 256Mi.
        rollout_seconds: without progress until a rollout has failed, default 300.
        request_seconds: of one request, retries included, default 10.
        maximum_body: of a request, default 1Mi.
        maximum_connections: and requests at a time, from each proxy, default 1024.
        requests_per_second: that each proxy lets through, default any number; needs Envoy Gateway after
            v1.8.0, whose own definition of it contradicts itself.
    """

    replicas: Replicas = 2
    most_replicas: Replicas | None = None
    cpu_percent: Annotated[int, Field(ge=1, le=100)] = 70
    size: Size = Size(cpu="250m", memory="512Mi")
    scratch: Bytes = "256Mi"
    rollout_seconds: Seconds = 300
    request_seconds: Seconds = 10
    maximum_body: Bytes = "1Mi"
    maximum_connections: Annotated[int, Field(ge=1, le=100000)] = 1024
    requests_per_second: Annotated[int, Field(ge=1, le=1000000)] | None = None

    @model_validator(mode="after")
    def _scales(self) -> Self:
        if self.most_replicas is not None and self.most_replicas < self.replicas:
            raise ValueError(
                f"mostReplicas = {self.most_replicas} is less than replicas = {self.replicas}. "
                "Raise the first, or lower the second."
            )
        return self


class Settings(Section):
    """Everything in which environments differ."""

    environment: EnvironmentName
    region: str
    accounts: Annotated[list[AccountId], Field(min_length=1, max_length=1)]
    allowed_regions: Annotated[list[str], Field(min_length=1)]
    tags: Ownership
    data: Data
    identity: Identity = Identity()
    workloads: Workloads = Workloads()
    platform: Platform = Platform()
    edge: Edge
    training: Training
    serving: Serving = Serving()
    network: Network | None = None
    cluster: Cluster | None = None
    feature_store: FeatureStore | None = None
    model_registry: ModelRegistry | None = None
    audit: Audit | None = None
    monitoring: Monitoring | None = None
    oversight: Oversight | None = None
    recovery: Recovery | None = None
    budget: Budget | None = None
    images: Images | None = None

    @property
    def account_id(self) -> str:
        """The one account that the provider may change."""
        return self.accounts[0]

    @model_validator(mode="after")
    def _routable(self) -> Self:
        network = self.network
        if network is not None:
            check_layout(
                self.region, network.cidr, network.zones, network.taken, single_zone=network.single_zone
            )
        return self

    @property
    def cluster_networks(self) -> tuple[str, ...]:
        """Where nodes and API server are."""
        own = (self.network.cidr,) if self.network and self.cluster else PRIVATE
        return self.workloads.cluster_networks or own

    @property
    def api_networks(self) -> tuple[str, ...]:
        """Where pods dial the API server.

        The VPC's network add-on judges a packet before kube-proxy translates the address of a Service; most
        others do so after. Both addresses are the same server.
        """
        service = (api_server_address(self.cluster.service_cidr),) if self.cluster else ()
        return (*self.cluster_networks, *service)

    @model_validator(mode="after")
    def _services_apart(self) -> Self:
        network, cluster = self.network, self.cluster
        if network is not None and cluster is not None:
            others = (network.cidr, *network.taken, *cluster.access_networks)
            check_service_network(cluster.service_cidr, others)
        return self

    @model_validator(mode="after")
    def _keys_in_reach(self) -> Self:
        network, callers = self.network, self.edge.authentication
        # Pods of another's cluster are in its network, of which nothing is known here.
        if network is not None and self.cluster is not None and callers is not None and not network.nat:
            raise ValueError(
                f"edge.authentication.keysUrl = {callers.keys_url!r} has to be fetched by the proxies, but "
                "network.nat: false gives them no way out, so that every caller would be refused. "
                "Set network.nat to true."
            )
        return self

    @model_validator(mode="after")
    def _survives_a_zone(self) -> Self:
        if self.network and self.network.single_zone and self.data.protect:
            raise ValueError(
                f"network.singleZone: true ({', '.join(self.network.zones)}) contradicts data.protect: true; "
                "data worth protecting has to be reached when a zone fails. Name two zones, or say that the "
                "data can be made again by protect: false."
            )
        return self

    @model_validator(mode="after")
    def _one_cluster(self) -> Self:
        if (self.cluster is None) == (self.identity.issuer_url is None):
            raise ValueError(
                "a cluster is either made here (plinth:cluster) or another's, whose token issuer is named "
                "(plinth:identity.issuerUrl); there have to be one and not both. Correct one of them."
            )
        for section in ("cluster", "model_registry"):
            if getattr(self, section) is not None and self.network is None:
                raise ValueError(
                    f"plinth:{to_camel(section)} needs private subnets, but there is no plinth:network. "
                    "Add it."
                )
        return self

    @model_validator(mode="after")
    def _equipped(self) -> Self:
        wanted = set(self.platform.controllers)
        if Controller.LOAD_BALANCERS in wanted and self.cluster is None:
            raise ValueError(
                f"platform.controllers names {Controller.LOAD_BALANCERS}, which needs plinth:cluster. "
                "Add that, or leave the controller out."
            )
        if self.serving.most_replicas is not None and self.cluster and Controller.METRICS not in wanted:
            raise ValueError(
                "serving.mostReplicas adds pods by their CPU, but nothing measures it. Add metrics-server to "
                "platform.controllers, or leave mostReplicas out."
            )
        return self

    @model_validator(mode="after")
    def _copied_within(self) -> Self:
        vault = self.recovery.copy_to if self.recovery else None
        targets = {
            "data.replicateTo.region": self.data.replicate_to.region if self.data.replicate_to else None,
            "recovery.copyTo": vault.split(":")[3] if vault else None,
        }
        for key, region in targets.items():
            if region is not None and region not in self.allowed_regions:
                raise ValueError(
                    f"{key} leads to {region!r}, which is not in plinth:allowedRegions "
                    f"({', '.join(self.allowed_regions)}); copies of the data would leave where it may be. "
                    "Change the Region, or have the list changed."
                )
        return self

    @model_validator(mode="after")
    def _lockable(self) -> Self:
        if self.data.force_destroy and self.audit and self.audit.lock_mode is LockMode.COMPLIANCE:
            raise ValueError(
                "data.forceDestroy: true contradicts audit.lockMode: COMPLIANCE; nobody can empty a locked "
                "archive. Set lockMode to GOVERNANCE, or forceDestroy to false."
            )
        return self

    @model_validator(mode="after")
    def _region_allowed(self) -> Self:
        if self.region not in self.allowed_regions:
            raise ValueError(
                f"aws:region = {self.region!r} is not in plinth:allowedRegions "
                f"({', '.join(self.allowed_regions)}); data would leave where it may be. "
                "Change the Region, or have the list changed."
            )
        return self
