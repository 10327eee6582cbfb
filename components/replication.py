"""A second copy of every object, in another Region, minutes after it was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.grants import Grant, Statement
from components.service_role import ServiceRole, ServiceRoleArgs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.bucket import Bucket
    from components.durability import Durability
    from components.encryption import DataKey, KeyDomain
    from components.tags import Tags

SERVICE = "s3.amazonaws.com"
REPLICATION_MINUTES = 15
"""What S3 promises, and reports when it is missed (S3 Replication Time Control)."""


@dataclass(frozen=True)
class Twin:
    """The environment whose buckets take the copies; it has to be there first.

    Attributes:
        environment: name of its stack.
        region: where it is.
        keys: ARNs of its keys, by domain; of those whose buckets are copied, none missing.
    """

    environment: str
    region: str
    keys: Mapping[KeyDomain, str]


@dataclass(frozen=True)
class Source:
    """A bucket that is copied.

    Attributes:
        bucket: the bucket.
        bucket_name: its name, as far as the program knows it without asking.
        domain: whose key it is under.
        key: that key.
    """

    bucket: Bucket
    bucket_name: str
    domain: KeyDomain
    key: DataKey


@dataclass(frozen=True)
class ReplicationArgs:
    """What the copying needs to know.

    Attributes:
        tags: ownership; the environment in it is replaced by the twin's in the names of its buckets.
        account_id: the AWS account of both, 12 digits.
        sources: what is copied, by a name for each.
        twin: where to.
        durability: of the rules: kept as long as the data.
    """

    tags: Tags
    account_id: str
    sources: Mapping[str, Source]
    twin: Twin
    durability: Durability

    def __post_init__(self) -> None:
        """Refuse to copy to itself, or under a key that nobody named."""
        if self.twin.environment == self.tags.environment:
            raise ValueError(
                f"The buckets of {self.tags.environment} are to be copied to those of the same environment. "
                "Name another one in replicateTo of plinth:data."
            )
        missing = sorted({source.domain for source in self.sources.values()} - set(self.twin.keys))
        if missing:
            raise ValueError(
                f"There is no key of {self.twin.environment} for {', '.join(missing)}; the copies "
                "could be encrypted by nothing. Take the ARNs from that stack's outputs, and put them into "
                "keys under replicateTo of plinth:data."
            )


class Replication(pulumi.ComponentResource):
    """A role and a rule for each bucket."""

    def __init__(self, name: str, args: ReplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Replication", name, None, opts)
        self._prefix = name
        self._args = args
        role = ServiceRole(
            f"{name}-service",
            ServiceRoleArgs(
                tags=args.tags,
                role="replication",
                service=SERVICE,
                account_id=args.account_id,
                grants=[grant for source in args.sources.values() for grant in self._grants(source)],
            ),
            pulumi.ResourceOptions(parent=self),
        )
        for label, source in args.sources.items():
            self._copy(label, source, role)
        self.register_outputs({})

    def _target(self, source: Source) -> str:
        """ARN of the twin's bucket: the same name, but for the environment in it."""
        ours, theirs = self._args.tags.environment, self._args.twin.environment
        project = self._args.tags.project
        rest = source.bucket_name.removeprefix(f"{project}-{ours}")
        return f"arn:aws:s3:::{project}-{theirs}{rest}"

    def _grants(self, source: Source) -> list[Grant]:
        arn, twin = source.bucket.arn, self._args.twin
        target = self._target(source)
        objects = pulumi.Output.concat(arn, "/*")
        read = (
            Statement(("s3:GetReplicationConfiguration", "s3:ListBucket"), (arn,)),
            Statement(
                ("s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"),
                (objects,),
            ),
            source.key.through("s3", ("kms:Decrypt",), {"aws:s3:arn": arn}),
        )
        write = (
            Statement(("s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"), (f"{target}/*",)),
            Statement(
                ("kms:Encrypt", "kms:GenerateDataKey"),
                (twin.keys[source.domain],),
                {
                    "StringEquals": {
                        "kms:ViaService": f"s3.{twin.region}.amazonaws.com",
                        "kms:EncryptionContext:aws:s3:arn": target,
                    }
                },
            ),
        )
        return [Grant("copy from here", read), Grant("copy to the twin", write)]

    def _copy(self, label: str, source: Source, role: ServiceRole) -> None:
        s3 = aws.s3
        minutes = s3.BucketReplicationConfigRuleDestinationReplicationTimeTimeArgs(
            minutes=REPLICATION_MINUTES
        )
        late = s3.BucketReplicationConfigRuleDestinationMetricsEventThresholdArgs(minutes=REPLICATION_MINUTES)
        destination = s3.BucketReplicationConfigRuleDestinationArgs(
            bucket=self._target(source),
            storage_class="STANDARD_IA",
            encryption_configuration=s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(
                replica_kms_key_id=self._args.twin.keys[source.domain]
            ),
            replication_time=s3.BucketReplicationConfigRuleDestinationReplicationTimeArgs(
                status="Enabled", time=minutes
            ),
            metrics=s3.BucketReplicationConfigRuleDestinationMetricsArgs(
                status="Enabled", event_threshold=late
            ),
        )
        encrypted = s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs(
            status="Enabled"
        )
        rule = s3.BucketReplicationConfigRuleArgs(
            id="to-the-twin",
            status="Enabled",
            priority=1,
            filter=s3.BucketReplicationConfigRuleFilterArgs(prefix=""),
            # A deletion here must not delete there: the twin is what such a mistake is mended from.
            delete_marker_replication=s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(
                status="Disabled"
            ),
            source_selection_criteria=s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs(
                sse_kms_encrypted_objects=encrypted
            ),
            destination=destination,
        )
        s3.BucketReplicationConfig(
            f"{self._prefix}-{label}",
            # Known only when the bucket is versioned, without which S3 refuses the rule.
            bucket=source.bucket.bucket_name,
            role=role.arn,
            rules=[rule],
            opts=self._args.durability.companion(self),
        )
