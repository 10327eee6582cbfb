"""What the policy of every bucket refuses, whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pulumi

    from components.encryption import DataKey

MINIMUM_TLS = "1.2"


def refusals(arn: pulumi.Output[str], key: DataKey | None) -> list[dict[str, Any]]:
    """Statements that every bucket's policy has: no plain HTTP, no old TLS, no other key than ours."""
    everything = [arn, arn.apply(lambda value: f"{value}/*")]
    everyone = {"Effect": "Deny", "Principal": {"AWS": "*"}}
    statements: list[dict[str, Any]] = [
        {
            **everyone,
            "Sid": "RefusePlainHttp",
            "Action": "s3:*",
            "Resource": everything,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            **everyone,
            "Sid": "RefuseOldTls",
            "Action": "s3:*",
            "Resource": everything,
            "Condition": {"NumericLessThan": {"s3:TlsVersion": MINIMUM_TLS}},
        },
    ]
    if key is not None:
        statements += _other_keys({**everyone, "Action": "s3:PutObject", "Resource": everything[1]}, key)
    return statements


def _other_keys(written: dict[str, Any], key: DataKey) -> list[dict[str, Any]]:
    """Refusals of objects whose writer chooses an encryption, unless by our key.

    Who says nothing gets the bucket's own encryption, of which no condition key tells. So the first refusal
    holds only where the header is sent, but also where no key stands beside it: S3 would take its own then,
    or AWS's for S3 (PutObject, S3 API). The other is of keys that the writer brings along (SSE-C), which
    nobody has but the writer.
    """
    return [
        {
            **written,
            "Sid": "RefuseOtherKeys",
            "Condition": {
                "Null": {"s3:x-amz-server-side-encryption": "false"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key.arn},
            },
        },
        {
            **written,
            "Sid": "RefuseWritersKeys",
            "Condition": {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
        },
    ]
