from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from local.errors import LocalError
from local.rehearsal.inventory import inventory, retained
from local.tagged import refuse_strays, retained_arns, tagged, without_dying

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "eu-central-1"
TAGS = [{"Key": "project", "Value": "plinth"}, {"Key": "environment", "Value": "prod"}]


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def test_what_is_made_shows_under_the_engines_own_names() -> None:
    before = inventory(client)
    client("s3").create_bucket(Bucket="raw", CreateBucketConfiguration={"LocationConstraint": REGION})
    client("iam").create_role(RoleName="serve", AssumeRolePolicyDocument=json.dumps({"Statement": []}))
    client("sqs").create_queue(QueueName="cases")
    made = inventory(client) - before
    assert {"aws:s3/bucket:Bucket raw", "aws:iam/role:Role serve"} <= made
    assert len(made) == 3


def test_a_key_whose_deletion_is_ordered_is_no_longer_counted() -> None:
    kms = client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert f"aws:kms/key:Key {key}" in inventory(client)
    kms.schedule_key_deletion(KeyId=key)
    assert f"aws:kms/key:Key {key}" not in inventory(client)


def test_a_databases_own_password_is_no_resource_beside_it() -> None:
    secrets = client("secretsmanager")
    secrets.create_secret(Name="rds!db-1", SecretString="made by the database service")
    own = secrets.create_secret(Name="token", SecretString="made by the program")["ARN"]
    found = {name for name in inventory(client) if "secret:Secret" in name}
    assert found == {f"aws:secretsmanager/secret:Secret {own}"}


def test_only_what_stands_on_its_own_and_is_retained_is_expected_to_stay() -> None:
    resources = [
        {"type": "aws:s3/bucket:Bucket", "id": "raw", "retainOnDelete": True},
        {"type": "aws:s3/bucketPolicy:BucketPolicy", "id": "raw", "retainOnDelete": True},
        {"type": "aws:iam/role:Role", "id": "serve"},
    ]
    assert retained(resources) == {"aws:s3/bucket:Bucket raw"}


def test_what_is_left_with_an_environments_tags_is_refused_unless_it_is_retained() -> None:
    s3 = client("s3")
    for name in ("kept", "stray"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": TAGS})
    s3.create_bucket(Bucket="others", CreateBucketConfiguration={"LocationConstraint": REGION})
    left = tagged(client("resourcegroupstaggingapi"), "plinth", "prod")
    assert left == {"arn:aws:s3:::kept", "arn:aws:s3:::stray"}
    kept = retained_arns([{"retainOnDelete": True, "outputs": {"arn": "arn:aws:s3:::kept"}}])
    with pytest.raises(LocalError, match="arn:aws:s3:::stray") as refusal:
        refuse_strays(left, kept, "prod")
    assert "arn:aws:s3:::kept" not in str(refusal.value)
    refuse_strays(left - {"arn:aws:s3:::stray"}, kept, "prod")


def test_a_signing_profile_that_was_cancelled_is_no_leftover() -> None:
    signer = client("signer")
    tags = {tag["Key"]: tag["Value"] for tag in TAGS}
    gone, kept = (
        signer.put_signing_profile(profileName=name, platformId="Notation-OCI-SHA384-ECDSA", tags=tags)["arn"]
        for name in ("plinth_1", "plinth_2")
    )
    signer.cancel_signing_profile(profileName="plinth_1")
    assert without_dying({gone, kept, "arn:aws:s3:::raw"}, client) == {kept, "arn:aws:s3:::raw"}


def test_a_deleted_nat_gateway_is_no_stray_and_one_that_is_there_stays_one() -> None:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.8.1.0/24")["Subnet"]["SubnetId"]
    tags = [{"ResourceType": "natgateway", "Tags": TAGS}]
    gone, there = (
        ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private", TagSpecifications=tags)[
            "NatGateway"
        ]["NatGatewayId"]
        for _ in range(2)
    )
    ec2.delete_nat_gateway(NatGatewayId=gone)
    found = tagged(client("resourcegroupstaggingapi"), "plinth", "prod")
    left = {arn.rpartition("/")[2] for arn in without_dying({*found, "arn:aws:s3:::raw"}, client)}
    assert left == {there, "arn:aws:s3:::raw"}


def test_an_automated_backup_stays_with_its_database_and_one_taken_by_hand_is_a_stray() -> None:
    database = "arn:aws:rds:eu-central-1:123456789012:db:plinth-prod-registry"
    snapshot = "arn:aws:rds:eu-central-1:123456789012:snapshot:"
    automated = f"{snapshot}rds:plinth-prod-registry-2026-11-23-00-29"
    refuse_strays({database, automated}, {database}, "prod")
    with pytest.raises(LocalError, match=automated):
        refuse_strays({automated}, set(), "prod")
    with pytest.raises(LocalError, match=f"{snapshot}by-hand"):
        refuse_strays({database, f"{snapshot}by-hand"}, {database}, "prod")
