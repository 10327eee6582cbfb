"""Keys, aliases and key policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted, unchanged
from local.engine.aws.tagging import by_target, pairs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.values import Properties

DEFAULT_USAGE: Final = "ENCRYPT_DECRYPT"
DEFAULT_SPEC: Final = "SYMMETRIC_DEFAULT"

ROTATION_DAYS: Final = 365
"""AWS's own period where none is given."""

DELETION_DAYS: Final = 30
"""The official provider's waiting time before a key is destroyed, and the longest that KMS allows."""

SHORTEST_DELETION_DAYS: Final = 7
ROTATION_RANGE: Final = range(90, 2561)
"""KMS API reference, ScheduleKeyDeletion and EnableKeyRotation."""


def _create_key(aws: Aws, wanted: Wanted) -> str:
    answer = aws.call(
        "kms",
        "create_key",
        Description=wanted["description"],
        KeyUsage=wanted["keyUsage"] or DEFAULT_USAGE,
        KeySpec=wanted["customerMasterKeySpec"] or DEFAULT_SPEC,
        MultiRegion=wanted["multiRegion"],
        Policy=wanted["policy"],
        BypassPolicyLockoutSafetyCheck=wanted["bypassPolicyLockoutSafetyCheck"],
        Tags=pairs(wanted.tags, "TagKey", "TagValue"),
    )
    return str(answer["KeyMetadata"]["KeyId"])


def _read_key(aws: Aws, identity: str, known: Properties) -> Properties | None:
    key = aws.call("kms", "describe_key", KeyId=identity)["KeyMetadata"]
    if key["KeyState"] in {"PendingDeletion", "PendingReplicaDeletion"}:
        return None
    symmetric = key.get("KeySpec", DEFAULT_SPEC) == DEFAULT_SPEC
    rotation = aws.call("kms", "get_key_rotation_status", KeyId=identity) if symmetric else {}
    return {
        "arn": key["Arn"],
        "keyId": key["KeyId"],
        "description": key.get("Description", ""),
        "keyUsage": key.get("KeyUsage", DEFAULT_USAGE),
        "customerMasterKeySpec": key.get("KeySpec", DEFAULT_SPEC),
        "multiRegion": key.get("MultiRegion", False),
        "isEnabled": key["Enabled"],
        "enableKeyRotation": rotation.get("KeyRotationEnabled", False),
        "rotationPeriodInDays": rotation.get("RotationPeriodInDays")
        or known.get("rotationPeriodInDays")
        or ROTATION_DAYS,
        "policy": aws.call("kms", "get_key_policy", KeyId=identity, PolicyName="default")["Policy"],
    }


def _delete_key(aws: Aws, identity: str, known: Properties) -> None:
    state = aws.call("kms", "describe_key", KeyId=identity)["KeyMetadata"]["KeyState"]
    if state != "PendingDeletion":
        days = known.get("deletionWindowInDays") or DELETION_DAYS
        aws.call("kms", "schedule_key_deletion", KeyId=identity, PendingWindowInDays=days)


def _put_description(aws: Aws, identity: str, wanted: Wanted) -> None:
    aws.call("kms", "update_key_description", KeyId=identity, Description=wanted["description"] or "")


def _put_rotation(aws: Aws, identity: str, wanted: Wanted) -> None:
    if wanted["enableKeyRotation"]:
        aws.call(
            "kms", "enable_key_rotation", KeyId=identity, RotationPeriodInDays=wanted["rotationPeriodInDays"]
        )
    else:
        aws.call("kms", "disable_key_rotation", KeyId=identity)


def _put_enabled(aws: Aws, identity: str, wanted: Wanted) -> None:
    operation = "disable_key" if wanted["isEnabled"] is False else "enable_key"
    aws.call("kms", operation, KeyId=identity)


def _put_policy(aws: Aws, identity: str, wanted: Wanted) -> None:
    if wanted["policy"] is not None:
        aws.call("kms", "put_key_policy", KeyId=identity, PolicyName="default", Policy=wanted["policy"])


def _check_key(wanted: Wanted) -> Mapping[str, str]:
    problems = {}
    days = wanted["deletionWindowInDays"]
    if isinstance(days, int) and not SHORTEST_DELETION_DAYS <= days <= DELETION_DAYS:
        problems["deletionWindowInDays"] = f"deletionWindowInDays is {days}; KMS allows 7 to 30 days."
    period = wanted["rotationPeriodInDays"]
    if isinstance(period, int) and period not in ROTATION_RANGE:
        problems["rotationPeriodInDays"] = f"rotationPeriodInDays is {period}; KMS allows 90 to 2560 days."
    if period is not None and wanted["enableKeyRotation"] in (None, False):
        problems["rotationPeriodInDays"] = "rotationPeriodInDays needs enableKeyRotation to be true."
    return problems


def _create_alias(aws: Aws, wanted: Wanted) -> str:
    aws.call("kms", "create_alias", AliasName=wanted["name"], TargetKeyId=wanted["targetKeyId"])
    return str(wanted["name"])


def _read_alias(aws: Aws, identity: str, known: Properties) -> Properties | None:
    key = aws.call("kms", "describe_key", KeyId=identity)["KeyMetadata"]
    asked = str(known.get("targetKeyId", ""))
    return {
        "name": identity,
        "arn": aws.arn("kms", identity),
        "targetKeyArn": key["Arn"],
        "targetKeyId": asked if asked in {key["Arn"], key["KeyId"]} else key["KeyId"],
    }


def _put_target(aws: Aws, identity: str, wanted: Wanted) -> None:
    aws.call("kms", "update_alias", AliasName=identity, TargetKeyId=wanted["targetKeyId"])


def _delete_alias(aws: Aws, identity: str, _known: Properties) -> None:
    aws.call("kms", "delete_alias", AliasName=identity)


def _check_alias(wanted: Wanted) -> Mapping[str, str]:
    name = wanted["name"]
    if isinstance(name, str) and not name.startswith("alias/"):
        return {"name": f"name is {name!r}; the name of an alias begins with `alias/`."}
    return {}


def _create_key_policy(aws: Aws, wanted: Wanted) -> str:
    identity = str(wanted["keyId"])
    _put_policy(aws, identity, wanted)
    return identity


def _read_key_policy(aws: Aws, identity: str, known: Properties) -> Properties | None:
    if _read_key(aws, identity, known) is None:
        return None
    policy = aws.call("kms", "get_key_policy", KeyId=identity, PolicyName="default")["Policy"]
    return {"keyId": known.get("keyId", identity), "policy": policy}


TYPES = (
    ResourceType(
        sdk_type="aws:kms/key:Key",
        create=_create_key,
        read=_read_key,
        delete=_delete_key,
        parts=(
            Part(("policy",), _put_policy, at_creation=False),
            Part(("description",), _put_description, at_creation=False),
            Part(("enableKeyRotation", "rotationPeriodInDays"), _put_rotation),
            Part(("isEnabled",), _put_enabled),
        ),
        replaces=frozenset(
            {"customerMasterKeySpec", "keyUsage", "multiRegion", "customKeyStoreId", "xksKeyId"}
        ),
        documents=frozenset({"policy"}),
        defaults={
            "isEnabled": True,
            "enableKeyRotation": False,
            "keyUsage": DEFAULT_USAGE,
            "customerMasterKeySpec": DEFAULT_SPEC,
            "bypassPolicyLockoutSafetyCheck": False,
        },
        remembers=("deletionWindowInDays", "bypassPolicyLockoutSafetyCheck"),
        tagging=by_target(
            "kms",
            "KeyId",
            of=lambda identity, _known: identity,
            read="list_resource_tags",
            key="TagKey",
            value="TagValue",
        ),
        from_arn=lambda _aws, arn: arn.rsplit("/", 1)[-1],
        owns_arn=lambda arn: ":kms:" in arn,
        check=_check_key,
    ),
    ResourceType(
        sdk_type="aws:kms/alias:Alias",
        create=_create_alias,
        read=_read_alias,
        delete=_delete_alias,
        parts=(Part(("targetKeyId",), _put_target, at_creation=False),),
        replaces=frozenset({"name", "namePrefix"}),
        name="name",
        name_limit=255,
        prefix="alias/",
        identify=lambda _aws, wanted: str(wanted["name"]),
        check=_check_alias,
    ),
    ResourceType(
        sdk_type="aws:kms/keyPolicy:KeyPolicy",
        create=_create_key_policy,
        read=_read_key_policy,
        delete=unchanged,
        parts=(Part(("policy",), _put_policy, at_creation=False),),
        replaces=frozenset({"keyId"}),
        documents=frozenset({"policy"}),
        remembers=("bypassPolicyLockoutSafetyCheck",),
    ),
)
