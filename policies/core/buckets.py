"""Checks of buckets: what a bucket has around it, and what its policy says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.build import IS_ABSENT, is_own_key
from policies.core.documents import denies_old_tls, denies_plain_transport, shown, statements
from policies.core.rules import Context, Problem
from policies.core.selection import is_copied
from policies.core.values import UNKNOWN, UndecidedError, View, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def flags(block: Resource, _context: Context) -> Iterator[Problem]:
    """Each of the four flags is set."""
    for name in FLAGS:
        view = block.at(name)
        if view.flag() is not True:
            yield Problem(name, show(view.value), f"Set {name} to true.")


def no_public_statement(policy: Resource, _context: Context) -> Iterator[Problem]:
    """No statement allows everybody anything."""
    for statement in statements(policy.at("policy")):
        if statement.allows and statement.public and not statement.narrowed:
            yield Problem(statement.path, shown(statement))


def tls_only(bucket: Resource, policy: Resource, _context: Context) -> Iterator[Problem]:
    """The policy denies whatever comes without TLS."""
    view = policy.at("policy")
    if not denies_plain_transport(statements(view), "s3", arn(bucket)):
        yield Problem("policy", show(view.value))


def modern_tls(bucket: Resource, policy: Resource, _context: Context) -> Iterator[Problem]:
    """The policy denies versions of TLS before 1.2."""
    if not denies_old_tls(statements(policy.at("policy")), arn(bucket)):
        yield Problem("policy", "no statement that denies TLS before 1.2")


def logs_kept(bucket: Resource, context: Context) -> Iterator[Problem]:
    """A bucket of access logs, or of the audit trail, keeps them long enough."""
    if not is_log_target(bucket, context) and not is_trail_bucket(bucket, context):
        return
    for lifecycle in context.stack.referring(bucket, LIFECYCLE, "bucket"):
        for rule in lifecycle.at("rules").items():
            days = rule.at("expiration", "days")
            number = days.number()
            if number is not None and number < context.number("minimum_days"):
                yield Problem(f"<{lifecycle.name}>.{days.path}", show(days.value))


def arn(bucket: Resource) -> str | None:
    """The ARN of a bucket, also where only its name is known."""
    name = bucket.props.get("bucket")
    arn = bucket.props.get("arn")
    if isinstance(arn, str) and arn:
        return arn
    return f"arn:aws:s3:::{name}" if isinstance(name, str) and name else None


def own_key(bucket: Resource, encryption: Resource, context: Context) -> Iterator[Problem]:
    """Every default rule names a key of ours; an access-log bucket may use S3's."""
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


def object_key(held: Resource, _context: Context) -> Iterator[Problem]:
    """An object that chooses its own encryption chooses a key of ours."""
    algorithm, key = held.at("serverSideEncryption"), held.at("kmsKeyId")
    if algorithm.text() is None and not key.present():
        return  # the bucket's default applies, which is judged
    if algorithm.text() not in {None, "aws:kms", "aws:kms:dsse"}:
        yield Problem(algorithm.path, show(algorithm.value), "Leave it to the bucket, or set it to aws:kms.")
    elif not is_own_key(key):
        yield Problem(key.path, show(key.value), "Name a KMS key of ours.")


def bucket_key(bucket: Resource, encryption: Resource, context: Context) -> Iterator[Problem]:
    """Every default rule that uses KMS uses a bucket key."""
    for rule in encryption.at("rules").items():
        by_s3 = rule.at("applyServerSideEncryptionByDefault", "sseAlgorithm").text() == "AES256"
        if not (by_s3 and is_log_target(bucket, context)) and rule.at("bucketKeyEnabled").flag() is not True:
            yield Problem(rule.at("bucketKeyEnabled").path, show(rule.at("bucketKeyEnabled").value))


def expires_something(_bucket: Resource, lifecycle: Resource, _context: Context) -> Iterator[Problem]:
    """An enabled rule expires or moves something."""
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


def ends_uploads(_bucket: Resource, lifecycle: Resource, _context: Context) -> Iterator[Problem]:
    """An enabled rule ends uploads that never ended."""
    for rule in lifecycle.at("rules").items():
        days = rule.at("abortIncompleteMultipartUpload", "daysAfterInitiation").number()
        if rule.at("status").text() == "Enabled" and days is not None:
            return
    yield Problem("rules", show(lifecycle.at("rules").value))


def keeps_versions(_bucket: Resource, lifecycle: Resource, context: Context) -> Iterator[Problem]:
    """No rule gives versions up too early."""
    for rule in lifecycle.at("rules").items():
        days = rule.at("noncurrentVersionExpiration", "noncurrentDays")
        number = days.number()
        if number is not None and number < context.number("minimum_days"):
            yield Problem(days.path, show(days.value), "Keep versions at least the setting `minimum_days`.")


def of_copies(*path: str) -> Callable[[Resource], Iterator[View]]:
    """A value of every rule of a replication; one that has no rules copies nothing."""

    def values(replication: Resource) -> Iterator[View]:
        for rule in replication.at("rules").items() or [replication.at("rules")]:
            yield rule.at(*path)

    return values


def locked(bucket: Resource, context: Context) -> Iterator[Problem]:
    """A bucket of the audit trail has Object Lock in compliance mode."""
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


def _of_all(rule: View, context: Context) -> bool:
    """Whether a rule of a replication is narrowed to no prefix and no tag, in its filter or the older way."""
    chosen = rule.at("filter")
    narrowings = (rule.at("prefix"), chosen.at("prefix"), chosen.at("tag"), chosen.at("and"))
    return all(IS_ABSENT.holds(view, context) for view in narrowings)


def copied(bucket: Resource, context: Context) -> Iterator[Problem]:
    """A bucket of a demanding data class is replicated, or its backups are copied to another Region."""
    data_class = bucket.at("tags", DATA_CLASS_TAG).text() or bucket.at("tagsAll", DATA_CLASS_TAG).text()
    if (data_class is not None and data_class not in context.names("classes")) or is_log_target(
        bucket, context
    ):
        return
    copies = context.stack.referring(bucket, REPLICATION, "bucket")
    for copy in copies:
        for rule in copy.at("rules").items():
            target = rule.at("destination", "bucket")
            if rule.at("status").text() == "Enabled" and target.present() and _of_all(rule, context):
                if target.value is UNKNOWN:
                    raise UndecidedError(target.path)
                return
    if not is_copied(bucket, context.stack):
        found = (
            "absent, disabled or of some objects only"
            if copies
            else "absent, and its backups aren't copied either"
        )
        yield Problem("<BucketReplicationConfig>", found)
