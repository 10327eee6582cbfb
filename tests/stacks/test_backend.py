from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from stacks import backend
from stacks.backend import Backend, make
from stacks.errors import ConfigError
from stacks.settings import load_file

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = "dev"
SETTINGS = load_file(STACK)
BUCKET = f"plinth-dev-state-{SETTINGS.account_id}"
ALIAS = "alias/plinth-dev-state"


@pytest.fixture(scope="module")
def account() -> Iterator[tuple[boto3.Session, Backend, Backend]]:
    """The account after the command was run twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_ACCOUNT_ID", SETTINGS.account_id)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        with mock_aws():
            session = boto3.Session("test", "test", region_name=SETTINGS.region)
            yield session, make(STACK, session), make(STACK, session)


@pytest.fixture(scope="module")
def s3(account: tuple[boto3.Session, Backend, Backend]) -> Any:
    return account[0].client("s3")


def test_a_second_run_changes_nothing_and_says_the_same(
    account: tuple[boto3.Session, Backend, Backend],
) -> None:
    session, first, second = account
    assert first == second
    kms = session.client("kms")
    assert len([alias for alias in kms.list_aliases()["Aliases"] if alias["AliasName"] == ALIAS]) == 1
    assert len(kms.list_keys()["Keys"]) == 1


def test_the_engine_is_told_bucket_and_key(account: tuple[boto3.Session, Backend, Backend]) -> None:
    assert account[1].state_url == f"s3://{BUCKET}?region=eu-central-1&awssdk=v2"
    assert account[1].secrets_provider == f"awskms:///{ALIAS}?region=eu-central-1&awssdk=v2"


def test_every_state_is_kept_and_locked_for_a_time(s3: Any) -> None:
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    lock = s3.get_object_lock_configuration(Bucket=BUCKET)["ObjectLockConfiguration"]
    retention = lock["Rule"]["DefaultRetention"]
    assert (retention["Mode"], retention["Days"]) == ("GOVERNANCE", 30)
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 365


def test_states_are_encrypted_under_our_key_which_rotates(
    s3: Any, account: tuple[boto3.Session, Backend, Backend]
) -> None:
    kms = account[0].client("kms")
    key = kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["Arn"]
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True


def test_nothing_of_it_can_be_public_or_come_by_plain_http(s3: Any) -> None:
    block = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert all(block.values())
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert {statement["Sid"] for statement in policy["Statement"]} == {"RefusePlainHttp", "RefuseOldTls"}


SERVICES = ["autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com"]


def service_linked(session: boto3.Session) -> list[str]:
    """For which services roles of their own are there; a second role for one would be there twice."""
    roles = session.client("iam").list_roles(PathPrefix="/aws-service-role/")["Roles"]
    return sorted(role["Path"].split("/")[2] for role in roles)


def test_the_roles_that_nodes_and_load_balancers_need_are_there(
    account: tuple[boto3.Session, Backend, Backend],
) -> None:
    assert service_linked(account[0]) == SERVICES


def test_without_a_cluster_no_such_role_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = SETTINGS.model_copy(update={"cluster": None, "accounts": ["000000000009"]})
    monkeypatch.setattr(backend, "load_file", lambda _stack: elsewhere)
    monkeypatch.setenv("MOTO_ACCOUNT_ID", elsewhere.account_id)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        session = boto3.Session("test", "test", region_name=SETTINGS.region)
        make(STACK, session)
        assert service_linked(session) == []


def test_it_says_whose_it_is(s3: Any) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]}
    assert tags["environment"] == STACK
    assert tags["data-classification"] == "restricted"


def test_credentials_of_another_account_are_refused_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999999999999")
    with mock_aws():
        session = boto3.Session("test", "test", region_name=SETTINGS.region)
        with pytest.raises(ConfigError, match="are of the account 999999999999"):
            make(STACK, session)
        assert session.client("s3").list_buckets()["Buckets"] == []


def test_what_aws_refuses_is_said_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ConfigError, match="Log in with a role that may"):
        make(STACK, boto3.Session())


def test_the_command_prints_what_to_type_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(backend, "make", lambda stack: Backend(f"s3://{stack}", "awskms:///k"))
    assert backend.main(["dev"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "pulumi login 's3://dev'",
        "pulumi stack init dev --secrets-provider 'awskms:///k'",
    ]
    assert backend.main([]) == 2
