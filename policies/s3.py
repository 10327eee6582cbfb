"""Buckets: closed, encrypted with our key, versioned, logged, kept and given up on time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.build import (
    IS_ABSENT,
    IS_SET,
    NOT_TRUE,
    attached_rule,
    equals,
    expects,
    forbidden_types,
    is_own_key,
    property_rule,
    resource_rule,
    stack_rule,
)
from policies.core.documents import denies_plain_transport, shown, statements
from policies.core.rules import REQUIRED, Context, Problem, Rule, Setting, Severity, Topic
from policies.core.values import UNKNOWN, UndecidedError, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

BUCKET: Final = "aws:s3/bucket:Bucket"
BLOCK: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ACCOUNT_BLOCK: Final = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
POLICY: Final = "aws:s3/bucketPolicy:BucketPolicy"
ACL: Final = "aws:s3/bucketAcl:BucketAcl"
OWNERSHIP: Final = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
LOGGING: Final = "aws:s3/bucketLogging:BucketLogging"
LIFECYCLE: Final = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
VERSIONING: Final = "aws:s3/bucketVersioning:BucketVersioning"
ENCRYPTION: Final = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
LOCK: Final = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
REPLICATION: Final = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
OBJECTS: Final = ("aws:s3/bucketObjectv2:BucketObjectv2", "aws:s3/bucketObject:BucketObject")
TRAIL: Final = "aws:cloudtrail/trail:Trail"
FLAGS: Final = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
DATA_CLASS_TAG: Final = "data-classification"


def is_log_target(bucket: Resource, context: Context) -> bool:
    """Whether access logs of other buckets are delivered to it, and none of its own to itself."""
    sources = context.stack.referring(bucket, LOGGING, "targetBucket")
    own = {logging.urn for logging in context.stack.referring(bucket, LOGGING, "bucket")}
    return bool(sources) and not any(source.urn in own for source in sources)


def is_trail_bucket(bucket: Resource, context: Context) -> bool:
    """Whether a trail writes the audit log to it."""
    return bool(context.stack.referring(bucket, TRAIL, "s3BucketName"))


def _flags(block: Resource, _context: Context) -> Iterator[Problem]:
    for name in FLAGS:
        view = block.at(name)
        if view.flag() is not True:
            yield Problem(name, show(view.value), f"Set {name} to true.")


def _no_public_statement(policy: Resource, _context: Context) -> Iterator[Problem]:
    for statement in statements(policy.at("policy")):
        if statement.allows and statement.public and not statement.narrowed:
            yield Problem(statement.path, shown(statement))


def _tls_only(bucket: Resource, policy: Resource, _context: Context) -> Iterator[Problem]:
    view = policy.at("policy")
    if not denies_plain_transport(statements(view), "s3", _arn(bucket)):
        yield Problem("policy", show(view.value))


def _arn(bucket: Resource) -> str | None:
    name = bucket.props.get("bucket")
    arn = bucket.props.get("arn")
    if isinstance(arn, str) and arn:
        return arn
    return f"arn:aws:s3:::{name}" if isinstance(name, str) and name else None


def _own_key(bucket: Resource, encryption: Resource, context: Context) -> Iterator[Problem]:
    for rule in encryption.at("rules").items() or [encryption.at("rules")]:
        default = rule.at("applyServerSideEncryptionByDefault") if rule.present() else rule
        algorithm = default.at("sseAlgorithm")
        if algorithm.text() == "AES256" and is_log_target(bucket, context):
            continue  # S3 can't deliver access logs under a KMS key
        if algorithm.text() not in {"aws:kms", "aws:kms:dsse"}:
            yield Problem(algorithm.path, show(algorithm.value), "Set sseAlgorithm to aws:kms.")
        elif not is_own_key(default.at("kmsMasterKeyId")):
            key = default.at("kmsMasterKeyId")
            yield Problem(key.path, show(key.value), "Name a KMS key of ours.")


def _bucket_key(bucket: Resource, encryption: Resource, context: Context) -> Iterator[Problem]:
    for rule in encryption.at("rules").items():
        by_s3 = rule.at("applyServerSideEncryptionByDefault", "sseAlgorithm").text() == "AES256"
        if not (by_s3 and is_log_target(bucket, context)) and rule.at("bucketKeyEnabled").flag() is not True:
            yield Problem(rule.at("bucketKeyEnabled").path, show(rule.at("bucketKeyEnabled").value))


def _expires_something(_bucket: Resource, lifecycle: Resource, _context: Context) -> Iterator[Problem]:
    for rule in lifecycle.at("rules").items():
        keeps_everything = not any(
            rule.at(*path).present()
            for path in (
                ("expiration", "days"),
                ("noncurrentVersionExpiration", "noncurrentDays"),
                ("transitions",),
            )
        )
        if rule.at("status").text() == "Enabled" and not keeps_everything:
            return
    yield Problem("rules", show(lifecycle.at("rules").value), "Enable a rule that expires or moves versions.")


def _ends_uploads(_bucket: Resource, lifecycle: Resource, _context: Context) -> Iterator[Problem]:
    for rule in lifecycle.at("rules").items():
        days = rule.at("abortIncompleteMultipartUpload", "daysAfterInitiation").number()
        if rule.at("status").text() == "Enabled" and days is not None:
            return
    yield Problem("rules", show(lifecycle.at("rules").value))


def _keeps_versions(_bucket: Resource, lifecycle: Resource, context: Context) -> Iterator[Problem]:
    for rule in lifecycle.at("rules").items():
        days = rule.at("noncurrentVersionExpiration", "noncurrentDays")
        number = days.number()
        if number is not None and number < context.number("minimum_days"):
            yield Problem(days.path, show(days.value), "Keep versions at least the setting `minimum_days`.")


def _locked(bucket: Resource, context: Context) -> Iterator[Problem]:
    if not is_trail_bucket(bucket, context):
        return
    if bucket.at("objectLockEnabled").flag() is not True:
        yield Problem("objectLockEnabled", show(bucket.at("objectLockEnabled").value))
    locks = context.stack.referring(bucket, LOCK, "bucket")
    if not locks:
        yield Problem("<BucketObjectLockConfiguration>", "absent")
    for lock in locks:
        if lock.at("objectLockEnabled").text() not in {None, "Enabled"}:
            yield Problem(f"<{lock.name}>.objectLockEnabled", show(lock.at("objectLockEnabled").value))
        retention = lock.at("rule", "defaultRetention")
        mode, days, years = retention.at("mode").text(), retention.at("days"), retention.at("years")
        kept = (days.number() or 0) + 365 * (years.number() or 0)
        if mode != "COMPLIANCE" or kept < context.number("minimum_days"):
            yield Problem(f"<{lock.name}>.rule.defaultRetention", show(retention.value))


def _copied(bucket: Resource, context: Context) -> Iterator[Problem]:
    data_class = bucket.at("tags", DATA_CLASS_TAG).text() or bucket.at("tagsAll", DATA_CLASS_TAG).text()
    if (data_class is not None and data_class not in context.names("classes")) or is_log_target(
        bucket, context
    ):
        return
    copies = context.stack.referring(bucket, REPLICATION, "bucket")
    for copy in copies:
        for rule in copy.at("rules").items():
            target = rule.at("destination", "bucket")
            if rule.at("status").text() == "Enabled" and target.present():
                if target.value is UNKNOWN:
                    raise UndecidedError(target.path)
                return
    yield Problem("<BucketReplicationConfig>", "absent or disabled" if copies else "absent")


RULES: Final[tuple[Rule, ...]] = (
    resource_rule(
        "s3-account-block",
        (ACCOUNT_BLOCK,),
        _flags,
        title="The account blocks public access to all its buckets, by all four flags",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("S3.1", "CKV_AWS_53..56"),
        remediation="Set the four flags of the account's public-access block.",
        dormant="account-wide, so it belongs to the account's owner and not to one environment's stack",
    ),
    attached_rule(
        "s3-bucket-block",
        (BUCKET,),
        BLOCK,
        "bucket",
        title="Every bucket has a public-access block",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("S3.8",),
        remediation="Add a BucketPublicAccessBlock for the bucket.",
    ),
    resource_rule(
        "s3-bucket-block-flags",
        (BLOCK,),
        _flags,
        title="A bucket's public-access block sets all four flags",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("S3.8", "CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"),
        remediation="Set blockPublicAcls, blockPublicPolicy, ignorePublicAcls and restrictPublicBuckets to true.",
    ),
    resource_rule(
        "s3-no-public-policy",
        (POLICY,),
        _no_public_statement,
        title="No bucket policy allows everybody anything",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("S3.2", "S3.3", "CKV_AWS_70"),
        remediation="Name the principals, or tie the statement to our account, organisation or endpoint.",
    ),
    forbidden_types(
        "s3-no-acl",
        (ACL,),
        title="No bucket has an access control list",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("S3.12", "CKV_AWS_20", "CKV_AWS_57"),
        remediation="Remove the ACL; grant access by policies.",
    ),
    property_rule(
        "s3-no-inline-acl",
        (BUCKET, *OBJECTS),
        ("acl",),
        IS_ABSENT,
        title="No bucket or object sets an access control list of its own",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("S3.12",),
        remediation="Remove acl; the bucket's owner owns every object.",
    ),
    attached_rule(
        "s3-ownership",
        (BUCKET,),
        OWNERSHIP,
        "bucket",
        expects(("rule", "objectOwnership"), equals("BucketOwnerEnforced")),
        title="The bucket's owner owns every object, which turns access control lists off",
        topic=Topic.ACCESS,
        severity=Severity.MEDIUM,
        public_ids=("S3.12", "CKV2_AWS_65"),
        remediation="Set objectOwnership to BucketOwnerEnforced.",
    ),
    attached_rule(
        "s3-tls-only",
        (BUCKET,),
        POLICY,
        "bucket",
        _tls_only,
        title="Every bucket refuses requests without TLS",
        topic=Topic.TRANSMISSION,
        severity=Severity.HIGH,
        public_ids=("S3.5", "CKV_AWS_379"),
        remediation="Deny s3:* to everybody on the bucket and all in it where aws:SecureTransport is false.",
    ),
    attached_rule(
        "s3-access-logs",
        (BUCKET,),
        LOGGING,
        "bucket",
        expects(("targetBucket",), IS_SET),
        unless=is_log_target,
        title="Every bucket but the log target logs who accessed it",
        topic=Topic.AUDIT,
        severity=Severity.MEDIUM,
        public_ids=("S3.9", "CKV_AWS_18"),
        remediation="Add a BucketLogging to the access-log bucket.",
    ),
    attached_rule(
        "s3-lifecycle",
        (BUCKET,),
        LIFECYCLE,
        "bucket",
        _expires_something,
        title="Every bucket gives up, or moves, old versions or old objects",
        topic=Topic.RETENTION,
        severity=Severity.LOW,
        public_ids=("S3.10", "S3.13", "CKV2_AWS_61"),
        remediation="Add a lifecycle rule with an expiration, for current objects or for noncurrent versions.",
    ),
    attached_rule(
        "s3-versions-kept",
        (BUCKET,),
        LIFECYCLE,
        "bucket",
        _keeps_versions,
        title="Overwritten and deleted versions are kept long enough to undo a mistake",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        remediation="Raise noncurrentVersionExpiration.noncurrentDays.",
        settings={"minimum_days": Setting(30, "days that a deletion can be undone in")},
    ),
    attached_rule(
        "s3-lifecycle-uploads",
        (BUCKET,),
        LIFECYCLE,
        "bucket",
        _ends_uploads,
        title="Every bucket drops uploads that never ended",
        topic=Topic.RETENTION,
        severity=Severity.LOW,
        public_ids=("CKV_AWS_300",),
        remediation="Add abortIncompleteMultipartUpload to an enabled lifecycle rule.",
    ),
    attached_rule(
        "s3-versioning",
        (BUCKET,),
        VERSIONING,
        "bucket",
        expects(("versioningConfiguration", "status"), equals("Enabled")),
        title="Every bucket keeps versions",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        public_ids=("S3.14", "CKV_AWS_21"),
        remediation="Add a BucketVersioning with status Enabled.",
    ),
    stack_rule(
        "s3-log-archive-lock",
        (BUCKET,),
        _locked,
        title="The bucket of the audit trail can't be rewritten: Object Lock in compliance mode",
        topic=Topic.INTEGRITY,
        severity=Severity.HIGH,
        public_ids=("S3.15",),
        reads=(LOCK, TRAIL),
        remediation="Enable Object Lock with a default retention in COMPLIANCE mode.",
        settings={**REQUIRED, "minimum_days": Setting(365, "days that the audit trail can't be deleted")},
    ),
    attached_rule(
        "s3-own-key",
        (BUCKET,),
        ENCRYPTION,
        "bucket",
        _own_key,
        title="Every bucket is encrypted with our key; the access-log bucket, which can't be, by S3's",
        topic=Topic.ENCRYPTION,
        severity=Severity.HIGH,
        public_ids=("S3.17", "CKV_AWS_145"),
        remediation="Set sseAlgorithm to aws:kms and kmsMasterKeyId to a key of ours.",
    ),
    attached_rule(
        "s3-bucket-key",
        (BUCKET,),
        ENCRYPTION,
        "bucket",
        _bucket_key,
        title="Buckets use a bucket key, so that KMS is asked once and not for every object",
        topic=Topic.ENCRYPTION,
        severity=Severity.LOW,
        public_ids=("S3.17",),
        remediation="Set bucketKeyEnabled to true.",
    ),
    stack_rule(
        "s3-replication",
        (BUCKET,),
        _copied,
        title="Buckets whose data class demands it are copied to the recovery Region",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        public_ids=("S3.7", "CKV_AWS_144"),
        reads=(REPLICATION,),
        remediation="Add a BucketReplicationConfig with an enabled rule and a destination in the recovery Region.",
        settings={**REQUIRED, "classes": Setting(("restricted",), "data classes that need a copy elsewhere")},
    ),
    property_rule(
        "s3-no-force-destroy",
        (BUCKET,),
        ("forceDestroy",),
        NOT_TRUE,
        title="No bucket may be destroyed while it holds objects",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        remediation="Set forceDestroy to false; empty the bucket by hand when that is meant.",
        settings=REQUIRED,
    ),
)
