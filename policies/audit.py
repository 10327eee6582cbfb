"""The audit trail: everything, everywhere, unforgeable, kept; log groups with retention and our key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.buckets import BLOCK, BUCKET, LOGGING, TRAIL, is_log_target, is_trail_bucket
from policies.core.build import IS_TRUE, OWN_KEY, Expect, at_least, property_rule, stack_rule
from policies.core.resources import STACK_TYPE, Resource
from policies.core.rules import REQUIRED, Context, Problem, Rule, Setting, Severity, Topic
from policies.core.values import View, show

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG_GROUP: Final = "aws:cloudwatch/logGroup:LogGroup"
EVERY_OBJECT: Final = ("arn:aws:s3", "arn:aws:s3:::")
"""How a trail's selector names all buckets of the account."""


def _trail_exists(_stack: Resource, context: Context) -> Iterator[Problem]:
    if not context.stack.of(TRAIL):
        yield Problem("<Trail>", "absent")


def _bucket_of(trail: Resource, context: Context) -> list[Resource]:
    return [
        bucket
        for bucket in context.stack.of(BUCKET)
        if any(trail.urn == writer.urn for writer in context.stack.referring(bucket, TRAIL, "s3BucketName"))
    ]


def _private_bucket(trail: Resource, context: Context) -> Iterator[Problem]:
    buckets = _bucket_of(trail, context)
    if not buckets:
        view = trail.at("s3BucketName")
        yield Problem(
            view.path, show(view.value), "Write to a bucket that the stack declares, so that it is judged."
        )
    for bucket in buckets:
        if not context.stack.referring(bucket, BLOCK, "bucket"):
            yield Problem("s3BucketName", f"{bucket.name}, which has no public-access block")


def _logged_bucket(trail: Resource, context: Context) -> Iterator[Problem]:
    for bucket in _bucket_of(trail, context):
        if not context.stack.referring(bucket, LOGGING, "bucket"):
            yield Problem("s3BucketName", f"{bucket.name}, which has no access logs")


def _data_events(bucket: Resource, context: Context) -> Iterator[Problem]:
    if is_log_target(bucket, context) or is_trail_bucket(bucket, context):
        return  # a record of each record's writing would be written there, too, without end
    seen = {"read": False, "write": False}
    for trail in context.stack.of(TRAIL):
        for kind in _recorded(trail, bucket):
            seen[kind] = True
    missing = [kind for kind, recorded in seen.items() if not recorded]
    if missing:
        yield Problem(
            "<Trail>.eventSelectors", f"no trail records {' and '.join(missing)} events of its objects"
        )


def _recorded(trail: Resource, bucket: Resource) -> Iterator[str]:
    for selector in trail.at("eventSelectors").items():
        kinds = {"All": ("read", "write"), "ReadOnly": ("read",), "WriteOnly": ("write",)}
        for data in selector.at("dataResources").items():
            if data.at("type").text() == "AWS::S3::Object" and _names(data.at("values"), bucket):
                yield from kinds.get(selector.at("readWriteType").text() or "All", ())
    for selector in trail.at("advancedEventSelectors").items():
        fields = {field.at("field").text(): field for field in selector.at("fieldSelectors").items()}
        if fields.keys() - {"eventCategory", "resources.type", "resources.ARN", "readOnly"}:
            continue  # narrowed in a way that may leave events out
        category, kind, arn, read_only = (
            fields.get(name) for name in ("eventCategory", "resources.type", "resources.ARN", "readOnly")
        )
        if category is None or category.at("equals").texts() != ["Data"]:
            continue
        if kind is None or kind.at("equals").texts() != ["AWS::S3::Object"]:
            continue
        if arn is not None and not _names(arn.at("startsWiths"), bucket):
            continue
        only = read_only.at("equals").texts() if read_only is not None else ["true", "false"]
        yield from (name for name, value in (("read", "true"), ("write", "false")) if value in only)


def _names(values: View, bucket: Resource) -> bool:
    arns = {*EVERY_OBJECT}
    for name in bucket.identities:
        prefix = name if name.startswith("arn:") else f"arn:aws:s3:::{name}"
        arns |= {prefix, f"{prefix}/"}
    return any(value in arns for value in values.texts())


RULES: Final[tuple[Rule, ...]] = (
    stack_rule(
        "audit-trail",
        (STACK_TYPE,),
        _trail_exists,
        title="Every environment has an audit trail of calls to AWS",
        topic=Topic.AUDIT,
        severity=Severity.HIGH,
        public_ids=("CloudTrail.1", "CloudTrail.3", "CIS 3.1"),
        remediation="Declare a Trail.",
        settings=REQUIRED,
    ),
    property_rule(
        "audit-multi-region",
        (TRAIL,),
        ("isMultiRegionTrail",),
        IS_TRUE,
        title="The trail records all Regions",
        topic=Topic.AUDIT,
        severity=Severity.HIGH,
        public_ids=("CloudTrail.1", "CKV_AWS_67"),
        remediation="Set isMultiRegionTrail to true.",
    ),
    property_rule(
        "audit-global-events",
        (TRAIL,),
        ("includeGlobalServiceEvents",),
        Expect("true or absent", lambda view, _: view.flag() is not False),
        title="The trail records global services such as IAM",
        topic=Topic.AUDIT,
        severity=Severity.HIGH,
        public_ids=("CloudTrail.1", "CKV_AWS_252"),
        remediation="Set includeGlobalServiceEvents to true.",
    ),
    property_rule(
        "audit-enabled",
        (TRAIL,),
        ("enableLogging",),
        Expect("true or absent", lambda view, _: view.flag() is not False),
        title="The trail is switched on",
        topic=Topic.AUDIT,
        severity=Severity.CRITICAL,
        public_ids=("CloudTrail.3", "CKV_AWS_251"),
        remediation="Set enableLogging to true.",
    ),
    property_rule(
        "audit-validated",
        (TRAIL,),
        ("enableLogFileValidation",),
        IS_TRUE,
        title="Forged or missing files of the trail can be told",
        topic=Topic.INTEGRITY,
        severity=Severity.HIGH,
        public_ids=("CloudTrail.4", "CIS 3.2", "CKV_AWS_36"),
        remediation="Set enableLogFileValidation to true.",
    ),
    property_rule(
        "audit-own-key",
        (TRAIL,),
        ("kmsKeyId",),
        OWN_KEY,
        title="The trail is encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.MEDIUM,
        public_ids=("CloudTrail.2", "CIS 3.5", "CKV_AWS_35"),
        remediation="Set kmsKeyId to a key of ours.",
    ),
    property_rule(
        "audit-to-logs",
        (TRAIL,),
        ("cloudWatchLogsGroupArn",),
        Expect("a log group", lambda view, _: bool(view.text())),
        title="The trail also goes to a log group, where alarms can see it",
        topic=Topic.AUDIT,
        severity=Severity.LOW,
        public_ids=("CloudTrail.5", "CKV2_AWS_10"),
        remediation="Set cloudWatchLogsGroupArn and cloudWatchLogsRoleArn.",
    ),
    stack_rule(
        "audit-private-bucket",
        (TRAIL,),
        _private_bucket,
        title="The trail's bucket is ours and blocks public access",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("CloudTrail.6",),
        remediation="Add a BucketPublicAccessBlock for the trail's bucket.",
    ),
    stack_rule(
        "audit-logged-bucket",
        (TRAIL,),
        _logged_bucket,
        title="Access to the trail's bucket is logged",
        topic=Topic.AUDIT,
        severity=Severity.LOW,
        public_ids=("CloudTrail.7", "CIS 3.4"),
        remediation="Add a BucketLogging for the trail's bucket.",
    ),
    stack_rule(
        "audit-data-events",
        (BUCKET,),
        _data_events,
        title="Reads and writes of objects are recorded, in all buckets but those that hold the records",
        topic=Topic.AUDIT,
        severity=Severity.MEDIUM,
        public_ids=("CIS 3.8", "CIS 3.9"),
        remediation="Add data-event selectors for AWS::S3::Object to the trail.",
        settings=REQUIRED,
    ),
    property_rule(
        "audit-log-retention",
        (LOG_GROUP,),
        ("retentionInDays",),
        at_least("minimum_days"),
        title="Log groups are kept for a stated time",
        topic=Topic.RETENTION,
        severity=Severity.MEDIUM,
        public_ids=("CloudWatch.16", "CKV_AWS_66", "CKV_AWS_338"),
        remediation="Set retentionInDays; 0, which keeps logs for ever, is no decision.",
        settings={"minimum_days": Setting(365, "days that logs are kept")},
    ),
    property_rule(
        "audit-log-own-key",
        (LOG_GROUP,),
        ("kmsKeyId",),
        OWN_KEY,
        title="Log groups are encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.MEDIUM,
        public_ids=("CKV_AWS_158",),
        remediation="Set kmsKeyId to the ARN of a key of ours.",
    ),
)
