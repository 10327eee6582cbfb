"""The parts of a stack's config that say where data lives, and how hard it is to lose."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from components.database import BACKUP_DAYS, Machine
from components.encryption import KeyDomain  # noqa: TC001 - Pydantic reads annotations
from components.replication import Twin
from components.signing_profile import MOST_MONTHS
from components.tags import DataClass
from stacks.section import (
    MINIMUM_LOG_DAYS,
    Days,
    DnsLabel,
    EnvironmentName,
    KeyArn,
    LogDays,
    RoleArn,
    Section,
)


class Replication(Section):
    """The environment that takes a copy of every object; it is deployed first.

    Attributes:
        environment: name of its stack.
        region: where it is.
        keys: ARNs of its keys, by domain, as its outputs name them.
    """

    environment: EnvironmentName
    region: str
    keys: dict[KeyDomain, KeyArn]

    def twin(self) -> Twin:
        """The twin as the component takes it."""
        return Twin(self.environment, self.region, dict(self.keys))


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
        replicate_to: the environment that takes a copy of every object, default none.
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
    replicate_to: Replication | None = None

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


class FeatureStore(Section):
    """`plinth:featureStore`: features for training and serving, default none.

    Attributes:
        views: feature views that are served online, a table each, default patient.
    """

    views: Annotated[list[DnsLabel], Field(min_length=1)] = Field(default_factory=lambda: ["patient"])


class ModelRegistry(Section):
    """`plinth:modelRegistry`: the database of runs and models, and the images, default none.

    Attributes:
        instance_class: of the database, default db.t4g.medium, the smallest that keeps its speed under load.
        storage_gib: of its disk at first, default 20.
        most_storage_gib: up to where it grows, default 100.
        multi_az: a standby in another zone, default True.
        engine_version: major version of PostgreSQL, default 17.
        backup_days: days back to any second of which it can be restored, default 35.
        log_days: of its logs, default 365.
        untagged_days: days that images without a tag are kept, default 30.
        signature_months: months that the signature of an image holds, default 135, the most. A change makes
            another profile, and all images have to be signed anew.
        signers: ARNs of IAM roles of other accounts that may sign images, such as CI's, default none.
    """

    instance_class: Annotated[str, Field(pattern=r"^db\.[a-z0-9-]+\.[a-z0-9]+$")] = "db.t4g.medium"
    storage_gib: Annotated[int, Field(ge=20, le=65536)] = 20
    most_storage_gib: Annotated[int, Field(ge=21, le=65536)] = 100
    multi_az: bool = True
    engine_version: Annotated[str, Field(pattern=r"^\d{2}$")] = "17"
    backup_days: Annotated[int, Field(ge=BACKUP_DAYS.start, lt=BACKUP_DAYS.stop)] = 35
    log_days: LogDays = 365
    untagged_days: Days = 30
    signature_months: Annotated[int, Field(ge=1, le=MOST_MONTHS)] = MOST_MONTHS
    signers: tuple[RoleArn, ...] = ()

    @model_validator(mode="after")
    def _grows(self) -> Self:
        self.machine()
        return self

    def machine(self) -> Machine:
        """The machine as the component takes it."""
        return Machine(self.instance_class, self.storage_gib, self.most_storage_gib, self.multi_az)
