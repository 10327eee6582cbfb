"""Where an environment's state and secrets live on AWS: made once, by one command that can be run again.

`python -m stacks.backend STACK` makes, in the account and Region that the stack's config names, a key, a
bucket for the state, and the service-linked roles that nodes and load balancers need; then it says how to log
in to it.
What is there already is brought to what is wanted, never replaced.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from components.bucket_policy import MINIMUM_TLS
from components.encryption import key_policy
from components.tags import DataClass, Tags
from stacks.account import require_account
from stacks.errors import ConfigError
from stacks.settings import load_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stacks.schema import Settings

COMPONENT = "backend"
HISTORY_DAYS = 365
"""How long earlier states are kept: as far back as a stack can be brought."""

LOCK_DAYS = 30
"""How long no version of a state can be deleted, but by whoever may lift governance."""

SERVICES_OF_CLUSTERS = ("autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com")
"""Services whose roles in the account have to be there before a cluster, or its controllers, need them."""

SUFFIX = "_"
"""What parts an additional role of a service, under a name of somebody's own, from the one that AWS names."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Backend:
    """What `pulumi login` and `pulumi stack init` have to be told.

    Attributes:
        state_url: of the state.
        secrets_provider: of the stack's secrets.
    """

    state_url: str
    secrets_provider: str


class Maker:
    """Makes the backend of one environment, or brings it to what is wanted."""

    def __init__(self, settings: Settings, session: boto3.Session) -> None:
        self._settings = settings
        self._session = session
        self._tags = Tags(settings.tags.owner, settings.tags.cost_centre, settings.environment)
        # The typed clients take no arguments that were put together before.
        self._s3: Any = session.client("s3", region_name=settings.region)
        self._kms: Any = session.client("kms", region_name=settings.region)
        self._iam = session.client("iam", region_name=settings.region)
        self.bucket = f"{self._tags.prefix}-state-{settings.account_id}"
        self.alias = f"alias/{self._tags.prefix}-state"

    def make(self) -> Backend:
        """Do it all.

        Raises:
            ConfigError: the credentials are of another account, or AWS refuses something.
        """
        require_account(
            self._settings,
            self._session,
            f"The backend of {self._settings.environment}",
            "state and secrets would lie in the wrong one",
        )
        key = self._key()
        self._store(key)
        self._lend_roles()
        region = self._settings.region
        return Backend(
            state_url=f"s3://{self.bucket}?region={region}&awssdk=v2",
            secrets_provider=f"awskms:///{self.alias}?region={region}&awssdk=v2",
        )

    def _labels(self) -> dict[str, str]:
        return {**self._tags.aws(COMPONENT, DataClass.RESTRICTED), "managed-by": "stacks.backend"}

    def _key(self) -> str:
        """ARN of the key behind the alias, made if there is none."""
        policy = json.dumps({"Version": "2012-10-17", "Statement": key_policy(self._settings.account_id)})
        found = _unless(lambda: self._kms.describe_key(KeyId=self.alias), "NotFoundException")
        if found is None:
            tags = [{"TagKey": name, "TagValue": value} for name, value in self._labels().items()]
            made = self._kms.create_key(
                Description=f"{self._tags.prefix}: Pulumi's state and secrets", Policy=policy, Tags=tags
            )
            self._kms.create_alias(AliasName=self.alias, TargetKeyId=made["KeyMetadata"]["KeyId"])
            found = made
        arn = str(found["KeyMetadata"]["Arn"])
        self._kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=policy)
        self._kms.enable_key_rotation(KeyId=arn)
        return arn

    def _store(self, key: str) -> None:
        bucket = {"Bucket": self.bucket}
        if _unless(lambda: self._s3.head_bucket(**bucket), "404", "NoSuchBucket") is None:
            place = (
                {}
                if self._settings.region == "us-east-1"
                else {"CreateBucketConfiguration": {"LocationConstraint": self._settings.region}}
            )
            self._s3.create_bucket(**bucket, **place, ObjectLockEnabledForBucket=True)
        closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        self._s3.put_public_access_block(**bucket, PublicAccessBlockConfiguration=dict.fromkeys(closed, True))
        self._s3.put_bucket_ownership_controls(
            **bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        )
        self._s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"})
        self._s3.put_bucket_encryption(
            **bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": {
                            "SSEAlgorithm": "aws:kms",
                            "KMSMasterKeyID": key,
                        },
                        "BucketKeyEnabled": True,
                    }
                ]
            },
        )
        self._s3.put_object_lock_configuration(
            **bucket,
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": LOCK_DAYS}},
            },
        )
        self._s3.put_bucket_lifecycle_configuration(
            **bucket, LifecycleConfiguration={"Rules": [forget(HISTORY_DAYS)]}
        )
        self._s3.put_bucket_policy(**bucket, Policy=json.dumps(bucket_policy(self.bucket)))
        tags = [{"Key": name, "Value": value} for name, value in self._labels().items()]
        self._s3.put_bucket_tagging(**bucket, Tagging={"TagSet": tags})

    def _lend_roles(self) -> None:
        """Service-linked roles that nobody else makes in time.

        The cluster's key names Auto Scaling's, and KMS refuses a policy that names a role that isn't there.
        Load balancing's would be made with the account's first load balancer, by whoever makes that: the
        cluster's controller, which needs no right to make roles where it is there already.
        """
        if self._settings.cluster is None:
            return
        for service in SERVICES_OF_CLUSTERS:
            pages = self._iam.get_paginator("list_roles").paginate(PathPrefix=f"/aws-service-role/{service}/")
            names = [role["RoleName"] for page in pages for role in page["Roles"]]
            if all(SUFFIX in name for name in names):
                self._iam.create_service_linked_role(AWSServiceName=service)


def forget(days: int) -> dict[str, Any]:
    """Rule by which earlier states go after some days, and parts of uploads that never ended after a week."""
    return {
        "ID": "history",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": days},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }


def bucket_policy(bucket: str) -> dict[str, Any]:
    """No plain HTTP and no old TLS; who may read a state is IAM's to say."""
    arn = f"arn:aws:s3:::{bucket}"

    def refusal(name: str, condition: dict[str, Any]) -> dict[str, Any]:
        return {
            "Sid": name,
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": condition,
        }

    return {
        "Version": "2012-10-17",
        "Statement": [
            refusal("RefusePlainHttp", {"Bool": {"aws:SecureTransport": "false"}}),
            refusal("RefuseOldTls", {"NumericLessThan": {"s3:TlsVersion": MINIMUM_TLS}}),
        ],
    }


def _unless(ask: Callable[[], Result], *codes: str) -> Result | None:
    """What AWS answers, None if it answers with one of these errors."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] in codes:
            return None
        raise


def make(stack: str, session: boto3.Session | None = None) -> Backend:
    """Make the backend of a stack.

    Raises:
        ConfigError: the stack's config is refused, the credentials are of another account, or AWS refuses.
    """
    settings = load_file(stack)
    try:
        return Maker(settings, session or boto3.Session()).make()
    except (ClientError, BotoCoreError) as error:
        remedy = "Log in with a role that may administer S3, KMS and IAM, and run it again."
        raise ConfigError(f"The backend of {stack}", [f"AWS refuses: {error}. {remedy}"]) from error


def main(arguments: Sequence[str]) -> int:
    """Entry of `python -m stacks.backend`."""
    match list(arguments):
        case [stack]:
            try:
                made = make(stack)
            except ConfigError as error:
                sys.stderr.write(f"{error}\n")
                return 1
            sys.stdout.write(
                f"pulumi login '{made.state_url}'\n"
                f"pulumi stack init {stack} --secrets-provider '{made.secrets_provider}'\n"
            )
            return 0
        case _:
            sys.stderr.write("usage: python -m stacks.backend STACK\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
