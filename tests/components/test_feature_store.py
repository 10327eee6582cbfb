from __future__ import annotations

from typing import Any

import pytest
from factories import KEY_ARN, THROW_AWAY, feature_store
from recording import record, statements

from components.grants import policy_document


def allowed(ask: Any) -> dict[str, set[str]]:
    policy = record(lambda: {"policy": policy_document(ask(feature_store()))}).result["policy"]
    found: dict[str, set[str]] = {}
    for statement in statements(policy):
        for action in statement["Action"]:
            found.setdefault(action, set()).update(statement["Resource"])
    return found


def test_every_view_has_a_table_that_feast_finds_by_the_template() -> None:
    result = record(lambda: {"template": feature_store(views=["patient", "ward"]).table_name_template}).result
    tables = record(lambda: feature_store(views=["patient", "ward"])).of("dynamodb/table:Table")
    names = {result["template"].format(table_name=view) for view in ("patient", "ward")}
    assert {table.inputs["name"] for table in tables} == names
    assert {table.inputs["hashKey"] for table in tables} == {"entity_id"}


def test_features_are_under_our_key_and_can_be_restored_to_any_second() -> None:
    table = record(feature_store).one("dynamodb/table:Table").inputs
    assert table["serverSideEncryption"] == {"enabled": True, "kmsKeyArn": KEY_ARN}
    assert table["pointInTimeRecovery"] == {"enabled": True}


def test_features_are_as_sensitive_as_the_records_they_are_made_of() -> None:
    recording = record(feature_store)
    for kind in ("s3/bucket:Bucket", "dynamodb/table:Table"):
        assert recording.one(kind).inputs["tags"]["data-classification"] == "restricted"


def test_serving_reads_the_newest_values_and_never_the_history() -> None:
    assert set(allowed(lambda store: store.grant_serve())) == {
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "kms:Decrypt",
    }


def test_training_reads_the_history_and_writes_nothing() -> None:
    found = allowed(lambda store: store.grant_train())
    assert set(found) == {"s3:GetObject", "kms:Decrypt"}
    assert {arn.rpartition(":")[2].partition("/")[2] for arn in found["s3:GetObject"]} == {
        "history/*",
        "registry/registry.db",
    }


def test_whoever_materialises_can_not_change_what_features_there_are() -> None:
    found = allowed(lambda store: store.grant_materialise())
    assert not [arn for arn in found["s3:PutObject"] if "registry" in arn]


def test_only_who_defines_features_writes_the_registry() -> None:
    found = allowed(lambda store: store.grant_define())
    assert {arn.rpartition("/")[2] for arn in found["s3:PutObject"]} == {"registry.db"}


def test_features_that_can_be_made_again_can_go() -> None:
    recording = record(lambda: feature_store(durability=THROW_AWAY))
    assert not [resource.name for resource in recording.resources if resource.protect or resource.retain]


@pytest.mark.parametrize("views", [[], ["patient", "patient"]])
def test_a_store_of_no_views_or_of_one_twice_is_refused(views: list[str]) -> None:
    with pytest.raises(ValueError, match="at least one is needed"):
        record(lambda: feature_store(views=views))
