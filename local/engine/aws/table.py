"""Every type that the stand-in realises; whatever is not here is recorded only."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from local.engine.aws.resource_type import ResourceType

MODULES: Final = {
    "backup": "backup",
    "budgets": "budgets",
    "cloudtrail": "cloudtrail",
    "cloudwatch": "cloudwatch",
    "cognito": "cognito",
    "dynamodb": "dynamodb",
    "ec2": "ec2",
    "ecr": "ecr",
    "eks": "eks",
    "glue": "glue",
    "iam": "iam",
    "kms": "kms",
    "rds": "rds",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "vpc": "ec2",
}
"""The SDK's module of a token, with ours that holds its types."""


@cache
def _types(module: str) -> dict[str, ResourceType]:
    found = import_module(f"local.engine.aws.{module}")
    return {kind.sdk_type: kind for kind in found.TYPES}


def find(token: str) -> ResourceType | None:
    """The entry of a type; None if it is recorded only."""
    _, path, _ = token.split(":")
    module = MODULES.get(path.partition("/")[0])
    return _types(module).get(token) if module else None


def every() -> dict[str, ResourceType]:
    """The whole table, by type token."""
    return {token: kind for module in sorted(set(MODULES.values())) for token, kind in _types(module).items()}
