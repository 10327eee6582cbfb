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
        statements.append(
            {
                **everyone,
                "Sid": "RefuseOtherKeys",
                "Action": "s3:PutObject",
                "Resource": everything[1],
                "Condition": {
                    "StringNotEqualsIfExists": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key.arn}
                },
            }
        )
    return statements
