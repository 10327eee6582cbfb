"""The encrypted stores as AWS's own calls describe them, not as our state claims."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from local.instance import CHECKOUT

if TYPE_CHECKING:
    from local.environment import Environment
    from tests.environment.conftest import Aws

pytestmark = pytest.mark.environment


def _buckets(aws: Aws) -> list[str]:
    return [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]]


def test_every_bucket_is_encrypted_private_and_versioned(aws: Aws) -> None:
    s3 = aws.client("s3")
    names = _buckets(aws)
    assert len(names) >= 4
    for name in names:
        rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] in {"aws:kms", "AES256"}
        block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        assert all(block.values())
        assert len(block) == 4
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"


def test_the_data_buckets_are_encrypted_with_our_own_rotating_keys(aws: Aws, outputs: dict[str, Any]) -> None:
    s3, kms = aws.client("s3"), aws.client("kms")
    for name in (outputs["raw_bucket"], outputs["artifact_bucket"]):
        rule = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
        key = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyManager"] == "CUSTOMER"
        assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]


def test_every_bucket_refuses_plain_http_by_policy(aws: Aws) -> None:
    s3 = aws.client("s3")
    for name in _buckets(aws):
        policy = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
        assert any(
            statement["Effect"] == "Deny"
            and statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") in {"false", False}
            for statement in policy["Statement"]
        ), name


def test_the_raw_bucket_holds_the_data_set_byte_for_byte(aws: Aws, outputs: dict[str, Any]) -> None:
    body = (
        aws.client("s3").get_object(Bucket=outputs["raw_bucket"], Key=outputs["dataset_key"])["Body"].read()
    )
    assert body == (CHECKOUT / "data" / "support2.csv.gz").read_bytes()


def test_what_is_served_is_what_was_trained(
    aws: Aws, outputs: dict[str, Any], environment: Environment
) -> None:
    release = environment.release.read()
    assert release is not None
    folder = f"models/{release.model}/{release.version}"
    s3, bucket = aws.client("s3"), outputs["artifact_bucket"]
    artifact = s3.get_object(Bucket=bucket, Key=f"{folder}/model.onnx")
    assert hashlib.sha256(artifact["Body"].read()).hexdigest() == release.artifact_sha256
    assert artifact["ServerSideEncryption"] == "aws:kms"
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=f"{folder}/manifest.json")["Body"].read())
    assert manifest["artifact"]["sha256"] == release.artifact_sha256


def test_every_role_of_a_workload_trusts_one_service_account_only(aws: Aws) -> None:
    roles = [
        role
        for role in aws.client("iam").list_roles()["Roles"]
        if "AssumeRoleWithWebIdentity" in json.dumps(role["AssumeRolePolicyDocument"])
    ]
    assert len(roles) >= 2
    for role in roles:
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            conditions = statement["Condition"]["StringEquals"]
            subjects = [value for name, value in conditions.items() if name.endswith(":sub")]
            audiences = [value for name, value in conditions.items() if name.endswith(":aud")]
            assert len(subjects) == 1
            assert "*" not in str(subjects[0])
            assert audiences == ["sts.amazonaws.com"]
