from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.local.emulator.conftest import Emulator


def _deny(bucket: str, **more: Any) -> str:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **more}]})


def _bucket(emulator: Emulator, name: str) -> Any:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return s3


def test_a_policy_that_denies_plain_http_does_not_deny_everything(emulator: Emulator) -> None:
    s3 = _bucket(emulator, "conditional")
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    s3.put_bucket_policy(Bucket="conditional", Policy=_deny("conditional", Condition=condition))
    s3.put_object(Bucket="conditional", Key="k", Body=b"v")
    assert s3.get_object(Bucket="conditional", Key="k")["Body"].read() == b"v"
    assert "SecureTransport" in s3.get_bucket_policy(Bucket="conditional")["Policy"]


def test_a_policy_that_denies_without_a_condition_denies(emulator: Emulator) -> None:
    s3 = _bucket(emulator, "unconditional")
    s3.put_bucket_policy(Bucket="unconditional", Policy=_deny("unconditional"))
    with pytest.raises(ClientError, match="403"):
        s3.put_object(Bucket="unconditional", Key="k", Body=b"v")
