"""AWS services that use our keys for themselves, each bound to this environment's own resources."""

from __future__ import annotations

from components.encryption import USE, ServiceUse

ENVELOPE = ("kms:Decrypt", "kms:GenerateDataKey")
"""What a service needs that encrypts under data keys of its own making."""


def log_groups(account_id: str, region: str, *prefixes: str) -> ServiceUse:
    """CloudWatch Logs, for the log groups below some paths.

    Args:
        account_id: the AWS account, 12 digits.
        region: where the log groups are.
        prefixes: starts of their names, such as `/plinth/dev/`.
    """
    groups = [f"arn:aws:logs:{region}:{account_id}:log-group:{prefix}*" for prefix in prefixes]
    return ServiceUse(
        service=f"logs.{region}.amazonaws.com",
        actions=(
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ),
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )


def trail(trail_arn: str) -> ServiceUse:
    """CloudTrail, for one trail, whose archive has a bucket key that has to be decrypted to be used.

    The trail is named as the source and not by an encryption context: DescribeKey has none, and for a bucket
    key S3 gives the bucket's (Configure AWS KMS key policies for CloudTrail, CloudTrail User Guide; Reducing
    the cost of SSE-KMS with Amazon S3 Bucket Keys, S3 User Guide).

    Args:
        trail_arn: the trail, by its ARN, as the key has to exist before it.
    """
    return ServiceUse(
        service="cloudtrail.amazonaws.com",
        actions=(
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:GenerateDataKey",
            "kms:GenerateDataKeyWithoutPlaintext",
        ),
        conditions={"StringEquals": {"aws:SourceArn": trail_arn}},
    )


def publisher(service: str, account_id: str) -> ServiceUse:
    """A service that publishes to encrypted topics on behalf of this account's resources.

    Args:
        service: its principal, such as `cloudwatch.amazonaws.com`.
        account_id: the AWS account, 12 digits.
    """
    return ServiceUse(
        service=service,
        actions=ENVELOPE,
        conditions={"StringEquals": {"aws:SourceAccount": account_id}},
    )


def node_disks(account_id: str) -> list[ServiceUse]:
    """EC2 Auto Scaling, which attaches encrypted disks to the nodes that it starts.

    It acts by its service-linked role, whose own policy says nothing of keys (Required key policy for use
    with encrypted volumes, EC2 Auto Scaling User Guide). The role has to exist before a key can name it.

    Args:
        account_id: the AWS account, 12 digits.
    """
    service = "autoscaling.amazonaws.com"
    role = f"arn:aws:iam::{account_id}:role/aws-service-role/{service}/AWSServiceRoleForAutoScaling"
    ours = {"kms:CallerAccount": account_id}
    return [
        ServiceUse(service, USE, {"StringEquals": ours}, role),
        ServiceUse(
            service,
            ("kms:CreateGrant",),
            {"StringEquals": ours, "Bool": {"kms:GrantIsForAWSResource": "true"}},
            role,
        ),
    ]
