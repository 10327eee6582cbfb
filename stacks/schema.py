"""The strict, typed model of a stack's config: every key, its unit, its default and its risk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from app import contract
from components.bucket import LockMode
from components.network import check_layout
from components.tags import DataClass
from stacks.cluster_schema import Edge, Platform, Workloads
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
    MINIMUM_LOG_DAYS,
    AccountId,
    Bytes,
    Days,
    DnsLabel,
    EnvironmentName,
    Replicas,
    Seconds,
    Section,
    Size,
)

if TYPE_CHECKING:
    from pathlib import Path


class Ownership(Section):
    """`plinth:tags`: who answers for the environment, and who pays."""

    owner: str
    cost_centre: str


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
    network: Network | None = None
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
