"""What holds for every type: refusals, tags, adoption, drift, secrets, half-made resources, records."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from aws_driver import REGION, RefusedError
from aws_examples import KEY_POLICY, TRUST, network, policy, statement

from local.engine.aws import limits, table
from local.engine.aws.connection import AwsError
from local.engine.aws.provider import AwsProvider
from local.engine.aws.recorded import MARK
from local.engine.aws.resource_type import Aws
from local.engine.aws.tagging import MAXIMUM_TAG_VALUE, URN_TAG, urn_tag
from local.engine.protocol import provider_pb2
from local.engine.provider import ProviderError
from local.engine.values import UNKNOWN, Asset, Secret, encode, has_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_driver import Engine

KEY = "aws:kms/key:Key"
ALIAS = "aws:kms/alias:Alias"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
BUCKET = "aws:s3/bucket:Bucket"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
TABLE = "aws:dynamodb/table:Table"
ROLE = "aws:iam/role:Role"
PROFILE = "aws:signer/signingProfile:SigningProfile"
PERMISSION = "aws:signer/signingProfilePermission:SigningProfilePermission"
PROFILE_INPUTS = {
    "namePrefix": "plinth_images_",
    "platformId": "Notation-OCI-SHA384-ECDSA",
    "signatureValidityPeriod": {"type": "MONTHS", "value": 135},
    "tags": {"owner": "ml@example.org"},
}
PERMISSION_INPUTS = {
    "profileName": "plinth_images_1",
    "action": "signer:SignPayload",
    "principal": "arn:aws:iam::210987654321:role/release",
    "statementId": "sign-release",
}
TABLE_INPUTS = {
    "name": "predictions",
    "billingMode": "PAY_PER_REQUEST",
    "hashKey": "id",
    "attributes": [{"name": "id", "type": "S"}],
}


# Where it goes


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        ("", "AWS_ENDPOINT_URL names none"),
        ("https://kms.eu-central-1.amazonaws.com", "which is AWS itself"),
    ],
)
def test_it_never_works_on_aws_itself(monkeypatch: pytest.MonkeyPatch, endpoint: str, text: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_REGION", REGION)
    provider = AwsProvider()
    with pytest.raises(ProviderError, match=text):
        provider.configure({})
    assert [text in failure.reason for failure in provider.check_configuration({})] == [True]


def test_without_a_region_it_says_where_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(ProviderError, match="aws:region"):
        AwsProvider().configure({})


def test_a_person_s_own_profile_decides_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    provider = AwsProvider()
    provider.configure({})
    assert provider.connection.account == "123456789012"
    assert engine


def test_an_emulator_that_does_not_answer_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_REGION", REGION)
    provider = AwsProvider()
    provider.configure({})
    with pytest.raises(ProviderError, match=r"127\.0\.0\.1:1 does not answer.*`make up` starts it"):
        provider.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})


def test_a_type_that_the_sdk_does_not_have_is_refused(engine: Engine) -> None:
    with pytest.raises(RefusedError, match="has no type aws:kms/lock:Lock"):
        engine.check("aws:kms/lock:Lock", "lock", {})


# Names


def test_an_automatic_name_has_seven_digits_and_stays(engine: Engine) -> None:
    engine.up(ROLE, "serve", {"assumeRolePolicy": TRUST})
    name = engine.states["serve"].outputs["name"]
    stem, _, digits = name.rpartition("-")
    assert (stem, len(digits)) == ("serve", 7)
    assert engine.up(ROLE, "serve", {"assumeRolePolicy": TRUST, "description": "x"}) == "updated"
    assert engine.states["serve"].outputs["name"] == name


def test_a_prefix_is_the_beginning_of_the_name(engine: Engine) -> None:
    engine.up(ROLE, "serve", {"assumeRolePolicy": TRUST, "namePrefix": "ml-"})
    assert engine.states["serve"].outputs["name"].startswith("ml-")
    assert engine.up(ROLE, "serve", {"assumeRolePolicy": TRUST, "namePrefix": "ml-"}) == "same"


def test_a_replacement_with_a_given_name_removes_the_old_one_first(engine: Engine) -> None:
    engine.up(TABLE, "predictions", TABLE_INPUTS)
    other = {"hashKey": "key", "attributes": [{"name": "key", "type": "S"}]}
    assert engine.up(TABLE, "predictions", {**TABLE_INPUTS, **other}) == "replaced"
    assert engine.states["predictions"].outputs["hashKey"] == "key"


# Tags


def test_default_tags_are_on_the_resource_and_only_in_all_its_tags(new_engine: Callable[..., Engine]) -> None:
    tagged = new_engine(defaultTags=json.dumps({"tags": {"environment": "local", "owner": "house"}}))
    tagged.up(KEY, "tagged", {"tags": {"owner": "data"}})
    outputs = tagged.states["tagged"].outputs
    assert outputs["tags"] == {"owner": "data"}
    assert outputs["tagsAll"] == {"environment": "local", "owner": "data"}
    identity = tagged.states["tagged"].identity
    listed = tagged.client("kms").list_resource_tags(KeyId=identity)["Tags"]
    assert {tag["TagKey"] for tag in listed} == {"environment", "owner", URN_TAG}
    assert tagged.up(KEY, "tagged", {"tags": {"owner": "data"}}) == "same"


def test_a_changed_tag_takes_the_place_of_the_old_one_in_the_emulators_own_list(engine: Engine) -> None:
    """Moto's DynamoDB keeps both, and whoever takes the first one sees the old value."""
    asked = {"hashKey": "id", "attributes": [{"name": "id", "type": "S"}], "billingMode": "PAY_PER_REQUEST"}
    engine.up(TABLE, "tagged", {**asked, "tags": {"value": "one", "kept": "yes"}})
    assert engine.up(TABLE, "tagged", {**asked, "tags": {"value": "two", "kept": "yes"}}) == "updated"
    dynamodb = engine.client("dynamodb")
    listed = dynamodb.list_tags_of_resource(ResourceArn=engine.states["tagged"].outputs["arn"])["Tags"]
    assert sorted((tag["Key"], tag["Value"]) for tag in listed if tag["Key"] != URN_TAG) == [
        ("kept", "yes"),
        ("value", "two"),
    ]
    assert [tag["Key"] for tag in listed].count(URN_TAG) == 1


def test_a_tag_of_somebody_elses_is_left_until_a_refresh_finds_it(engine: Engine) -> None:
    engine.up(KEY, "tagged", {"tags": {"owner": "data"}})
    kms, identity = engine.client("kms"), engine.states["tagged"].identity
    kms.tag_resource(KeyId=identity, Tags=[{"TagKey": "theirs", "TagValue": "x"}])

    def keys() -> set[str]:
        return {tag["TagKey"] for tag in kms.list_resource_tags(KeyId=identity)["Tags"]}

    assert engine.up(KEY, "tagged", {"tags": {"owner": "ml"}}) == "updated"
    assert keys() == {"owner", "theirs", URN_TAG}
    assert engine.states["tagged"].outputs["tagsAll"] == {"owner": "ml", "theirs": "x"}, "told as it is"
    assert engine.refresh(KEY, "tagged")
    assert engine.up(KEY, "tagged", {"tags": {"owner": "ml"}}) == "updated"
    assert keys() == {"owner", URN_TAG}


def test_other_default_tags_update_a_resource_that_itself_did_not_change(
    new_engine: Callable[..., Engine],
) -> None:
    first = new_engine(defaultTags=json.dumps({"tags": {"environment": "local"}}))
    first.up(KEY, "retagged", {})
    second = new_engine(defaultTags=json.dumps({"tags": {"environment": "dev"}}))
    second.states = first.states
    assert second.up(KEY, "retagged", {}) == "updated"
    assert second.states["retagged"].outputs["tagsAll"] == {"environment": "dev"}
    assert second.up(KEY, "retagged", {}) == "same"


def test_the_urn_fits_into_a_tag_whatever_its_length() -> None:
    long = "urn:pulumi:local::plinth::" + "a:b:C$" * 60 + "aws:kms/key:Key::"
    tags = {urn_tag(f"{long}{name}") for name in ("one", "two")}
    assert len(tags) == 2
    assert all(len(tag) <= MAXIMUM_TAG_VALUE and "$" not in tag for tag in tags)


# A killed update

KINDS = [
    (KEY, {"description": "raw"}),
    (BUCKET, {}),
    (BUCKET, {"bucket": "explicit-name"}),
    (TABLE, TABLE_INPUTS),
    (TABLE, {name: value for name, value in TABLE_INPUTS.items() if name != "name"}),
    (ROLE, {"assumeRolePolicy": TRUST}),
    (ROLE, {"assumeRolePolicy": TRUST, "name": "explicit"}),
    ("aws:iam/policy:Policy", {"policy": policy(statement())}),
    ("aws:sqs/queue:Queue", {}),
    ("aws:sqs/queue:Queue", {"name": "explicit"}),
    ("aws:sns/topic:Topic", {"name": "explicit"}),
    ("aws:cloudwatch/logGroup:LogGroup", {"name": "/explicit"}),
    ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.1.0.0/16"}),
    ("aws:secretsmanager/secret:Secret", {"name": "explicit"}),
]


@pytest.mark.parametrize(("token", "inputs"), KINDS)
def test_what_a_killed_update_left_is_taken_over_by_the_next(
    engine: Engine, new_engine: Callable[..., Engine], token: str, inputs: dict[str, Any]
) -> None:
    engine.up(token, "thing", {**inputs, "tags": {"owner": "old"}})
    left = engine.states["thing"].identity
    after = new_engine()
    after.up(token, "thing", {**inputs, "tags": {"owner": "new"}})
    assert after.states["thing"].identity == left
    assert after.states["thing"].outputs["tags"] == {"owner": "new"}
    assert any("adopted" in line for line in after.said)
    assert after.up(token, "thing", {**inputs, "tags": {"owner": "new"}}) == "same"
    recorded = after.states["thing"].inputs
    assert after.refresh(token, "thing")
    assert after.states["thing"].inputs == recorded, "a look at the world finds no other name than recorded"


def test_what_was_left_and_can_t_become_what_is_wanted_is_named_and_kept(
    engine: Engine, new_engine: Callable[..., Engine]
) -> None:
    engine.up(TABLE, "predictions", TABLE_INPUTS)
    other = {"hashKey": "key", "attributes": [{"name": "key", "type": "S"}]}
    with pytest.raises(grpc.RpcError, match="differs in hashKey, which can't be changed"):
        new_engine().up(TABLE, "predictions", {**TABLE_INPUTS, **other})
    assert engine.client("dynamodb").list_tables()["TableNames"] == ["predictions"]


def test_an_alias_left_by_a_killed_update_is_taken_over_if_it_is_exactly_what_is_wanted(
    engine: Engine, new_engine: Callable[..., Engine]
) -> None:
    engine.up(KEY, "key", {})
    engine.up(KEY, "other", {})
    wanted = {"name": "alias/raw", "targetKeyId": engine.states["key"].outputs["keyId"]}
    engine.up(ALIAS, "raw", wanted)
    after = new_engine()
    other = {**wanted, "targetKeyId": engine.states["other"].outputs["keyId"]}
    with pytest.raises(grpc.RpcError, match="does not belong to this resource"):
        after.up(ALIAS, "raw", other)
    after.up(ALIAS, "raw", wanted)
    assert after.states["raw"].identity == "alias/raw"


def test_what_another_urn_owns_is_never_taken_over(engine: Engine, new_engine: Callable[..., Engine]) -> None:
    engine.up(BUCKET, "mine", {"bucket": "the-bucket"})
    with pytest.raises(grpc.RpcError, match=r"does not belong to this resource.*pulumi import"):
        new_engine().up(BUCKET, "yours", {"bucket": "the-bucket"})
    engine.client("iam").create_role(RoleName="by-hand", AssumeRolePolicyDocument=TRUST)
    with pytest.raises(grpc.RpcError, match="does not belong to this resource"):
        new_engine().up(ROLE, "role", {"name": "by-hand", "assumeRolePolicy": TRUST})


@pytest.mark.parametrize(
    ("token", "inputs"), [(KEY, {}), ("aws:secretsmanager/secret:Secret", {"recoveryWindowInDays": 7})]
)
def test_what_is_about_to_be_destroyed_is_not_taken_over(
    engine: Engine, new_engine: Callable[..., Engine], token: str, inputs: dict[str, Any]
) -> None:
    engine.up(token, "thing", inputs)
    old = engine.states["thing"].identity
    engine.destroy(token, "thing")
    after = new_engine()
    assert after.up(token, "thing", inputs) == "created"
    assert after.states["thing"].identity != old


def test_a_replacement_does_not_take_over_the_resource_that_it_replaces(
    engine: Engine, new_engine: Callable[..., Engine]
) -> None:
    engine.up(KEY, "key", {})
    old = engine.states["key"].identity
    after = new_engine()
    after.states = engine.states
    assert after.up(KEY, "key", {"multiRegion": True}) == "replaced"
    assert after.states["key"].identity != old


# Drift


def test_what_was_changed_behind_our_back_is_found_by_a_refresh_and_put_right(engine: Engine) -> None:
    engine.up(BUCKET, "raw", {})
    bucket = engine.states["raw"].identity
    wanted = {"bucket": bucket, "policy": policy(statement(Principal="*", Effect="Deny"))}
    engine.up(BUCKET_POLICY, "policy", wanted)
    loose = policy(statement(Principal="*"))
    engine.client("s3").put_bucket_policy(Bucket=bucket, Policy=loose)
    assert engine.refresh(BUCKET_POLICY, "policy")
    assert engine.states["policy"].inputs["policy"] == loose
    assert engine.up(BUCKET_POLICY, "policy", wanted) == "updated"
    told = engine.client("s3").get_bucket_policy(Bucket=bucket)["Policy"]
    assert json.loads(told) == json.loads(wanted["policy"])


def test_a_document_written_otherwise_with_the_same_meaning_is_no_change(engine: Engine) -> None:
    engine.up(KEY, "key", {"policy": KEY_POLICY})
    document = json.loads(KEY_POLICY)
    document["Statement"][0]["Action"] = ["kms:*"]
    assert engine.up(KEY, "key", {"policy": json.dumps(document, indent=4)}) == "same"
    document["Statement"][0]["Action"] = ["kms:*", "s3:*"]
    assert engine.up(KEY, "key", {"policy": json.dumps(document)}) == "updated"


def test_a_document_may_be_given_as_an_object(engine: Engine) -> None:
    checked = engine.check(ROLE, "role", {"assumeRolePolicy": json.loads(TRUST)})
    assert json.loads(checked["assumeRolePolicy"]) == json.loads(TRUST)


def test_an_alarm_on_an_expression_is_told_as_it_was_declared(engine: Engine) -> None:
    metric = {"metricName": "SystemErrors", "namespace": "AWS/DynamoDB", "period": 300, "stat": "Sum"}
    queries = [
        {"id": f"m{index}", "returnData": False, "metric": {**metric, "dimensions": {"Operation": operation}}}
        for index, operation in enumerate(("GetItem", "PutItem"))
    ]
    inputs = {
        "name": "errors",
        "comparisonOperator": "GreaterThanThreshold",
        "evaluationPeriods": 1,
        "threshold": 0,
        "metricQueries": [
            *queries,
            {"id": "total", "expression": "SUM(FILL(METRICS(), 0))", "returnData": True},
        ],
    }
    engine.up(ALARM, "errors", inputs)
    assert engine.refresh(ALARM, "errors")
    assert engine.up(ALARM, "errors", inputs) == "same"


def test_what_was_deleted_behind_our_back_is_gone_after_a_refresh(engine: Engine) -> None:
    engine.up(TABLE, "predictions", TABLE_INPUTS)
    engine.client("dynamodb").delete_table(TableName="predictions")
    assert not engine.refresh(TABLE, "predictions")


def test_an_object_that_somebody_overwrote_is_uploaded_again(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("one")
    engine.up(BUCKET, "raw", {"forceDestroy": True})
    bucket = engine.states["raw"].identity
    wanted = {"bucket": bucket, "key": "data.csv", "source": Asset(path=str(file), hash="1")}
    engine.up(OBJECT, "data", wanted)
    assert engine.up(OBJECT, "data", wanted) == "same"
    s3 = engine.client("s3")
    s3.put_object(Bucket=bucket, Key="data.csv", Body=b"forged")
    assert engine.refresh(OBJECT, "data")
    assert engine.up(OBJECT, "data", wanted) == "updated"
    assert s3.get_object(Bucket=bucket, Key="data.csv")["Body"].read() == b"one"
    file.write_text("two")
    assert engine.up(OBJECT, "data", {**wanted, "source": Asset(path=str(file), hash="2")}) == "updated"
    assert s3.get_object(Bucket=bucket, Key="data.csv")["Body"].read() == b"two"


def test_what_the_program_leaves_alone_is_no_change(engine: Engine) -> None:
    engine.up(KEY, "key", {"description": "raw"})
    state = engine.states["key"]
    response = engine.stub.Diff(
        provider_pb2.DiffRequest(
            id=state.identity,
            urn=engine.urn(KEY, "key"),
            old_inputs=encode(state.inputs),
            news=encode({"description": "other"}),
            ignoreChanges=["description"],
        )
    )
    assert response.changes == provider_pb2.DiffResponse.DIFF_NONE


# What must not be lost


def test_a_bucket_of_more_objects_than_a_page_is_emptied_whole(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.engine.aws.s3_objects.BATCH", 3)
    monkeypatch.setattr("local.engine.aws.s3.EMPTYING_ATTEMPTS", 1)
    engine.up(BUCKET, "raw", {"forceDestroy": True})
    bucket, s3 = engine.states["raw"].identity, engine.client("s3")
    for number in range(10):
        s3.put_object(Bucket=bucket, Key=f"{number}", Body=b"one")
    engine.destroy(BUCKET, "raw")
    assert bucket not in {found["Name"] for found in s3.list_buckets()["Buckets"]}


def test_a_bucket_that_holds_objects_is_kept_unless_it_may_be_emptied(engine: Engine) -> None:
    engine.up(BUCKET, "raw", {})
    bucket = engine.states["raw"].identity
    s3 = engine.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for text in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="a", Body=text)
    s3.delete_object(Bucket=bucket, Key="a")
    kept = engine.states["raw"]
    with pytest.raises(grpc.RpcError, match=r"holds objects.*forceDestroy"):
        engine.destroy(BUCKET, "raw")
    engine.states["raw"] = kept
    assert engine.up(BUCKET, "raw", {"forceDestroy": True}) == "updated"
    engine.destroy(BUCKET, "raw")
    assert bucket not in {found["Name"] for found in s3.list_buckets()["Buckets"]}


def test_a_protected_table_is_kept(engine: Engine) -> None:
    engine.up(TABLE, "predictions", {**TABLE_INPUTS, "deletionProtectionEnabled": True})
    kept = engine.states["predictions"]
    with pytest.raises(grpc.RpcError, match="is protected from deletion"):
        engine.destroy(TABLE, "predictions")
    engine.states["predictions"] = kept
    assert engine.up(TABLE, "predictions", TABLE_INPUTS) == "updated"
    engine.destroy(TABLE, "predictions")


def test_a_bucket_deletes_every_version_of_an_object_with_it(engine: Engine) -> None:
    engine.up(BUCKET, "raw", {})
    bucket = engine.states["raw"].identity
    s3 = engine.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    engine.up(OBJECT, "data", {"bucket": bucket, "key": "a", "content": "one"})
    engine.up(OBJECT, "data", {"bucket": bucket, "key": "a", "content": "two"})
    engine.destroy(OBJECT, "data")
    assert "Versions" not in s3.list_object_versions(Bucket=bucket)
    assert "DeleteMarkers" not in s3.list_object_versions(Bucket=bucket)


# Half-way


def test_a_failure_half_way_leaves_a_true_state_that_the_next_update_repairs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Aws.call

    def failing(self: Aws, service: str, operation: str, /, **parameters: Any) -> Any:
        if operation == "enable_key_rotation":
            raise ProviderError("the wire was cut")
        return call(self, service, operation, **parameters)

    wanted = {"description": "raw", "enableKeyRotation": True}
    with monkeypatch.context() as patch:
        patch.setattr(Aws, "call", failing)
        with pytest.raises(grpc.RpcError, match="the wire was cut"):
            engine.up(KEY, "key", wanted)
    state = engine.states["key"]
    assert state.outputs["enableKeyRotation"] is False
    assert engine.up(KEY, "key", wanted) == "updated"
    assert engine.states["key"].identity == state.identity
    assert engine.states["key"].outputs["enableKeyRotation"] is True


def test_an_update_that_fails_half_way_says_what_was_done(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.up(KEY, "key", {"description": "raw"})
    call = Aws.call

    def failing(self: Aws, service: str, operation: str, /, **parameters: Any) -> Any:
        if operation == "disable_key":
            raise ProviderError("the wire was cut")
        return call(self, service, operation, **parameters)

    wanted = {"description": "cooked", "isEnabled": False}
    with monkeypatch.context() as patch:
        patch.setattr(Aws, "call", failing)
        with pytest.raises(grpc.RpcError, match="the wire was cut"):
            engine.up(KEY, "key", wanted)
    assert engine.states["key"].outputs["description"] == "cooked"
    assert engine.states["key"].outputs["isEnabled"] is True
    assert engine.up(KEY, "key", wanted) == "updated"
    assert engine.states["key"].outputs["isEnabled"] is False
    assert (
        engine.client("kms").describe_key(KeyId=engine.states["key"].identity)["KeyMetadata"]["Enabled"]
        is False
    )
    assert engine.up(KEY, "key", wanted) == "same"


def test_what_an_update_left_undone_is_done_by_the_next_though_that_one_wants_something_else(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {**TABLE_INPUTS, "ttl": {"attributeName": "until", "enabled": True}}
    call = Aws.call

    def failing(self: Aws, service: str, operation: str, /, **parameters: Any) -> Any:
        if operation == "update_time_to_live":
            raise ProviderError("the wire was cut")
        return call(self, service, operation, **parameters)

    with monkeypatch.context() as patch:
        patch.setattr(Aws, "call", failing)
        with pytest.raises(grpc.RpcError, match="the wire was cut"):
            engine.up(TABLE, "predictions", asked)
    engine.up(TABLE, "predictions", {**asked, "pointInTimeRecovery": {"enabled": True}})
    name = engine.states["predictions"].identity
    told = engine.client("dynamodb").describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert told["TimeToLiveStatus"] == "ENABLED"


def test_what_an_update_failed_to_take_away_is_taken_away_by_the_next(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = '{"Version": "2012-10-17", "Statement": []}'
    bounded = {"assumeRolePolicy": trust, "permissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    engine.up(ROLE, "serve", bounded)

    def failing(*_: Any, **__: Any) -> Any:
        raise ProviderError("the wire was cut")

    with monkeypatch.context() as patch:
        patch.setattr(Aws, "attempt", failing)
        with pytest.raises(grpc.RpcError, match="the wire was cut"):
            engine.up(ROLE, "serve", {"assumeRolePolicy": trust})
    engine.up(ROLE, "serve", {"assumeRolePolicy": trust})
    role = engine.client("iam").get_role(RoleName=engine.states["serve"].identity)["Role"]
    assert "PermissionsBoundary" not in role


def test_a_bucket_that_could_not_be_tagged_is_not_left_behind(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Aws.call

    def failing(self: Aws, service: str, operation: str, /, **parameters: Any) -> Any:
        if operation == "put_bucket_tagging":
            raise AwsError("refused", "InjectedFault")
        return call(self, service, operation, **parameters)

    before = engine.client("s3").list_buckets()["Buckets"]
    with monkeypatch.context() as patch:
        patch.setattr(Aws, "call", failing)
        with pytest.raises(grpc.RpcError, match="refused"):
            engine.up(BUCKET, "untagged", {})
    assert engine.client("s3").list_buckets()["Buckets"] == before
    assert engine.up(BUCKET, "untagged", {}) == "created"


# Secrets


@pytest.mark.parametrize(
    ("token", "inputs", "property_"),
    [
        ("aws:ssm/parameter:Parameter", {"type": "SecureString", "value": "hunter2"}, "value"),
        ("aws:ssm/parameter:Parameter", {"type": "String", "value": Secret("hunter2")}, "value"),
        (KEY, {"description": Secret("hunter2")}, "description"),
    ],
)
def test_a_planted_secret_is_nowhere_open_in_what_the_engine_keeps(
    engine: Engine, token: str, inputs: dict[str, Any], property_: str
) -> None:
    engine.up(token, "thing", inputs)
    for _ in range(2):
        outputs = engine.states["thing"].outputs
        assert has_secret(outputs[property_])
        assert "hunter2" not in repr(outputs)
        assert engine.refresh(token, "thing")


# Recorded only


def test_what_the_emulator_can_t_do_is_recorded_marked_and_said(engine: Engine) -> None:
    token = "aws:backup/selection:Selection"  # noqa: S105 - a type of the SDK
    inputs = {"name": "stores", "planId": "p", "iamRoleArn": "arn:aws:iam::1:role/r", "resources": ["*"]}
    assert engine.up(token, "stores", inputs) == "created"
    assert engine.states["stores"].outputs[MARK] is True
    assert any("recorded only" in line for line in engine.said)
    assert engine.up(token, "stores", inputs) == "same"
    assert engine.refresh(token, "stores")
    assert engine.up(token, "stores", {**inputs, "resources": ["arn:aws:dynamodb:*"]}) == "replaced"
    engine.destroy(token, "stores")


def test_promised_outputs_of_a_recorded_type_are_derived_in_plain_sight(engine: Engine) -> None:
    engine.up("aws:eks/addon:Addon", "cni", {"clusterName": "main", "addonName": "vpc-cni"})
    outputs = engine.states["cni"].outputs
    assert outputs["arn"] == f"arn:aws:eks:{REGION}:123456789012:addon/cni"
    assert "recorded-only" in outputs["addonVersion"]
    assert outputs["tagsAll"] == {}


def test_a_recorded_signing_profile_has_a_name_of_the_given_beginning_and_keeps_it(engine: Engine) -> None:
    assert engine.up(PROFILE, "images", PROFILE_INPUTS) == "created"
    outputs = engine.states["images"].outputs
    name = outputs["name"]
    assert re.fullmatch(r"plinth_images_[0-9a-f]{16}", name)
    assert engine.states["images"].identity == name
    assert outputs["arn"] == f"arn:aws:signer:{REGION}:123456789012:/signing-profiles/{name}"
    assert outputs["versionArn"] == f"{outputs['arn']}/recorded-only"
    assert outputs["tagsAll"] == PROFILE_INPUTS["tags"]
    assert engine.up(PROFILE, "images", PROFILE_INPUTS) == "same"
    assert engine.refresh(PROFILE, "images")
    assert engine.up(PROFILE, "images", {**PROFILE_INPUTS, "tags": {"owner": "other"}}) == "updated"
    assert engine.states["images"].outputs["name"] == name


@pytest.mark.parametrize(
    "changed",
    [
        {"namePrefix": "plinth_others_"},
        {"platformId": "AWSLambda-SHA384-ECDSA"},
        {"signatureValidityPeriod": {"type": "MONTHS", "value": 12}},
        {"signingParameters": {"one": "1"}},
        {"signingMaterial": {"certificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/c"}},
    ],
)
def test_whatever_else_of_a_signing_profile_changes_it_takes_another_of_another_name(
    engine: Engine, changed: dict[str, Any]
) -> None:
    engine.up(PROFILE, "images", PROFILE_INPUTS)
    before = engine.states["images"].outputs["name"]
    assert engine.up(PROFILE, "images", {**PROFILE_INPUTS, **changed}) == "replaced"
    assert engine.states["images"].outputs["name"] != before


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("profileName", "plinth_images_2"),
        ("action", "signer:GetSigningProfile"),
        ("principal", "arn:aws:iam::210987654321:role/other"),
        ("statementId", "sign-other"),
    ],
)
def test_whatever_of_a_signers_permission_changes_it_takes_another(
    engine: Engine, changed: str, value: str
) -> None:
    assert engine.up(PERMISSION, "signer", PERMISSION_INPUTS) == "created"
    assert engine.up(PERMISSION, "signer", PERMISSION_INPUTS) == "same"
    assert engine.up(PERMISSION, "signer", {**PERMISSION_INPUTS, changed: value}) == "replaced"


def test_what_eks_adds_to_the_network_it_is_given_is_told_beside_what_was_asked(engine: Engine) -> None:
    made = network(engine)
    asked = {"subnetIds": [made["subnet"], made["other_subnet"]], "endpointPrivateAccess": True}
    inputs = {"roleArn": made["role_arn"], "vpcConfig": asked}
    engine.up("aws:eks/cluster:Cluster", "cluster", inputs)
    for _ in range(2):
        told = engine.states["cluster"].outputs["vpcConfig"]
        assert told["clusterSecurityGroupId"].startswith("sg-")
        assert told["vpcId"] == made["vpc"]
        assert asked.items() <= told.items()
        assert engine.refresh("aws:eks/cluster:Cluster", "cluster")
    assert engine.up("aws:eks/cluster:Cluster", "cluster", inputs) == "same"
    assert engine.preview("aws:eks/cluster:Cluster", "cluster", inputs)["vpcConfig"] == {
        **asked,
        "vpcId": UNKNOWN,
        "clusterSecurityGroupId": UNKNOWN,
    }


@pytest.mark.parametrize(
    ("token", "inputs", "text"),
    [
        ("aws:eks/addon:Addon", {"clusterName": "main"}, "addonName"),
        (PROFILE, {"platformId": "Notation-OCI-SHA384-ECDSA"}, "profileName"),
        (PROFILE, {**PROFILE_INPUTS, "signatureValidityPeriod": {"type": "MONTHS", "value": "x"}}, "value"),
        (PROFILE, {"name": "plinth_images"}, "platformId"),
        (PERMISSION, {**PERMISSION_INPUTS, "principal": None}, "principal"),
        (
            "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
            {"backupVaultName": "v", "minRetentionDays": "seven"},
            "MinRetentionDays",
        ),
        ("aws:backup/selection:Selection", {"planId": "p", "name": "x", "wrong": 1}, "wrong"),
    ],
)
def test_a_recorded_type_is_held_to_the_api_s_own_parameters(
    engine: Engine, token: str, inputs: dict[str, Any], text: str
) -> None:
    with pytest.raises(RefusedError, match=text):
        engine.check(token, "thing", inputs)


def test_an_input_without_effect_is_said_to_be_only_recorded(engine: Engine) -> None:
    engine.up(BUCKET, "raw", {"accelerationStatus": "Enabled"})
    assert any("recorded only: accelerationStatus" in line for line in engine.said)
    assert engine.states["raw"].outputs["accelerationStatus"] == "Enabled"
    assert engine.up(BUCKET, "raw", {"accelerationStatus": "Enabled"}) == "same"


def test_every_limit_is_about_a_type_that_is_realised() -> None:
    assert {limit["type"] for limit in limits.not_honoured()} <= set(table.every())


# Functions


@pytest.mark.parametrize(
    ("token", "arguments", "expected"),
    [
        ("aws:index/getCallerIdentity:getCallerIdentity", {}, {"accountId": "123456789012"}),
        ("aws:index/getPartition:getPartition", {}, {"partition": "aws", "dnsSuffix": "amazonaws.com"}),
        ("aws:index/getRegion:getRegion", {}, {"region": REGION, "name": REGION}),
        (
            "aws:index/getAvailabilityZones:getAvailabilityZones",
            {"state": "available"},
            {"names": [f"{REGION}{letter}" for letter in "abc"]},
        ),
    ],
)
def test_a_function_answers(
    engine: Engine, token: str, arguments: dict[str, Any], expected: dict[str, Any]
) -> None:
    answer = engine.provider.invoke(token, arguments)
    assert {name: answer[name] for name in expected} == expected


def test_a_policy_document_is_written_as_the_official_provider_writes_it(engine: Engine) -> None:
    answer = engine.provider.invoke(
        "aws:iam/getPolicyDocument:getPolicyDocument",
        {
            "statements": [
                {
                    "sid": "Trust",
                    "actions": ["sts:AssumeRoleWithWebIdentity"],
                    "principals": [{"type": "Federated", "identifiers": ["arn:aws:iam::1:oidc-provider/i"]}],
                    "conditions": [{"test": "StringEquals", "variable": "i:sub", "values": ["system:a"]}],
                },
                {"effect": "Deny", "actions": ["a:B", "a:C"], "resources": ["*"]},
            ]
        },
    )
    assert json.loads(answer["json"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Trust",
                "Effect": "Allow",
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/i"},
                "Condition": {"StringEquals": {"i:sub": "system:a"}},
            },
            {"Effect": "Deny", "Action": ["a:C", "a:B"], "Resource": "*"},
        ],
    }


def test_a_function_that_is_not_there_is_named(engine: Engine) -> None:
    with pytest.raises(ProviderError, match="getMoon"):
        engine.provider.invoke("aws:index/getMoon:getMoon", {})
