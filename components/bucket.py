"""An S3 bucket that is private, encrypted, versioned and logged, and that hands out narrow grants."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from components.bucket_policy import refusals
from components.durability import Durability
from components.grants import Grant, Statement, document
from components.tags import demand_class

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.encryption import DataKey

ABORT_UPLOADS_DAYS = 7
"""Parts of an upload that never ended are invisible and cost money; a week is longer than any upload here."""


class LockMode(StrEnum):
    """Who can shorten what an Object Lock keeps."""

    GOVERNANCE = "GOVERNANCE"
    """Whoever has s3:BypassGovernanceRetention; for environments that must be able to go."""
    COMPLIANCE = "COMPLIANCE"
    """Nobody, the account's root included, until the time is over."""


@dataclass(frozen=True)
class ObjectLock:
    """Write once, read many.

    Attributes:
        mode: see `LockMode`.
        days: how long no version can be deleted or overwritten; in compliance mode a mistake here costs
            storage for as long.
    """

    mode: LockMode
    days: int


@dataclass(frozen=True)
class BucketArgs:
    """What a bucket needs to know.

    Attributes:
        bucket_name: its global name, 3 to 63 characters; a change replaces the bucket.
        key: our key. None only for a target of S3's access logs, which S3 can't deliver under a KMS key
            (Enabling server access logging, S3 User Guide); such a bucket is encrypted by S3's own keys.
        tags: AWS tags, the data class among them.
        access_logs: name of the bucket that logs who did what here; None only for the log bucket itself.
        noncurrent_days: days that overwritten and deleted versions are kept, default 90. It is the time in
            which an accidental deletion can be undone.
        expire_days: days until a current object is deleted, default None: never.
        lock: keeps every version for a time, default None. It can only be given when the bucket is made.
        extra_statements: statements of the bucket's policy beyond the refusals that every bucket has.
        durability: see `Durability`.
    """

    bucket_name: str
    key: DataKey | None
    tags: Mapping[str, str]
    access_logs: pulumi.Input[str] | None
    noncurrent_days: int = 90
    expire_days: int | None = None
    lock: ObjectLock | None = None
    extra_statements: Sequence[Mapping[str, Any]] = ()
    durability: Durability = field(default_factory=Durability)

    def __post_init__(self) -> None:
        """Refuse a lifecycle that keeps nothing, and data that nobody classified."""
        demand_class(self.bucket_name, self.tags)
        if self.noncurrent_days < 1 or (self.expire_days is not None and self.expire_days < 1):
            raise ValueError(
                f"The bucket {self.bucket_name} keeps versions {self.noncurrent_days} days and objects "
                f"{self.expire_days} days; both are at least 1. Change the days in plinth:data."
            )


class Bucket(pulumi.ComponentResource):
    """A bucket with everything that secures it.

    Attributes:
        bucket_name: its name; known only when the bucket is encrypted, versioned and closed, so that whoever
            uses the name can't write too early.
        arn: its ARN, known at once.
    """

    bucket_name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Bucket", name, None, opts)
        self._prefix = name
        self._args = args
        self._key = args.key
        self._bucket = self._create_bucket()
        self.arn = self._bucket.arn
        secured = [
            self._create_public_access_block(),
            self._create_ownership(),
            self._create_encryption(),
            versioning := self._create_versioning(),
            self._create_lifecycle(versioning),
            self._create_policy(),
            *self._create_lock(versioning),
            *self._create_logging(),
        ]
        self.bucket_name = pulumi.Output.all(self._bucket.bucket, *[part.id for part in secured]).apply(
            lambda values: str(values[0])
        )
        self.register_outputs({"bucket_name": self.bucket_name, "arn": self.arn})

    def grant_read(self, purpose: str, *paths: str) -> Grant:
        """Reading of objects.

        Args:
            purpose: the words a reader sees beside the grant.
            paths: exact keys, or folders that end in `/*`.
        """
        return self._grant(purpose, paths, ("s3:GetObject",), ("kms:Decrypt",))

    def grant_write(self, purpose: str, *paths: str) -> Grant:
        """Writing of objects, each in one request; not reading, not deleting.

        Args:
            purpose: the words a reader sees beside the grant.
            paths: exact keys, or folders that end in `/*`.
        """
        return self._grant(purpose, paths, ("s3:PutObject",), ("kms:GenerateDataKey",))

    def grant_write_parts(self, purpose: str, *paths: str) -> Grant:
        """Writing of objects too large for one request.

        S3 decrypts the parts to join them, in the writer's name, so this opens what the key protects.

        Args:
            purpose: the words a reader sees beside the grant.
            paths: exact keys, or folders that end in `/*`.
        """
        return self._grant(
            purpose,
            paths,
            ("s3:AbortMultipartUpload", "s3:PutObject"),
            ("kms:Decrypt", "kms:GenerateDataKey"),
        )

    def _grant(
        self, purpose: str, paths: Sequence[str], actions: tuple[str, ...], key_actions: tuple[str, ...]
    ) -> Grant:
        resources = tuple(pulumi.Output.concat(self.arn, "/", path) for path in paths)
        statements = [Statement(actions=actions, resources=resources)]
        if self._key is not None:
            # With a bucket key S3 binds the data to the bucket's ARN, not to the object's.
            statements.append(self._key.through("s3", key_actions, {"aws:s3:arn": self.arn}))
        return Grant(purpose, tuple(statements))

    def _create_bucket(self) -> aws.s3.Bucket:
        args = self._args
        return aws.s3.Bucket(
            f"{self._prefix}-bucket",
            bucket=args.bucket_name,
            force_destroy=args.durability.force_destroy,
            object_lock_enabled=args.lock is not None,
            tags=dict(args.tags),
            opts=args.durability.options(self),
        )

    def _create_public_access_block(self) -> aws.s3.BucketPublicAccessBlock:
        return aws.s3.BucketPublicAccessBlock(
            f"{self._prefix}-public-access",
            bucket=self._bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._args.durability.companion(self),
        )

    def _create_ownership(self) -> aws.s3.BucketOwnershipControls:
        return aws.s3.BucketOwnershipControls(
            f"{self._prefix}-ownership",
            bucket=self._bucket.id,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self._args.durability.companion(self),
        )

    def _create_encryption(self) -> aws.s3.BucketServerSideEncryptionConfiguration:
        by_default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
            sse_algorithm="aws:kms" if self._key else "AES256",
            kms_master_key_id=self._key.arn if self._key else None,
        )
        return aws.s3.BucketServerSideEncryptionConfiguration(
            f"{self._prefix}-encryption",
            bucket=self._bucket.id,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=by_default,
                    bucket_key_enabled=self._key is not None,
                )
            ],
            opts=self._args.durability.companion(self),
        )

    def _create_versioning(self) -> aws.s3.BucketVersioning:
        return aws.s3.BucketVersioning(
            f"{self._prefix}-versioning",
            bucket=self._bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=self._args.durability.companion(self),
        )

    def _create_lifecycle(self, versioning: aws.s3.BucketVersioning) -> aws.s3.BucketLifecycleConfiguration:
        args = self._args
        rule = aws.s3.BucketLifecycleConfigurationRuleArgs(
            id="retention",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            abort_incomplete_multipart_upload=(
                aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                    days_after_initiation=ABORT_UPLOADS_DAYS
                )
            ),
            noncurrent_version_expiration=(
                aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                    noncurrent_days=args.noncurrent_days
                )
            ),
            expiration=(
                aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.expire_days)
                if args.expire_days is not None
                else None
            ),
        )
        options = pulumi.ResourceOptions.merge(
            args.durability.companion(self),
            pulumi.ResourceOptions(depends_on=[versioning]),  # rules on versions are refused without them
        )
        return aws.s3.BucketLifecycleConfiguration(
            f"{self._prefix}-lifecycle", bucket=self._bucket.id, rules=[rule], opts=options
        )

    def _create_policy(self) -> aws.s3.BucketPolicy:
        return aws.s3.BucketPolicy(
            f"{self._prefix}-policy",
            bucket=self._bucket.id,
            policy=document([*refusals(self.arn, self._key), *self._args.extra_statements]),
            opts=self._args.durability.companion(self),
        )

    def _create_lock(self, versioning: aws.s3.BucketVersioning) -> list[aws.s3.BucketObjectLockConfiguration]:
        lock = self._args.lock
        if lock is None:
            return []
        retention = aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
            mode=lock.mode.value, days=lock.days
        )
        options = pulumi.ResourceOptions.merge(
            self._args.durability.companion(self), pulumi.ResourceOptions(depends_on=[versioning])
        )
        return [
            aws.s3.BucketObjectLockConfiguration(
                f"{self._prefix}-lock",
                bucket=self._bucket.id,
                rule=aws.s3.BucketObjectLockConfigurationRuleArgs(default_retention=retention),
                opts=options,
            )
        ]

    def _create_logging(self) -> list[aws.s3.BucketLogging]:
        if self._args.access_logs is None:
            return []
        return [
            aws.s3.BucketLogging(
                f"{self._prefix}-logging",
                bucket=self._bucket.id,
                target_bucket=self._args.access_logs,
                target_prefix=f"{self._args.bucket_name}/",
                opts=self._args.durability.companion(self),
            )
        ]
