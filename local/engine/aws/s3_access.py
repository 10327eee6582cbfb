"""Who may reach a bucket: encryption, public access, policy, ownership."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local.engine.aws.s3_common import deleting, setting
from local.engine.aws.wire import from_aws, to_aws

if TYPE_CHECKING:
    from local.engine.aws.resource_type import Aws, Wanted
    from local.engine.values import Properties


# Encryption


def _put_encryption(aws: Aws, bucket: str, wanted: Wanted) -> None:
    shape = aws.connection.shape("s3", "PutBucketEncryption", "ServerSideEncryptionConfiguration")
    names = {"kmsMasterKeyId": "KMSMasterKeyID"}
    aws.call(
        "s3",
        "put_bucket_encryption",
        Bucket=bucket,
        ServerSideEncryptionConfiguration=to_aws({"Rules": wanted["rules"]}, shape, names),
    )


def _read_encryption(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    answer = aws.find("s3", "get_bucket_encryption", Bucket=identity)
    if answer is None:
        return None
    rules = from_aws(answer["ServerSideEncryptionConfiguration"]["Rules"])
    return {
        "rules": [
            {"bucketKeyEnabled": False, **rule, "blockedEncryptionTypes": _blocked(rule)} for rule in rules
        ]
    }


def _blocked(rule: Properties) -> list[str]:
    return list((rule.get("blockedEncryptionTypes") or {}).get("encryptionType", []))


# Public access

FLAGS: Final = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _put_access_block(aws: Aws, bucket: str, wanted: Wanted) -> None:
    flags = {flag[0].upper() + flag[1:]: bool(wanted[flag]) for flag in FLAGS}
    aws.call("s3", "put_public_access_block", Bucket=bucket, PublicAccessBlockConfiguration=flags)


def _read_access_block(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    answer = aws.find("s3", "get_public_access_block", Bucket=identity)
    return None if answer is None else dict(from_aws(answer["PublicAccessBlockConfiguration"]))


# Policy


def _put_policy(aws: Aws, bucket: str, wanted: Wanted) -> None:
    aws.call("s3", "put_bucket_policy", Bucket=bucket, Policy=wanted["policy"])


def _read_policy(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    answer = aws.find("s3", "get_bucket_policy", Bucket=identity)
    return None if answer is None else {"policy": answer["Policy"]}


# Ownership


def _put_ownership(aws: Aws, bucket: str, wanted: Wanted) -> None:
    rules = {"Rules": [{"ObjectOwnership": wanted["rule"]["objectOwnership"]}]}
    aws.call("s3", "put_bucket_ownership_controls", Bucket=bucket, OwnershipControls=rules)


def _read_ownership(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    answer = aws.find("s3", "get_bucket_ownership_controls", Bucket=identity)
    return None if answer is None else {"rule": from_aws(answer["OwnershipControls"]["Rules"][0])}


TYPES = (
    setting(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        ("rules",),
        _put_encryption,
        _read_encryption,
        deleting("delete_bucket_encryption"),
        unordered=("rules",),
    ),
    setting(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        FLAGS,
        _put_access_block,
        _read_access_block,
        deleting("delete_public_access_block"),
        defaults=dict.fromkeys(FLAGS, False),
        remembers=("skipDestroy",),
    ),
    setting(
        "aws:s3/bucketPolicy:BucketPolicy",
        ("policy",),
        _put_policy,
        _read_policy,
        deleting("delete_bucket_policy"),
        documents=("policy",),
    ),
    setting(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        ("rule",),
        _put_ownership,
        _read_ownership,
        deleting("delete_bucket_ownership_controls"),
    ),
)
