from __future__ import annotations

from typing import Any

from factories import ACCOUNT, THROW_AWAY, data_stores
from recording import record, statements

from components.data_stores import BucketRole, TableRole
from components.tags import DataClass


def test_every_role_has_its_bucket_named_by_environment_and_account() -> None:
    recording = record(data_stores)
    names = {resource.inputs["bucket"] for resource in recording.of("bucket:Bucket") if resource.inputs}
    assert {f"plinth-test-{role}-{ACCOUNT}" for role in BucketRole} <= names


def test_records_and_models_are_under_different_keys() -> None:
    recording = record(data_stores)

    def key_of(role: str) -> str:
        (rule,) = recording.one("EncryptionConfiguration", f"{role}-encryption").inputs["rules"]
        return rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"]

    assert key_of("raw") == key_of("curated") == key_of("quarantine")
    assert key_of("raw") != key_of("artifacts")


def test_every_bucket_logs_to_the_log_bucket_but_the_log_bucket_itself() -> None:
    logging = record(data_stores).of("BucketLogging")
    assert {resource.inputs["targetBucket"] for resource in logging} == {f"plinth-test-access-logs-{ACCOUNT}"}
    assert len(logging) == len(BucketRole)


def test_only_s3_may_deliver_logs_and_only_each_buckets_own_to_its_own_folder() -> None:
    recording = record(data_stores)
    policy = statements(recording.one("BucketPolicy", "access-logs-policy").inputs["policy"])
    delivered = {}
    for statement in policy:
        if statement["Effect"] == "Allow":
            assert statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
            assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
            delivered[statement["Condition"]["ArnEquals"]["aws:SourceArn"]] = statement["Resource"]
    logs = f"arn:aws:s3:::plinth-test-access-logs-{ACCOUNT}"
    sources = [f"plinth-test-{role}-{ACCOUNT}" for role in BucketRole]
    assert delivered == {f"arn:aws:s3:::{source}": f"{logs}/{source}/*" for source in sources}


def test_access_logs_end_after_their_time() -> None:
    recording = record(lambda: data_stores(access_log_days=400))
    (rule,) = recording.one("LifecycleConfiguration", "access-logs-lifecycle").inputs["rules"]
    assert rule["expiration"] == {"days": 400}


def test_only_quarantined_records_end_by_themselves() -> None:
    recording = record(lambda: data_stores(quarantine_days=10))
    for role in BucketRole:
        (rule,) = recording.one("LifecycleConfiguration", f"-{role}-lifecycle").inputs["rules"]
        assert rule.get("expiration") == ({"days": 10} if role is BucketRole.QUARANTINE else None)


def test_every_table_is_under_our_key_and_can_be_restored_to_any_moment() -> None:
    recording = record(data_stores)
    tables = [table.inputs for table in recording.of("table:Table") if "hashKey" in table.inputs]
    assert len(tables) == len(TableRole)
    for table in tables:
        assert table["serverSideEncryption"]["enabled"] is True
        assert table["serverSideEncryption"]["kmsKeyArn"].endswith("key/encryption-records")
        assert table["pointInTimeRecovery"] == {"enabled": True}
        assert table["billingMode"] == "PAY_PER_REQUEST"


def test_tables_refuse_deletion_by_default() -> None:
    for table in record(data_stores).of("dynamodb/table:Table"):
        assert table.inputs["deletionProtectionEnabled"] is True
        assert table.protect
        assert table.retain


def test_throw_away_tables_go() -> None:
    for table in record(lambda: data_stores(durability=THROW_AWAY)).of("dynamodb/table:Table"):
        assert table.inputs["deletionProtectionEnabled"] is False
        assert not table.protect
        assert not table.retain


def test_models_are_not_classed_as_personal_data() -> None:
    recording = record(data_stores)
    classes = {
        role: recording.one("s3/bucket:Bucket", f"-{role}-bucket").inputs["tags"]["data-classification"]
        for role in BucketRole
    }
    assert classes[BucketRole.RAW] == DataClass.RESTRICTED
    assert classes[BucketRole.ARTIFACTS] == DataClass.CONFIDENTIAL


def test_all_that_takes_tags_bears_them() -> None:
    required = {"owner", "cost-centre", "environment", "data-classification"}
    recording = record(data_stores)
    for resource in recording.of("s3/bucket:Bucket") + recording.of("dynamodb/table:Table"):
        assert required <= set(resource.inputs["tags"])


def test_outputs_name_stores_by_role() -> None:
    def program() -> Any:
        stores = data_stores()
        return {**stores.bucket_names, **stores.table_names}

    result = record(program).result
    assert result["artifacts"] == f"plinth-test-artifacts-{ACCOUNT}"
    assert result["reviews"] == "plinth-test-reviews"
