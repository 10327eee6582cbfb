"""Secrets and their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import Tagging, Tags, from_pairs, pairs

if TYPE_CHECKING:
    from local.engine.values import Properties

RECOVERY_DAYS: Final = 30
CURRENT: Final = "AWSCURRENT"


def _create(aws: Aws, wanted: Wanted) -> str:
    made = aws.call(
        "secretsmanager",
        "create_secret",
        Name=wanted["name"],
        Description=wanted["description"],
        KmsKeyId=wanted["kmsKeyId"],
        Tags=pairs(wanted.tags),
    )
    return str(made["ARN"])


def _describe(aws: Aws, identity: str) -> Properties | None:
    secret = aws.find("secretsmanager", "describe_secret", SecretId=identity)
    return None if secret is None or secret.get("DeletedDate") else dict(secret)


def _read(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    secret = _describe(aws, identity)
    if secret is None:
        return None
    policy = aws.find("secretsmanager", "get_resource_policy", SecretId=identity) or {}
    return {
        "arn": secret["ARN"],
        "name": secret["Name"],
        "description": secret.get("Description", ""),
        "kmsKeyId": secret.get("KmsKeyId"),
        "policy": policy.get("ResourcePolicy", ""),
    }


def _put(aws: Aws, identity: str, wanted: Wanted) -> None:
    aws.call(
        "secretsmanager",
        "update_secret",
        SecretId=identity,
        Description=wanted["description"] or "",
        KmsKeyId=wanted["kmsKeyId"],
    )


def _put_policy(aws: Aws, identity: str, wanted: Wanted) -> None:
    policy = wanted["policy"]
    if policy:
        aws.call("secretsmanager", "put_resource_policy", SecretId=identity, ResourcePolicy=policy)
    else:
        aws.attempt("secretsmanager", "delete_resource_policy", SecretId=identity)


def _delete(aws: Aws, identity: str, known: Properties) -> None:
    days = known.get("recoveryWindowInDays", RECOVERY_DAYS)
    if days == 0:
        aws.attempt("secretsmanager", "delete_secret", SecretId=identity, ForceDeleteWithoutRecovery=True)
    elif _describe(aws, identity) is not None:
        aws.attempt("secretsmanager", "delete_secret", SecretId=identity, RecoveryWindowInDays=days)


def _read_tags(aws: Aws, identity: str, _known: Properties) -> Tags:
    return from_pairs((_describe(aws, identity) or {}).get("Tags"))


def _write_tags(aws: Aws, identity: str, _known: Properties, tags: Tags) -> None:
    aws.call("secretsmanager", "tag_resource", SecretId=identity, Tags=pairs(tags))


def _remove_tags(aws: Aws, identity: str, _known: Properties, names: list[str]) -> None:
    aws.call("secretsmanager", "untag_resource", SecretId=identity, TagKeys=names)


def _create_version(aws: Aws, wanted: Wanted) -> str:
    binary = wanted["secretBinary"]
    made = aws.call(
        "secretsmanager",
        "put_secret_value",
        SecretId=wanted["secretId"],
        SecretString=wanted["secretString"],
        SecretBinary=None if binary is None else binary.encode(),
        VersionStages=wanted["versionStages"],
    )
    return f"{made['ARN']}|{made['VersionId']}"


def _read_version(aws: Aws, identity: str, known: Properties) -> Properties | None:
    secret, _, version = identity.rpartition("|")
    if _describe(aws, secret) is None:
        return None
    value = aws.find("secretsmanager", "get_secret_value", SecretId=secret, VersionId=version)
    if value is None:
        return None
    return {
        "arn": value["ARN"],
        "secretArn": value["ARN"],
        "secretId": known.get("secretId", value["ARN"]),
        "versionId": value["VersionId"],
        "versionStages": value.get("VersionStages", []),
        "secretString": value.get("SecretString", ""),
        "hasSecretStringWo": False,
    }


def _delete_version(aws: Aws, identity: str, _known: Properties) -> None:
    """The current version stays until the secret goes, as officially; others lose their stages."""
    secret, _, version = identity.rpartition("|")
    described = _describe(aws, secret)
    for stage in (described or {}).get("VersionIdsToStages", {}).get(version, []):
        if stage != CURRENT:
            aws.attempt(
                "secretsmanager",
                "update_secret_version_stage",
                SecretId=secret,
                VersionStage=stage,
                RemoveFromVersionId=version,
            )


TYPES = (
    ResourceType(
        sdk_type="aws:secretsmanager/secret:Secret",
        create=_create,
        read=_read,
        delete=_delete,
        parts=(
            Part(("description", "kmsKeyId"), _put, at_creation=False),
            Part(("policy",), _put_policy),
        ),
        replaces=frozenset({"name", "namePrefix"}),
        name="name",
        name_limit=512,
        documents=frozenset({"policy"}),
        defaults={"recoveryWindowInDays": RECOVERY_DAYS, "forceOverwriteReplicaSecret": False},
        remembers=("recoveryWindowInDays", "forceOverwriteReplicaSecret"),
        tagging=Tagging(_read_tags, _write_tags, _remove_tags),
        identify=lambda _aws, wanted: str(wanted["name"]),
        from_arn=lambda _aws, arn: arn,
        owns_arn=lambda arn: ":secretsmanager:" in arn,
    ),
    ResourceType(
        sdk_type="aws:secretsmanager/secretVersion:SecretVersion",
        create=_create_version,
        read=_read_version,
        delete=_delete_version,
        replaces=frozenset({"secretId", "secretString", "secretBinary", "versionStages"}),
        unordered=frozenset({"versionStages"}),
        secrets=frozenset({"secretString", "secretBinary"}),
        remembers=("secretBinary",),
    ),
)
