"""Every service the blueprint uses answers byte for byte the same after an orderly restart."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.local.emulator.conftest import Emulator

ANYBODY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
)


def _ask(client: Any, operation: str, **arguments: Any) -> Callable[[], Any]:
    """A question that is asked before and after the restart."""

    def ask() -> Any:
        answer = getattr(client(), operation)(**arguments)
        answer.pop("ResponseMetadata")
        return {key: value.read() if hasattr(value, "read") else value for key, value in answer.items()}

    return ask


def kms(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    def client() -> Any:
        return aws("kms")

    key = client().create_key(Description="data")["KeyMetadata"]["KeyId"]
    client().create_alias(AliasName="alias/data", TargetKeyId=key)
    client().enable_key_rotation(KeyId=key)
    secret = client().encrypt(KeyId=key, Plaintext=b"blood pressure")["CiphertextBlob"]
    return [
        _ask(client, "describe_key", KeyId="alias/data"),
        _ask(client, "get_key_rotation_status", KeyId=key),
        _ask(client, "decrypt", CiphertextBlob=secret),
    ]


def s3(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    def client() -> Any:
        return aws("s3")

    client().create_bucket(Bucket="raw", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client().put_bucket_versioning(Bucket="raw", VersioningConfiguration={"Status": "Enabled"})
    client().put_bucket_policy(Bucket="raw", Policy=json.dumps({"Version": "2012-10-17", "Statement": []}))
    first = client().put_object(Bucket="raw", Key="rows", Body=bytes(range(256)) * 5000)["VersionId"]
    client().put_object(Bucket="raw", Key="rows", Body=b"second", Metadata={"owner": "ward-7"})
    client().delete_object(Bucket="raw", Key="rows")
    upload = client().create_multipart_upload(Bucket="raw", Key="large")["UploadId"]
    body = b"x" * 6_000_000
    part = client().upload_part(Bucket="raw", Key="large", UploadId=upload, PartNumber=1, Body=body)["ETag"]
    client().complete_multipart_upload(
        Bucket="raw",
        Key="large",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]},
    )
    return [
        _ask(client, "list_object_versions", Bucket="raw"),
        _ask(client, "get_object", Bucket="raw", Key="rows", VersionId=first),
        _ask(client, "get_object", Bucket="raw", Key="large"),
        _ask(client, "get_bucket_policy", Bucket="raw"),
        _ask(client, "list_buckets"),
    ]


def dynamodb(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    def client() -> Any:
        return aws("dynamodb")

    client().create_table(
        TableName="predictions",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    client().put_item(
        TableName="predictions", Item={"id": {"S": "p-1"}, "p": {"N": "0.25"}, "b": {"B": b"\0\1"}}
    )
    client().update_item(
        TableName="predictions",
        Key={"id": {"S": "p-1"}},
        UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    client().create_backup(TableName="predictions", BackupName="nightly")
    return [
        _ask(client, "describe_table", TableName="predictions"),
        _ask(client, "get_item", TableName="predictions", Key={"id": {"S": "p-1"}}),
        _ask(client, "list_backups"),
        _ask(lambda: aws("dynamodbstreams"), "list_streams"),
    ]


def iam(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    def client() -> Any:
        return aws("iam")

    client().create_role(RoleName="serving", AssumeRolePolicyDocument=ANYBODY)
    client().put_role_policy(
        RoleName="serving",
        PolicyName="reads",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
            }
        ),
    )
    client().create_open_id_connect_provider(
        Url="https://kubernetes.default.svc.cluster.local",
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=["a" * 40],
    )
    return [
        _ask(client, "get_role", RoleName="serving"),
        _ask(client, "get_role_policy", RoleName="serving", PolicyName="reads"),
        _ask(client, "list_open_id_connect_providers"),
    ]


def sts(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    def client() -> Any:
        return aws("sts")

    client().assume_role(RoleArn="arn:aws:iam::123456789012:role/serving", RoleSessionName="pod")
    return [_ask(client, "get_caller_identity")]


def messaging(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    def queues() -> Any:
        return aws("sqs")

    def topics() -> Any:
        return aws("sns")

    url = queues().create_queue(QueueName="reviews")["QueueUrl"]
    arn = queues().get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = topics().create_topic(Name="alerts")["TopicArn"]
    topics().subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    topics().publish(TopicArn=topic, Message="drift")

    def message() -> Any:
        answer = queues().receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
        return [(entry["MessageId"], entry["Body"]) for entry in answer]

    return [
        _ask(queues, "get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn", "CreatedTimestamp"]),
        _ask(topics, "list_subscriptions"),
        message,
    ]


def observability(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    aws("logs").create_log_group(logGroupName="/plinth")
    aws("logs").put_retention_policy(logGroupName="/plinth", retentionInDays=30)
    aws("cloudwatch").put_metric_alarm(
        AlarmName="errors",
        MetricName="Errors",
        Namespace="Plinth",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Sum",
    )
    aws("cloudwatch").put_dashboard(DashboardName="main", DashboardBody=json.dumps({"widgets": []}))
    aws("events").put_rule(Name="nightly", ScheduleExpression="rate(1 day)")
    return [
        _ask(lambda: aws("logs"), "describe_log_groups"),
        _ask(lambda: aws("cloudwatch"), "describe_alarms"),
        _ask(lambda: aws("cloudwatch"), "get_dashboard", DashboardName="main"),
        _ask(lambda: aws("events"), "list_rules"),
    ]


def secrets(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    aws("secretsmanager").create_secret(Name="database", SecretString="kept")
    aws("ssm").put_parameter(Name="/plinth/size", Value="2", Type="String")
    return [
        _ask(lambda: aws("secretsmanager"), "get_secret_value", SecretId="database"),
        _ask(lambda: aws("ssm"), "get_parameter", Name="/plinth/size"),
    ]


def recovery(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    aws("backup").create_backup_vault(BackupVaultName="vault")
    aws("s3").create_bucket(Bucket="trail", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    aws("cloudtrail").create_trail(Name="all", S3BucketName="trail", IsMultiRegionTrail=True)
    aws("cloudtrail").start_logging(Name="all")
    return [
        _ask(lambda: aws("backup"), "describe_backup_vault", BackupVaultName="vault"),
        _ask(lambda: aws("cloudtrail"), "describe_trails"),
    ]


def identity(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    def client() -> Any:
        return aws("cognito-idp")

    pool = client().create_user_pool(PoolName="callers")["UserPool"]["Id"]
    app = client().create_user_pool_client(
        UserPoolId=pool, ClientName="api", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    client().admin_create_user(UserPoolId=pool, Username="ada")
    client().admin_set_user_password(UserPoolId=pool, Username="ada", Password="Very-l0ng-1!", Permanent=True)  # noqa: S106 - of a made-up user

    def signs_in() -> Any:
        answer = client().admin_initiate_auth(
            UserPoolId=pool,
            ClientId=app,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ada", "PASSWORD": "Very-l0ng-1!"},
        )
        return sorted(answer["AuthenticationResult"])

    return [
        _ask(client, "describe_user_pool", UserPoolId=pool),
        _ask(client, "describe_user_pool_client", UserPoolId=pool, ClientId=app),
        signs_in,
    ]


def network(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    def client() -> Any:
        return aws("ec2")

    vpc = client().create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    client().create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")
    client().create_security_group(GroupName="closed", Description="none", VpcId=vpc)
    client().create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.eu-central-1.s3")
    return [
        _ask(client, "describe_vpcs"),
        _ask(client, "describe_subnets"),
        _ask(client, "describe_security_groups"),
        _ask(client, "describe_vpc_endpoints"),
    ]


def catalogue(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    aws("ecr").create_repository(repositoryName="serving", imageTagMutability="IMMUTABLE")
    aws("glue").create_database(DatabaseInput={"Name": "features"})
    aws("glue").create_table(DatabaseName="features", TableInput={"Name": "vitals"})
    return [
        _ask(lambda: aws("ecr"), "describe_repositories"),
        _ask(lambda: aws("glue"), "get_table", DatabaseName="features", Name="vitals"),
    ]


def others(aws: Callable[[str], Any]) -> list[Callable[[], Any]]:
    """Services of later components, so that a moto upgrade that breaks one is noticed early."""
    role = aws("iam").create_role(RoleName="runs", AssumeRolePolicyDocument=ANYBODY)["Role"]["Arn"]
    aws("wafv2").create_web_acl(
        Name="edge",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig={
            "SampledRequestsEnabled": False,
            "CloudWatchMetricsEnabled": False,
            "MetricName": "m",
        },
    )
    aws("scheduler").create_schedule(
        Name="drift",
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:sqs:eu-central-1:123456789012:q", "RoleArn": role},
    )
    aws("route53").create_hosted_zone(Name="plinth.test", CallerReference="once")
    aws("acm").request_certificate(DomainName="api.plinth.test")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("main.py", "def handler(event, context): return event")
    aws("lambda").create_function(
        FunctionName="rotate",
        Role=role,
        Runtime="python3.12",
        Handler="main.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    return [
        _ask(lambda: aws("wafv2"), "list_web_acls", Scope="REGIONAL"),
        _ask(lambda: aws("scheduler"), "get_schedule", Name="drift"),
        _ask(lambda: aws("route53"), "list_hosted_zones"),
        _ask(lambda: aws("lambda"), "get_function_configuration", FunctionName="rotate"),
    ]


SCENARIOS = [
    kms,
    s3,
    dynamodb,
    iam,
    sts,
    messaging,
    observability,
    secrets,
    recovery,
    identity,
    network,
    catalogue,
    others,
]


@pytest.fixture(scope="module")
def answers(
    tmp_path_factory: pytest.TempPathFactory, make_emulator: Callable[[Path], Emulator]
) -> dict[str, tuple[list[Any], list[Any]]]:
    """What every service answers before and after one restart that they share, for it is the slow part."""
    emulator = make_emulator(tmp_path_factory.mktemp("services"))
    try:
        questions = {scenario.__name__: scenario(emulator.client) for scenario in SCENARIOS}
        before = {name: [ask() for ask in asks] for name, asks in questions.items()}
        emulator.restart()
        after = {name: [ask() for ask in asks] for name, asks in questions.items()}
        before["health"], after["health"] = [], [emulator.health()]
    finally:
        emulator.end()
    return {name: (before[name], after[name]) for name in after}


@pytest.mark.parametrize("scenario", [scenario.__name__ for scenario in SCENARIOS])
def test_a_service_answers_the_same_after_a_restart(
    scenario: str, answers: dict[str, tuple[list[Any], list[Any]]]
) -> None:
    before, after = answers[scenario]
    assert after == before


def test_no_service_is_left_out_of_the_memory(answers: dict[str, tuple[list[Any], list[Any]]]) -> None:
    health = answers["health"][1][0]
    assert health["excluded"] == {}
    assert health["recollection"] == "kept"
    assert {"s3", "kms", "dynamodb", "iam", "cognitoidp"} <= set(health["restored"])
