"""What becomes of the objects in a bucket: versions, life, locks, logs, notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.connection import AwsError
from local.engine.aws.s3_common import deleting, setting
from local.engine.aws.wire import from_aws, to_aws

if TYPE_CHECKING:
    from local.engine.aws.resource_type import Aws, Wanted
    from local.engine.values import Properties


# Versioning


def _put_versioning(aws: Aws, bucket: str, wanted: Wanted) -> None:
    given = wanted["versioningConfiguration"] or {}
    if given.get("status") == "Disabled":
        return  # a bucket that was never versioned; S3 has no such setting to make
    configuration = {"Status": given.get("status")}
    if given.get("mfaDelete"):
        configuration["MFADelete"] = given["mfaDelete"]
    aws.call(
        "s3", "put_bucket_versioning", Bucket=bucket, VersioningConfiguration=configuration, MFA=wanted["mfa"]
    )


def _read_versioning(aws: Aws, identity: str, known: Properties) -> Properties | None:
    answer = aws.call("s3", "get_bucket_versioning", Bucket=identity)
    status = answer.get("Status")
    if status is None and (known.get("versioningConfiguration") or {}).get("status") != "Disabled":
        return None
    configuration = {"status": status or "Disabled"}
    if answer.get("MFADelete"):
        configuration["mfaDelete"] = answer["MFADelete"]
    return {"versioningConfiguration": configuration}


def _stop_versioning(aws: Aws, identity: str, known: Properties) -> None:
    if (known.get("versioningConfiguration") or {}).get("status") != "Enabled":
        return
    suspended = {"Status": "Suspended"}
    try:
        aws.attempt("s3", "put_bucket_versioning", Bucket=identity, VersioningConfiguration=suspended)
    except AwsError as error:
        if error.code != "InvalidBucketState":  # Object Lock keeps versioning on for the bucket's life
            raise


# Lifecycle


def _put_lifecycle(aws: Aws, bucket: str, wanted: Wanted) -> None:
    shape = aws.connection.shape("s3", "PutBucketLifecycleConfiguration", "LifecycleConfiguration")
    rules = [_with_listed_tags(rule) for rule in wanted["rules"] or []]
    aws.call(
        "s3",
        "put_bucket_lifecycle_configuration",
        Bucket=bucket,
        LifecycleConfiguration=to_aws({"Rules": rules}, shape),
        TransitionDefaultMinimumObjectSize=wanted["transitionDefaultMinimumObjectSize"],
    )


def _with_listed_tags(rule: Properties) -> Properties:
    chosen = rule.get("filter") or {}
    both = chosen.get("and")
    if both and both.get("tags"):
        tags = [{"key": name, "value": value} for name, value in sorted(both["tags"].items())]
        chosen = {**chosen, "and": {**both, "tags": tags}}
    return {**rule, "filter": chosen}


def _read_lifecycle(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    answer = aws.find("s3", "get_bucket_lifecycle_configuration", Bucket=identity)
    if answer is None:
        return None
    rules = [from_aws(rule) for rule in answer["Rules"]]
    for rule in rules:
        both = (rule.get("filter") or {}).get("and")
        if both and isinstance(both.get("tags"), list):
            both["tags"] = {tag["key"]: tag["value"] for tag in both["tags"]}
        rule.pop("prefix", None)
    size = answer.get("TransitionDefaultMinimumObjectSize") or "all_storage_classes_128K"
    return {"rules": rules, "transitionDefaultMinimumObjectSize": size}


# Logging


def _put_logging(aws: Aws, bucket: str, wanted: Wanted) -> None:
    shape = aws.connection.shape("s3", "PutBucketLogging", "BucketLoggingStatus")
    names = ("targetBucket", "targetPrefix", "targetGrants", "targetObjectKeyFormat")
    enabled = {name: wanted[name] for name in names if wanted[name] is not None}
    status = to_aws({"loggingEnabled": enabled}, shape)
    aws.call("s3", "put_bucket_logging", Bucket=bucket, BucketLoggingStatus=status)


def _read_logging(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    enabled = aws.call("s3", "get_bucket_logging", Bucket=identity).get("LoggingEnabled")
    if not enabled:
        return None
    told = {"targetBucket": enabled["TargetBucket"], "targetPrefix": enabled.get("TargetPrefix", "")}
    return {**told, "targetGrants": from_aws(enabled.get("TargetGrants")) or None}


def _stop_logging(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("s3", "put_bucket_logging", Bucket=identity, BucketLoggingStatus={})


# Notifications

TARGETS: Final = {
    "queues": ("QueueConfigurations", "QueueArn", "queueArn"),
    "topics": ("TopicConfigurations", "TopicArn", "topicArn"),
    "lambdaFunctions": ("LambdaFunctionConfigurations", "LambdaFunctionArn", "lambdaFunctionArn"),
}
FILTERS: Final = {"prefix": "filterPrefix", "suffix": "filterSuffix"}


def _put_notification(aws: Aws, bucket: str, wanted: Wanted) -> None:
    configuration: dict[str, Any] = {}
    if wanted["eventbridge"]:
        configuration["EventBridgeConfiguration"] = {}
    for name, (member, arn, own) in TARGETS.items():
        for target in wanted[name] or []:
            entry: dict[str, Any] = {arn: target[own], "Events": target["events"]}
            if target.get("id"):
                entry["Id"] = target["id"]
            rules = [{"Name": k, "Value": target[v]} for k, v in FILTERS.items() if target.get(v)]
            if rules:
                entry["Filter"] = {"Key": {"FilterRules": rules}}
            configuration.setdefault(member, []).append(entry)
    aws.call(
        "s3", "put_bucket_notification_configuration", Bucket=bucket, NotificationConfiguration=configuration
    )


def _read_notification(aws: Aws, identity: str, known: Properties) -> Properties | None:
    answer = aws.call("s3", "get_bucket_notification_configuration", Bucket=identity)
    # moto delivers to EventBridge and does not tell that it does.
    told: Properties = {
        "eventbridge": "EventBridgeConfiguration" in answer or known.get("eventbridge", False)
    }
    for name, (member, arn, own) in TARGETS.items():
        asked = {target.get(own): target for target in known.get(name) or []}
        told[name] = []
        for entry in answer.get(member, []):
            rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
            found = {own: entry[arn], "events": entry["Events"]}
            found |= {FILTERS[rule["Name"].lower()]: rule["Value"] for rule in rules}
            if asked.get(entry[arn], {}).get("id") or not asked:
                found["id"] = entry.get("Id")
            told[name].append(found)
    return told if told["eventbridge"] or any(told[name] for name in TARGETS) else None


def _stop_notification(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("s3", "put_bucket_notification_configuration", Bucket=identity, NotificationConfiguration={})


# Object Lock


def _put_lock(aws: Aws, bucket: str, wanted: Wanted) -> None:
    shape = aws.connection.shape("s3", "PutObjectLockConfiguration", "ObjectLockConfiguration")
    given = {"objectLockEnabled": wanted["objectLockEnabled"] or "Enabled", "rule": wanted["rule"]}
    aws.call(
        "s3",
        "put_object_lock_configuration",
        Bucket=bucket,
        ObjectLockConfiguration=to_aws(given, shape),
        Token=wanted["token"],
    )


def _read_lock(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    answer = aws.find("s3", "get_object_lock_configuration", Bucket=identity)
    lock = (answer or {}).get("ObjectLockConfiguration", {})
    if lock.get("ObjectLockEnabled") != "Enabled":
        return None
    rule = from_aws(lock.get("Rule"))
    if rule and "defaultRetention" in rule:
        rule["defaultRetention"] = {name: value for name, value in rule["defaultRetention"].items() if value}
    return {"objectLockEnabled": "Enabled", "rule": rule}


def _clear_lock(aws: Aws, identity: str, _known: Properties) -> None:
    plain = {"ObjectLockEnabled": "Enabled"}
    aws.attempt("s3", "put_object_lock_configuration", Bucket=identity, ObjectLockConfiguration=plain)


TYPES = (
    setting(
        "aws:s3/bucketVersioning:BucketVersioning",
        ("versioningConfiguration",),
        _put_versioning,
        _read_versioning,
        _stop_versioning,
        remembers=("mfa",),
    ),
    setting(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        ("rules", "transitionDefaultMinimumObjectSize"),
        _put_lifecycle,
        _read_lifecycle,
        deleting("delete_bucket_lifecycle"),
        remembers=("timeouts",),
    ),
    setting(
        "aws:s3/bucketLogging:BucketLogging",
        ("targetBucket", "targetPrefix", "targetGrants", "targetObjectKeyFormat"),
        _put_logging,
        _read_logging,
        _stop_logging,
        remembers=("targetObjectKeyFormat",),
    ),
    setting(
        "aws:s3/bucketNotification:BucketNotification",
        ("eventbridge", *TARGETS),
        _put_notification,
        _read_notification,
        _stop_notification,
        unordered=TARGETS,
        defaults={"eventbridge": False},
    ),
    setting(
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        ("rule", "objectLockEnabled"),
        _put_lock,
        _read_lock,
        _clear_lock,
        defaults={"objectLockEnabled": "Enabled"},
        remembers=("token",),
    ),
)
