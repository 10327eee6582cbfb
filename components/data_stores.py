"""Where data lives: raw, curated and quarantined records, models, and what was predicted of whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pulumi

from components.bucket import Bucket, BucketArgs
from components.durability import Durability
from components.encryption import Encryption, KeyDomain
from components.table import Table, TableArgs
from components.tags import DataClass, Tags

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPONENT = "data-stores"


class BucketRole(StrEnum):
    """What a bucket is for."""

    RAW = "raw"
    CURATED = "curated"
    QUARANTINE = "quarantine"
    ARTIFACTS = "artifacts"


class TableRole(StrEnum):
    """What a table records."""

    PREDICTIONS = "predictions"
    OUTCOMES = "outcomes"
    REVIEWS = "reviews"


KEY_OF_BUCKET = {
    BucketRole.RAW: KeyDomain.DATA,
    BucketRole.CURATED: KeyDomain.DATA,
    BucketRole.QUARANTINE: KeyDomain.DATA,
    BucketRole.ARTIFACTS: KeyDomain.ARTIFACTS,
}

HASH_KEY_OF_TABLE = {
    TableRole.PREDICTIONS: "prediction_id",
    TableRole.OUTCOMES: "prediction_id",
    TableRole.REVIEWS: "review_id",
}


@dataclass(frozen=True)
class DataStoresArgs:
    """What the stores need to know.

    Attributes:
        tags: ownership; the environment in it also names the stores.
        account_id: the AWS account, 12 digits; part of the buckets' names, which are global.
        encryption: the keys.
        data_class: how sensitive the records are. Models are at most confidential: they hold no records.
        noncurrent_days: days that overwritten and deleted versions are kept, default 90.
        quarantine_days: days that refused records are kept, default 90; they are as sensitive as the rest,
            and nobody needs them once the source was mended.
        access_log_days: days that access logs are kept, default 365; no investigation can look
            further back.
        also_logged: names of other buckets that log to the same place, default none. Without its name here,
            S3 drops a bucket's logs in silence.
        durability: see `Durability`.
    """

    tags: Tags
    account_id: str
    encryption: Encryption
    data_class: DataClass
    noncurrent_days: int = 90
    quarantine_days: int = 90
    access_log_days: int = 365
    also_logged: Sequence[str] = ()
    durability: Durability = field(default_factory=Durability)


class DataStores(pulumi.ComponentResource):
    """All stores of an environment.

    Attributes:
        access_logs: the bucket that the other buckets log to.
        buckets: by role.
        tables: by role.
        bucket_names: names by role, as plain outputs.
        table_names: names by role, as plain outputs.
    """

    access_logs: Bucket
    buckets: dict[BucketRole, Bucket]
    tables: dict[TableRole, Table]
    bucket_names: dict[str, pulumi.Output[str]]
    table_names: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: DataStoresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:DataStores", name, None, opts)
        self._prefix = name
        self._args = args
        self.access_logs = self._create_access_logs()
        self.buckets = {role: self._create_bucket(role) for role in BucketRole}
        self.tables = {role: self._create_table(role) for role in TableRole}
        self.bucket_names = {role.value: bucket.bucket_name for role, bucket in self.buckets.items()}
        self.table_names = {role.value: table.table_name for role, table in self.tables.items()}
        self.register_outputs({"bucket_names": self.bucket_names, "table_names": self.table_names})

    def _physical_name(self, role: str) -> str:
        return bucket_name(self._args.tags, role, self._args.account_id)

    def _data_class(self, role: BucketRole) -> DataClass:
        holds_records = KEY_OF_BUCKET[role] is KeyDomain.DATA
        if holds_records or self._args.data_class is not DataClass.RESTRICTED:
            return self._args.data_class
        return DataClass.CONFIDENTIAL

    def _create_access_logs(self) -> Bucket:
        args = self._args
        bucket_name = self._physical_name("access-logs")
        sources = [*(self._physical_name(role) for role in BucketRole), *args.also_logged]
        return Bucket(
            f"{self._prefix}-access-logs",
            BucketArgs(
                bucket_name=bucket_name,
                key=None,
                tags=args.tags.aws(COMPONENT, DataClass.CONFIDENTIAL),
                access_logs=None,
                noncurrent_days=args.noncurrent_days,
                expire_days=args.access_log_days,
                extra_statements=[log_delivery(bucket_name, source, args.account_id) for source in sources],
                durability=args.durability,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_bucket(self, role: BucketRole) -> Bucket:
        args = self._args
        return Bucket(
            f"{self._prefix}-{role}",
            BucketArgs(
                bucket_name=self._physical_name(role),
                key=args.encryption.keys[KEY_OF_BUCKET[role]],
                tags=args.tags.aws(COMPONENT, self._data_class(role)),
                access_logs=self.access_logs.bucket_name,
                noncurrent_days=args.noncurrent_days,
                expire_days=args.quarantine_days if role is BucketRole.QUARANTINE else None,
                durability=args.durability,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_table(self, role: TableRole) -> Table:
        args = self._args
        return Table(
            f"{self._prefix}-{role}",
            TableArgs(
                table_name=f"{args.tags.prefix}-{role}",
                key=args.encryption.keys[KeyDomain.RECORDS],
                hash_key=HASH_KEY_OF_TABLE[role],
                tags=args.tags.aws(COMPONENT, args.data_class),
                durability=args.durability,
            ),
            pulumi.ResourceOptions(parent=self),
        )


def bucket_name(tags: Tags, role: str, account_id: str) -> str:
    """Name of an environment's bucket, before it exists."""
    return f"{tags.prefix}-{role}-{account_id}"


def log_delivery(log_bucket: str, source: str, account_id: str) -> dict[str, Any]:
    """Statement by which S3 may deliver the access logs of one bucket, to that bucket's own folder."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{log_bucket}/{source}/*",
        "Condition": {
            "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{source}"},
            "StringEquals": {"aws:SourceAccount": account_id},
        },
    }
