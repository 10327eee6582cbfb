from __future__ import annotations

from typing import Any

import pytest
from factories import KEY_ARN, THROW_AWAY, bucket
from iam import Request, allowed
from recording import record, statements

from components.grants import policy_document

FOUR_FLAGS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
EVERYTHING = ["arn:aws:s3:::plinth-test-raw", "arn:aws:s3:::plinth-test-raw/*"]


def policy(**overrides: Any) -> dict[str, dict]:
    recording = record(lambda: bucket(**overrides))
    return {s["Sid"]: s for s in statements(recording.one("BucketPolicy").inputs["policy"])}


def test_nothing_public_is_possible() -> None:
    block = record(bucket).one("BucketPublicAccessBlock").inputs
    assert all(block[flag] is True for flag in FOUR_FLAGS)


def test_access_lists_are_off() -> None:
    assert record(bucket).one("OwnershipControls").inputs["rule"] == {
        "objectOwnership": "BucketOwnerEnforced"
    }


def test_objects_are_encrypted_under_our_key_by_way_of_a_bucket_key() -> None:
    (rule,) = record(bucket).one("EncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {
        "sseAlgorithm": "aws:kms",
        "kmsMasterKeyId": KEY_ARN,
    }
    assert rule["bucketKeyEnabled"] is True


def test_a_target_of_access_logs_is_encrypted_by_s3_as_delivery_needs_it() -> None:
    (rule,) = record(lambda: bucket(key=None)).one("EncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}


def test_overwritten_objects_can_be_had_back() -> None:
    versioning = record(bucket).one("BucketVersioning").inputs
    assert versioning["versioningConfiguration"] == {"status": "Enabled"}


def test_a_bucket_refuses_plain_http() -> None:
    refusal = policy()["RefusePlainHttp"]
    assert (refusal["Effect"], refusal["Principal"], refusal["Action"]) == ("Deny", {"AWS": "*"}, "s3:*")
    assert refusal["Resource"] == EVERYTHING
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_bucket_refuses_old_tls() -> None:
    refusal = policy()["RefuseOldTls"]
    assert refusal["Effect"] == "Deny"
    assert refusal["Condition"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}


SECURE = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
ENCRYPTION = "s3:x-amz-server-side-encryption"


def takes(**headers: str) -> bool:
    """Whether a bucket lets somebody write who may; keywords are the ends of the encryption headers."""
    may = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": EVERYTHING[1]}
    sent = {ENCRYPTION + end.replace("_", "-"): value for end, value in headers.items()}
    request = Request("s3:PutObject", "arn:aws:s3:::plinth-test-raw/a", {**SECURE, **sent})
    return allowed([may, *policy().values()], request)


def test_a_bucket_takes_what_its_own_encryption_is_left_to() -> None:
    assert takes()


@pytest.mark.parametrize("algorithm", ["aws:kms", "aws:kms:dsse"])
def test_a_bucket_takes_objects_under_our_key(algorithm: str) -> None:
    assert takes(**{"": algorithm, "_aws_kms_key_id": KEY_ARN})


@pytest.mark.parametrize(
    "headers",
    [
        {"": "aws:kms", "_aws_kms_key_id": f"{KEY_ARN}x"},
        {"": "aws:kms"},  # AWS's own key for S3
        {"": "AES256"},
        {"": ""},
        {"_customer_algorithm": "AES256"},
    ],
)
def test_a_bucket_refuses_objects_under_another_key(headers: dict[str, str]) -> None:
    assert not takes(**headers)


def test_a_bucket_policy_allows_nobody_anything() -> None:
    assert {statement["Effect"] for statement in policy().values()} == {"Deny"}


def test_old_versions_and_unfinished_uploads_end() -> None:
    (rule,) = record(lambda: bucket(noncurrent_days=30)).one("LifecycleConfiguration").inputs["rules"]
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
    assert "expiration" not in rule


def test_objects_end_only_where_that_is_asked_for() -> None:
    (rule,) = record(lambda: bucket(expire_days=400)).one("LifecycleConfiguration").inputs["rules"]
    assert rule["expiration"] == {"days": 400}


@pytest.mark.parametrize("days", [{"noncurrent_days": 0}, {"expire_days": 0}])
def test_a_lifecycle_that_keeps_nothing_is_refused(days: Any) -> None:
    with pytest.raises(ValueError, match="both are at least 1"):
        record(lambda: bucket(**days))


def test_who_did_what_is_logged_in_a_folder_of_the_bucket() -> None:
    logging = record(bucket).one("BucketLogging").inputs
    assert (logging["targetBucket"], logging["targetPrefix"]) == ("plinth-test-logs", "plinth-test-raw/")


def test_a_bucket_is_protected_and_retained_with_all_that_secures_it() -> None:
    recording = record(bucket)
    assert recording.one("bucket:Bucket").protect
    custom = [resource for resource in recording.resources if resource.type.startswith("aws:")]
    assert len(custom) == 8
    assert all(resource.retain for resource in custom)
    assert recording.one("bucket:Bucket").inputs["forceDestroy"] is False


def test_a_throw_away_bucket_is_emptied_when_it_goes() -> None:
    resource = record(lambda: bucket(durability=THROW_AWAY)).one("bucket:Bucket")
    assert resource.inputs["forceDestroy"] is True
    assert not resource.protect
    assert not resource.retain


def test_whoever_uses_the_name_waits_until_the_bucket_is_secured() -> None:
    def program() -> Any:
        raw = bucket()
        return {"dependencies": raw.bucket_name.resources()}

    names = {resource._name for resource in record(lambda: dict(program())).result["dependencies"]}
    assert {"raw-encryption", "raw-policy", "raw-public-access", "raw-versioning"} <= names


def grants(ask: Any) -> list[dict]:
    return statements(record(lambda: {"policy": policy_document([ask(bucket())])}).result["policy"])


def test_a_reader_gets_the_path_it_asked_for_and_the_key_for_this_bucket_only() -> None:
    objects, key = grants(lambda store: store.grant_read("read", "models/*"))
    assert objects["Action"] == ["s3:GetObject"]
    assert objects["Resource"] == ["arn:aws:s3:::plinth-test-raw/models/*"]
    assert key["Action"] == ["kms:Decrypt"]
    assert key["Resource"] == [KEY_ARN]
    assert key["Condition"]["StringEquals"] == {
        "kms:ViaService": "s3.eu-central-1.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::plinth-test-raw",
    }


def test_a_writer_can_neither_read_nor_delete() -> None:
    objects, key = grants(lambda store: store.grant_write("write", "models/*"))
    assert objects["Action"] == ["s3:PutObject"]
    assert key["Action"] == ["kms:GenerateDataKey"]


def test_whoever_writes_in_parts_has_to_ask_for_the_key_that_joins_them() -> None:
    objects, key = grants(lambda store: store.grant_write_parts("write", "models/*"))
    assert objects["Action"] == ["s3:AbortMultipartUpload", "s3:PutObject"]
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


def test_a_bucket_without_a_data_class_is_refused() -> None:
    with pytest.raises(ValueError, match="has the data class None"):
        record(lambda: bucket(tags={"owner": "somebody"}))


def test_a_grant_on_a_bucket_without_our_key_names_no_key() -> None:
    def program() -> Any:
        logs = bucket(key=None)
        return {"policy": policy_document([logs.grant_read("read", "a/*")])}

    assert len(statements(record(program).result["policy"])) == 1
