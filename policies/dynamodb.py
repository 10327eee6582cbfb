"""Tables: our key, recoverable to any second, protected, in a backup plan, scaling with demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.build import IS_TRUE, OWN_KEY, each_rule, property_rule, stack_rule
from policies.core.rules import REQUIRED, Context, Problem, Rule, Severity, Topic
from policies.core.selection import PLAN, SELECTION, is_selected
from policies.core.values import View, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

TABLE: Final = "aws:dynamodb/table:Table"
REPLICA: Final = "aws:dynamodb/tableReplica:TableReplica"
SCALING: Final = "aws:appautoscaling/target:Target"
DIMENSIONS: Final = frozenset({"dynamodb:table:ReadCapacityUnits", "dynamodb:table:WriteCapacityUnits"})


def _recovery_flags(table: Resource) -> Iterator[View]:
    yield table.at("pointInTimeRecovery", "enabled")
    for replica in table.at("replicas").items():
        yield replica.at("pointInTimeRecovery")


def _keys(table: Resource) -> Iterator[View]:
    yield table.at("serverSideEncryption", "kmsKeyArn")
    for replica in table.at("replicas").items():
        yield replica.at("kmsKeyArn")


def _in_a_plan(table: Resource, context: Context) -> Iterator[Problem]:
    if not is_selected(table, context.stack):
        yield Problem("<Selection>", "no backup selection names the table or one of its tags")


def _scales(table: Resource, context: Context) -> Iterator[Problem]:
    mode = table.at("billingMode")
    if mode.text() == "PAY_PER_REQUEST":
        return
    scaled = {
        target.at("scalableDimension").text()
        for target in context.stack.of(SCALING)
        if target.at("resourceId").text() == f"table/{table.at('name').text()}"
    }
    if not scaled >= DIMENSIONS:
        yield Problem(mode.path, f"{show(mode.value)}, without scaling of reads and writes")


RULES: Final[tuple[Rule, ...]] = (
    property_rule(
        "dynamodb-encrypted",
        (TABLE,),
        ("serverSideEncryption", "enabled"),
        IS_TRUE,
        title="Tables are encrypted with a key from KMS",
        topic=Topic.ENCRYPTION,
        severity=Severity.HIGH,
        public_ids=("CKV_AWS_119",),
        remediation="Set serverSideEncryption.enabled to true.",
    ),
    each_rule(
        "dynamodb-own-key",
        (TABLE,),
        _keys,
        OWN_KEY,
        title="Tables and their replicas are encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.HIGH,
        public_ids=("CKV_AWS_119",),
        remediation="Set serverSideEncryption.kmsKeyArn, and kmsKeyArn of each replica, to a key of ours.",
    ),
    property_rule(
        "dynamodb-replica-key",
        (REPLICA,),
        ("kmsKeyArn",),
        OWN_KEY,
        title="Replicas of tables are encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.HIGH,
        public_ids=("CKV_AWS_271",),
        remediation="Set kmsKeyArn to a key of ours in the replica's Region.",
        dormant="our copies elsewhere come from AWS Backup",
    ),
    each_rule(
        "dynamodb-point-in-time",
        (TABLE,),
        _recovery_flags,
        IS_TRUE,
        title="Tables can be restored to any second of the last 35 days",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        public_ids=("DynamoDB.2", "CKV_AWS_28"),
        remediation="Set pointInTimeRecovery.enabled to true.",
    ),
    property_rule(
        "dynamodb-deletion-protection",
        (TABLE,),
        ("deletionProtectionEnabled",),
        IS_TRUE,
        title="Tables are protected from deletion",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        public_ids=("DynamoDB.6",),
        remediation="Set deletionProtectionEnabled to true.",
        settings=REQUIRED,
    ),
    stack_rule(
        "dynamodb-backup-plan",
        (TABLE,),
        _in_a_plan,
        title="Every table is in a backup plan",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        public_ids=("DynamoDB.4", "CKV2_AWS_16"),
        reads=(PLAN, SELECTION),
        remediation="Name the table, or a tag that it has, in a selection of a backup plan.",
        settings=REQUIRED,
    ),
    stack_rule(
        "dynamodb-scales",
        (TABLE,),
        _scales,
        title="Tables scale with demand",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        public_ids=("DynamoDB.1",),
        reads=(SCALING,),
        remediation="Set billingMode to PAY_PER_REQUEST, or scale reads and writes automatically.",
    ),
)
