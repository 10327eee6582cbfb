from __future__ import annotations

import datetime as dt

import botocore.session
import pytest

from local.engine.aws.wire import camel, from_aws, to_aws


@pytest.mark.parametrize(
    ("api", "own"),
    [
        ("KMSMasterKeyID", "kmsMasterKeyId"),
        ("SSEAlgorithm", "sseAlgorithm"),
        ("BucketKeyEnabled", "bucketKeyEnabled"),
        ("ARN", "arn"),
        ("kubernetesNetworkConfig", "kubernetesNetworkConfig"),
        ("VpcId", "vpcId"),
    ],
)
def test_names_of_the_api_become_names_of_the_sdk(api: str, own: str) -> None:
    assert camel(api) == own


def test_an_answer_is_told_with_the_sdk_s_names_and_plain_times() -> None:
    answer = {
        "Name": "a",
        "Gone": None,
        "At": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        "Rules": [{"ID": "x"}],
        "ResponseMetadata": {},
    }
    assert from_aws(answer, {"Name": "ruleName"}) == {
        "ruleName": "a",
        "at": "2026-01-02T03:04:05Z",
        "rules": [{"id": "x"}],
    }


def _shape(service: str, operation: str) -> object:
    model = botocore.session.Session().get_service_model(service)
    return model.operation_model(operation).input_shape


def test_properties_become_parameters_whatever_their_case() -> None:
    shape = _shape("s3", "PutBucketEncryption").members["ServerSideEncryptionConfiguration"]  # type: ignore[attr-defined]  # botocore's shapes
    given = {
        "rules": [{"applyServerSideEncryptionByDefault": {"kmsMasterKeyId": "k"}, "bucketKeyEnabled": "true"}]
    }
    assert to_aws(given, shape) == {
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"KMSMasterKeyID": "k"}, "BucketKeyEnabled": True}]
    }


def test_a_property_that_the_api_does_not_have_is_named() -> None:
    with pytest.raises(ValueError, match="colour is not a member of CreateKeyRequest"):
        to_aws({"colour": "red"}, _shape("kms", "CreateKey"))  # type: ignore[arg-type]  # botocore's shapes
