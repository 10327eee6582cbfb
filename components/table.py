"""A DynamoDB table under our own key, with point-in-time recovery."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.durability import Durability
from components.grants import Grant, Statement
from components.tags import demand_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.encryption import DataKey

READS = ("BatchGetItem", "GetItem", "Query")
WRITES = ("PutItem", "UpdateItem")
OPERATIONS = (*READS, *WRITES)
"""All that a grant lets anybody do with a table, and so all whose errors are worth watching."""


@dataclass(frozen=True)
class TableArgs:
    """What a table needs to know.

    Attributes:
        table_name: its name in the account and Region; a change replaces the table.
        key: our key.
        hash_key: the attribute, a string, that finds one record; a change replaces the table.
        tags: AWS tags, the data class among them.
        durability: see `Durability`; `protect` also turns on the service's deletion protection.
    """

    table_name: str
    key: DataKey
    hash_key: str
    tags: Mapping[str, str]
    durability: Durability = field(default_factory=Durability)

    def __post_init__(self) -> None:
        """Refuse data that nobody classified."""
        demand_class(self.table_name, self.tags)


class Table(pulumi.ComponentResource):
    """A table that scales with demand.

    Attributes:
        table_name: its name.
        arn: its ARN.
    """

    table_name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: TableArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Table", name, None, opts)
        self._key = args.key
        self._physical_name = args.table_name
        table = self._create_table(name, args)
        self.table_name = table.name
        self.arn = table.arn
        self.register_outputs({"table_name": self.table_name, "arn": self.arn})

    def grant_read(self, purpose: str) -> Grant:
        """Reading of records by key and of ranges; no scan."""
        return self._grant(purpose, READS)

    def grant_write(self, purpose: str) -> Grant:
        """Writing of records; not reading, not deleting."""
        return self._grant(purpose, WRITES)

    def _grant(self, purpose: str, operations: tuple[str, ...]) -> Grant:
        actions = tuple(f"dynamodb:{operation}" for operation in operations)
        # DynamoDB opens its table key in the caller's name, for reading and for writing alike.
        use = self._key.through("dynamodb", ("kms:Decrypt",), {"aws:dynamodb:tableName": self._physical_name})
        return Grant(purpose, (Statement(actions=actions, resources=(self.arn,)), use))

    def _create_table(self, name: str, args: TableArgs) -> aws.dynamodb.Table:
        return aws.dynamodb.Table(
            f"{name}-table",
            name=args.table_name,
            billing_mode="PAY_PER_REQUEST",
            hash_key=args.hash_key,
            attributes=[aws.dynamodb.TableAttributeArgs(name=args.hash_key, type="S")],
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(
                enabled=True, kms_key_arn=args.key.arn
            ),
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(enabled=True),
            deletion_protection_enabled=args.durability.protect,
            tags=dict(args.tags),
            opts=args.durability.options(self),
        )
