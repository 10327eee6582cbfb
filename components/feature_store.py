"""Features for training and for serving: files of their history, a table of the newest values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from components.bucket import Bucket, BucketArgs
from components.durability import Durability
from components.table import Table, TableArgs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.encryption import DataKey
    from components.grants import Grant
    from components.tags import DataClass, Tags

COMPONENT = "feature-store"

ENTITY_KEY = "entity_id"
"""The attribute that Feast finds a row by (DynamoDB online store, Feast documentation)."""

HISTORY = "history"
"""Folder of the offline store: every value a feature ever had, with its time, for point-in-time joins."""

REGISTRY = "registry/registry.db"
"""Where Feast keeps what features there are."""


@dataclass(frozen=True)
class FeatureStoreArgs:
    """What the feature store needs to know.

    Attributes:
        tags: ownership; the environment in it also names bucket and tables.
        account_id: the AWS account, 12 digits; part of the bucket's name, which is global.
        key: of the domain of data.
        data_class: how sensitive the features are: as much as the records that they are made of.
        access_logs: name of the bucket that logs who did what here.
        views: feature views that are served online, a table each, at least one, lower case.
        noncurrent_days: days that overwritten and deleted versions are kept, default 90.
        durability: see `Durability`.
    """

    tags: Tags
    account_id: str
    key: DataKey
    data_class: DataClass
    access_logs: pulumi.Input[str]
    views: Sequence[str]
    noncurrent_days: int = 90
    durability: Durability = field(default_factory=Durability)

    def __post_init__(self) -> None:
        """Refuse a store that serves nothing, or one table to two views."""
        if not self.views or len(set(self.views)) != len(self.views):
            raise ValueError(
                f"The feature store has the views {list(self.views)}; at least one is needed, and none "
                "twice. Correct views in plinth:featureStore."
            )


class FeatureStore(pulumi.ComponentResource):
    """Feast's stores: made here, under our keys, so that Feast finds them and makes none itself.

    Attributes:
        bucket: history and registry.
        tables: the newest values, by feature view.
        history_uri: the offline store, `s3://...`.
        registry_uri: Feast's registry, `s3://...`.
        table_name_template: what Feast has to be told, so that it finds the tables.
    """

    bucket: Bucket
    tables: dict[str, Table]
    history_uri: pulumi.Output[str]
    registry_uri: pulumi.Output[str]
    table_name_template: str

    def __init__(self, name: str, args: FeatureStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:FeatureStore", name, None, opts)
        self._prefix = name
        self._args = args
        self.bucket = self._create_bucket()
        self.tables = {view: self._create_table(view) for view in args.views}
        self.history_uri = pulumi.Output.concat("s3://", self.bucket.bucket_name, "/", HISTORY)
        self.registry_uri = pulumi.Output.concat("s3://", self.bucket.bucket_name, "/", REGISTRY)
        self.table_name_template = table_name(args.tags, "{table_name}")
        self.register_outputs(
            {
                "history_uri": self.history_uri,
                "registry_uri": self.registry_uri,
                "table_name_template": self.table_name_template,
            }
        )

    def grant_define(self) -> list[Grant]:
        """What whoever applies the definitions needs."""
        return [
            self.bucket.grant_read("read what features there are", REGISTRY),
            self.bucket.grant_write("define features", REGISTRY),
        ]

    def grant_materialise(self) -> list[Grant]:
        """What the job needs that brings new values into history and tables."""
        return [
            self.bucket.grant_read("read what features there are", REGISTRY),
            self.bucket.grant_read("read the history of features", f"{HISTORY}/*"),
            self.bucket.grant_write("add to the history of features", f"{HISTORY}/*"),
            *(table.grant_write(f"write the newest {view}") for view, table in self.tables.items()),
        ]

    def grant_train(self) -> list[Grant]:
        """What training needs: history for point-in-time joins, nothing of the tables."""
        return [
            self.bucket.grant_read("read what features there are", REGISTRY),
            self.bucket.grant_read("read the history of features", f"{HISTORY}/*"),
        ]

    def grant_serve(self) -> list[Grant]:
        """What the inference service needs: the newest values, nothing of the history."""
        return [table.grant_read(f"read the newest {view}") for view, table in self.tables.items()]

    def _create_bucket(self) -> Bucket:
        args = self._args
        return Bucket(
            f"{self._prefix}-history",
            BucketArgs(
                bucket_name=bucket_name(args.tags, args.account_id),
                key=args.key,
                tags=args.tags.aws(COMPONENT, args.data_class),
                access_logs=args.access_logs,
                noncurrent_days=args.noncurrent_days,
                durability=args.durability,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_table(self, view: str) -> Table:
        args = self._args
        return Table(
            f"{self._prefix}-{view}",
            TableArgs(
                table_name=table_name(args.tags, view),
                key=args.key,
                hash_key=ENTITY_KEY,
                tags=args.tags.aws(COMPONENT, args.data_class),
                durability=args.durability,
            ),
            pulumi.ResourceOptions(parent=self),
        )


def bucket_name(tags: Tags, account_id: str) -> str:
    """Name of an environment's bucket of features; the bucket of access logs has to admit it."""
    return f"{tags.prefix}-features-{account_id}"


def table_name(tags: Tags, view: str) -> str:
    """Name of a feature view's table."""
    return f"{tags.prefix}-features-{view}"
