"""What is known of every model: runs and versions in a database, artifacts in a bucket, signed images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from components.database import Database, DatabaseArgs, Machine
from components.durability import Durability
from components.log_group import LogGroup, LogGroupArgs
from components.repository import Repository, RepositoryArgs
from components.signing_profile import MOST_MONTHS, SigningProfile, SigningProfileArgs
from components.tags import DataClass, Tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.bucket import Bucket
    from components.encryption import DataKey
    from components.grants import Grant

COMPONENT = "model-registry"

DATABASE = "mlflow"
DATABASE_USER = "mlflow"
"""Whom the registry's server connects as, by IAM; made once in the database with the role `rds_iam`."""

RUNS = "runs"
"""Folder of the artifact bucket where MLflow keeps what runs logged; released models lie in `models`."""

IMAGES = ("serving", "pipeline")


@dataclass(frozen=True)
class ModelRegistryArgs:
    """What the registry needs to know.

    Attributes:
        tags: ownership; the environment in it also names database and repositories.
        account_id: the AWS account, 12 digits.
        region: where it is.
        key: of the domain of the registry.
        log_key: of the domain of logs; its policy has to admit `log_group_names`.
        artifact_bucket: where runs' artifacts go.
        machine: what the database runs on.
        engine_version: major version of PostgreSQL.
        vpc_id: the network.
        subnet_ids: private subnets in at least two zones.
        client_networks: networks (CIDR) that may connect to the database.
        backup_days: see `DatabaseArgs.backup_days`.
        log_days: days that the database's logs are kept, default 365.
        untagged_days: see `RepositoryArgs.untagged_days`.
        signature_months: see `SigningProfileArgs.validity_months`.
        signers: see `SigningProfileArgs.signers`.
        durability: see `Durability`.
    """

    tags: Tags
    account_id: str
    region: str
    key: DataKey
    log_key: DataKey
    artifact_bucket: Bucket
    machine: Machine
    engine_version: str
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    client_networks: Sequence[str]
    backup_days: int = 35
    log_days: int = 365
    untagged_days: int = 30
    signature_months: int = MOST_MONTHS
    signers: Sequence[str] = ()
    durability: Durability = field(default_factory=Durability)


class ModelRegistry(pulumi.ComponentResource):
    """MLflow's database, the repositories of the images that models run in, and what those are signed with.

    Attributes:
        database: PostgreSQL.
        repositories: by image.
        signing_profile: with which images are signed.
        database_address: host name of the database.
        repository_urls: by image, as plain outputs.
        signing_profile_arn: what `notation sign --id` takes.
        signing_profile_version_arn: the same with its version.
        artifact_uri: MLflow's artifact root, `s3://...`.
    """

    database: Database
    repositories: dict[str, Repository]
    signing_profile: SigningProfile
    database_address: pulumi.Output[str]
    repository_urls: dict[str, pulumi.Output[str]]
    signing_profile_arn: pulumi.Output[str]
    signing_profile_version_arn: pulumi.Output[str]
    artifact_uri: pulumi.Output[str]

    def __init__(
        self, name: str, args: ModelRegistryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("plinth:index:ModelRegistry", name, None, opts)
        self._prefix = name
        self._args = args
        self.database = self._create_database(self._create_logs())
        self.repositories = {image: self._create_repository(image) for image in IMAGES}
        self.signing_profile = self._create_signing_profile()
        self.database_address = self.database.address
        self.repository_urls = {image: repository.url for image, repository in self.repositories.items()}
        self.signing_profile_arn = self.signing_profile.profile_arn
        self.signing_profile_version_arn = self.signing_profile.version_arn
        self.artifact_uri = pulumi.Output.concat("s3://", args.artifact_bucket.bucket_name, "/", RUNS)
        self.register_outputs(
            {
                "database_address": self.database_address,
                "repository_urls": self.repository_urls,
                "signing_profile_arn": self.signing_profile_arn,
                "signing_profile_version_arn": self.signing_profile_version_arn,
                "artifact_uri": self.artifact_uri,
            }
        )

    def grant_serve(self) -> list[Grant]:
        """What the registry's own server needs: its database, and the artifacts that it hands out."""
        bucket = self._args.artifact_bucket
        return [
            self.database.grant_connect("keep runs and versions", DATABASE_USER),
            bucket.grant_read("hand out what runs logged", f"{RUNS}/*"),
            bucket.grant_write("take in what runs log", f"{RUNS}/*"),
        ]

    def _create_logs(self) -> list[LogGroup]:
        args = self._args
        return [
            LogGroup(
                f"{self._prefix}-{group.rpartition('/')[2]}-logs",
                LogGroupArgs(
                    group_name=group,
                    key=args.log_key,
                    retention_days=args.log_days,
                    tags=args.tags.aws(COMPONENT, DataClass.CONFIDENTIAL),
                    durability=args.durability,
                ),
                pulumi.ResourceOptions(parent=self),
            )
            for group in log_group_names(args.tags)
        ]

    def _create_database(self, logs: Sequence[LogGroup]) -> Database:
        args = self._args
        return Database(
            f"{self._prefix}-database",
            DatabaseArgs(
                identifier=database_name(args.tags),
                account_id=args.account_id,
                region=args.region,
                database=DATABASE,
                engine_version=args.engine_version,
                machine=args.machine,
                vpc_id=args.vpc_id,
                subnet_ids=args.subnet_ids,
                client_networks=args.client_networks,
                key=args.key,
                tags=args.tags.aws(COMPONENT, DataClass.CONFIDENTIAL),
                backup_days=args.backup_days,
                durability=args.durability,
                # RDS makes its log groups itself if it comes first, without key or end.
                after=logs,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_repository(self, image: str) -> Repository:
        args = self._args
        return Repository(
            f"{self._prefix}-{image}",
            RepositoryArgs(
                repository=f"{args.tags.prefix}/{image}",
                key=args.key,
                tags=args.tags.aws(COMPONENT, DataClass.CONFIDENTIAL),
                untagged_days=args.untagged_days,
                durability=args.durability,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_signing_profile(self) -> SigningProfile:
        args = self._args
        return SigningProfile(
            f"{self._prefix}-signing",
            SigningProfileArgs(
                prefix=f"{args.tags.prefix}-images",
                tags=args.tags.aws(COMPONENT, DataClass.INTERNAL),
                validity_months=args.signature_months,
                signers=args.signers,
                durability=args.durability,
            ),
            pulumi.ResourceOptions(parent=self),
        )


def database_name(tags: Tags) -> str:
    """Identifier of an environment's database."""
    return f"{tags.prefix}-registry"


def log_group_names(tags: Tags) -> list[str]:
    """Log groups whose names RDS has fixed."""
    return [f"/aws/rds/instance/{database_name(tags)}/{log}" for log in ("postgresql", "upgrade")]
