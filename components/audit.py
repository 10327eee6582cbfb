"""Who did what in the account, kept where nobody can change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from components.bucket import Bucket, BucketArgs, LockMode, ObjectLock
from components.durability import Durability
from components.grants import Grant, Statement
from components.log_group import LogGroup, LogGroupArgs
from components.service_role import ServiceRole, ServiceRoleArgs
from components.tags import DataClass, Tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.encryption import DataKey

COMPONENT = "audit"
SERVICE = "cloudtrail.amazonaws.com"

LIFECYCLE_MARGIN_DAYS = 1
"""Objects end this long after their lock, so that the lifecycle never meets a version it may not delete."""


@dataclass(frozen=True)
class AuditArgs:
    """What the trail needs to know.

    Attributes:
        tags: ownership; the environment in it also names trail, bucket and log group.
        account_id: the AWS account, 12 digits.
        region: home Region of the trail; it records all Regions.
        key: of the domain of logs; its policy has to admit this trail and this log group.
        access_logs: name of the bucket that logs who reads the archive.
        data_event_buckets: ARNs of the buckets whose objects' every reading and writing is recorded.
        retention_days: days that the archive keeps, and locks, every record, default 400.
        lock_mode: default compliance: nobody can shorten it.
        search_days: days that the log group keeps for searching, default 90.
        durability: see `Durability`.
    """

    tags: Tags
    account_id: str
    region: str
    key: DataKey
    access_logs: pulumi.Input[str]
    data_event_buckets: Sequence[pulumi.Input[str]]
    retention_days: int = 400
    lock_mode: LockMode = LockMode.COMPLIANCE
    search_days: int = 90
    durability: Durability = field(default_factory=Durability)

    def __post_init__(self) -> None:
        """Refuse an archive that can't be kept and thrown away at once."""
        if self.lock_mode is LockMode.COMPLIANCE and self.durability.force_destroy:
            raise ValueError(
                "The archive is locked in compliance mode and is to be emptied on deletion; nobody can do "
                "that. Set lockMode to GOVERNANCE in plinth:audit, or forceDestroy to false in plinth:data."
            )


class Audit(pulumi.ComponentResource):
    """A trail of all Regions with validated files, in a locked archive and in a log group.

    Attributes:
        trail_arn: the trail.
        archive_bucket: name of the bucket that keeps its files.
        log_group_name: where its events can be searched and alarmed on.
    """

    trail_arn: pulumi.Output[str]
    archive_bucket: pulumi.Output[str]
    log_group_name: pulumi.Output[str]

    def __init__(self, name: str, args: AuditArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Audit", name, None, opts)
        self._prefix = name
        self._args = args
        archive = self._create_archive()
        group = self._create_log_group()
        role = self._create_role(group)
        trail = self._create_trail(archive, group, role)
        self.trail_arn = trail.arn
        self.archive_bucket = archive.bucket_name
        self.log_group_name = group.group_name
        self.register_outputs(
            {
                "trail_arn": self.trail_arn,
                "archive_bucket": self.archive_bucket,
                "log_group_name": self.log_group_name,
            }
        )

    def _create_archive(self) -> Bucket:
        args = self._args
        bucket_name = archive_name(args.tags, args.account_id)
        return Bucket(
            f"{self._prefix}-archive",
            BucketArgs(
                bucket_name=bucket_name,
                key=args.key,
                tags=args.tags.aws(COMPONENT, DataClass.CONFIDENTIAL),
                access_logs=args.access_logs,
                noncurrent_days=args.retention_days + LIFECYCLE_MARGIN_DAYS,
                expire_days=args.retention_days + LIFECYCLE_MARGIN_DAYS,
                lock=ObjectLock(args.lock_mode, args.retention_days),
                extra_statements=trail_delivery(
                    bucket_name, trail_arn(args.tags, args.account_id, args.region), args.account_id
                ),
                durability=args.durability,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_log_group(self) -> LogGroup:
        args = self._args
        return LogGroup(
            f"{self._prefix}-search",
            LogGroupArgs(
                group_name=f"{args.tags.log_prefix}audit",
                key=args.key,
                retention_days=args.search_days,
                tags=args.tags.aws(COMPONENT, DataClass.CONFIDENTIAL),
                durability=args.durability,
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_role(self, group: LogGroup) -> ServiceRole:
        args = self._args
        write = Statement(
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=(pulumi.Output.concat(group.arn, ":log-stream:*"),),
        )
        return ServiceRole(
            f"{self._prefix}-delivery",
            ServiceRoleArgs(
                tags=args.tags,
                role="audit-delivery",
                service=SERVICE,
                account_id=args.account_id,
                grants=[Grant("write the trail's events", (write,))],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_trail(self, archive: Bucket, group: LogGroup, role: ServiceRole) -> aws.cloudtrail.Trail:
        args = self._args
        return aws.cloudtrail.Trail(
            f"{self._prefix}-trail",
            name=trail_name(args.tags),
            s3_bucket_name=archive.bucket_name,
            kms_key_id=args.key.arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            enable_logging=True,
            cloud_watch_logs_group_arn=group.arn.apply(lambda arn: f"{arn}:*"),
            cloud_watch_logs_role_arn=role.arn,
            advanced_event_selectors=[self._management_events(), *self._data_events()],
            tags=args.tags.aws(COMPONENT, DataClass.CONFIDENTIAL),
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.durability.protect, retain_on_delete=args.durability.retain
            ),
        )

    def _management_events(self) -> aws.cloudtrail.TrailAdvancedEventSelectorArgs:
        return aws.cloudtrail.TrailAdvancedEventSelectorArgs(
            name="everything that changes or reads resources",
            field_selectors=[
                aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs(
                    field="eventCategory", equals=["Management"]
                )
            ],
        )

    def _data_events(self) -> list[aws.cloudtrail.TrailAdvancedEventSelectorArgs]:
        if not self._args.data_event_buckets:
            return []
        field = aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs
        objects = [pulumi.Output.concat(arn, "/") for arn in self._args.data_event_buckets]
        return [
            aws.cloudtrail.TrailAdvancedEventSelectorArgs(
                name="every object of the data stores",
                field_selectors=[
                    field(field="eventCategory", equals=["Data"]),
                    field(field="resources.type", equals=["AWS::S3::Object"]),
                    field(field="resources.ARN", starts_withs=objects),
                ],
            )
        ]


def trail_name(tags: Tags) -> str:
    """Name of an environment's trail."""
    return f"{tags.prefix}-trail"


def trail_arn(tags: Tags, account_id: str, region: str) -> str:
    """ARN of an environment's trail, before it exists: its bucket and its key have to name it."""
    return f"arn:aws:cloudtrail:{region}:{account_id}:trail/{trail_name(tags)}"


def archive_name(tags: Tags, account_id: str) -> str:
    """Name of the archive's bucket, which the bucket that it logs to has to know before."""
    return f"{tags.prefix}-audit-{account_id}"


def trail_delivery(bucket_name: str, trail: str, account_id: str) -> list[dict[str, Any]]:
    """Statements by which CloudTrail may deliver one trail's files (CloudTrail User Guide, bucket policy)."""
    bucket = f"arn:aws:s3:::{bucket_name}"
    service = {"Effect": "Allow", "Principal": {"Service": SERVICE}}
    return [
        {
            **service,
            "Sid": "AllowTrailCheck",
            "Action": "s3:GetBucketAcl",
            "Resource": bucket,
            "Condition": {"StringEquals": {"aws:SourceArn": trail}},
        },
        {
            **service,
            "Sid": "AllowTrailDelivery",
            "Action": "s3:PutObject",
            "Resource": f"{bucket}/AWSLogs/{account_id}/*",
            "Condition": {
                "StringEquals": {"aws:SourceArn": trail, "s3:x-amz-acl": "bucket-owner-full-control"}
            },
        },
    ]
