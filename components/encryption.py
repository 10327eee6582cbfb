"""A key of our own for each domain of data, so that access to one never opens another."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from components.durability import Durability
from components.grants import ROLE, Statement, document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.tags import DataClass, Tags

DELETION_WINDOW_DAYS = range(7, 31)
"""What KMS takes between the order to delete a key and its end (ScheduleKeyDeletion, KMS API)."""

ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ReplicateKey",
    "kms:RetireGrant",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
    "kms:UpdatePrimaryRegion",
)
USE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


class KeyDomain(StrEnum):
    """What is encrypted together; who may open one domain may open nothing else."""

    DATA = "data"
    """Raw, curated and quarantined records."""
    ARTIFACTS = "artifacts"
    """Models and their manifests."""
    RECORDS = "records"
    """Predictions, outcomes and reviews."""
    LOGS = "logs"
    """Who did what: trails, log groups."""
    MESSAGES = "messages"
    """Queues and topics."""
    BACKUPS = "backups"
    """Recovery points of everything that holds data."""
    CLUSTER = "cluster"
    """Kubernetes secrets, and the disks of nodes and of pods."""
    REGISTRY = "registry"
    """The database of runs and models, and the images."""


@dataclass(frozen=True)
class ServiceUse:
    """Use of a key by an AWS service for itself, not in the name of a caller.

    Attributes:
        service: its principal, such as `cloudtrail.amazonaws.com`.
        actions: KMS actions, each exact.
        conditions: what must hold; without any, the service could be made to use the key for a stranger.
        role_arn: the service's own role in this account, where it acts by that and not as itself, default
            None.
    """

    service: str
    actions: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, str | list[str]]]
    role_arn: str | None = None

    def __post_init__(self) -> None:
        """Refuse a use that anybody's resources could borrow."""
        if not self.conditions:
            raise ValueError(
                f"{self.service} would use the key for anybody's resources (the confused deputy). Bind it to "
                "ours by aws:SourceArn, aws:SourceAccount or an encryption context."
            )


@dataclass(frozen=True)
class DataKey:
    """A key as other components see it.

    Attributes:
        arn: the key itself, never an alias: an alias can be pointed elsewhere.
        region: where it is, as the services that may use it are named by Region.
    """

    arn: pulumi.Output[str]
    region: str

    def through(
        self, service: str, actions: tuple[str, ...], context: Mapping[str, pulumi.Input[str]]
    ) -> Statement:
        """Use of the key by way of one service for one resource only, never directly.

        Args:
            service: name of the AWS service, such as s3.
            actions: KMS actions that the service needs in the caller's name.
            context: encryption context that the service binds the data to.
        """
        return Statement(
            actions=actions,
            resources=(self.arn,),
            conditions={
                "StringEquals": {
                    "kms:ViaService": f"{service}.{self.region}.amazonaws.com",
                    **{f"kms:EncryptionContext:{name}": value for name, value in context.items()},
                }
            },
        )


@dataclass(frozen=True)
class EncryptionArgs:
    """What the keys need to know.

    Attributes:
        tags: ownership; the environment in it also names the aliases.
        account_id: the AWS account, 12 digits; whoever its IAM policies name may administer and use the keys.
        region: where the keys are.
        domains: the most sensitive data each key protects; one key each.
        service_uses: services that use a domain's key for themselves, default none.
        grantors: ARNs of the roles that may give grants on a domain's key to whom they like, default none:
            grants are for AWS services only. The cluster's key needs whoever makes the cluster among them, or
            EKS refuses to.
        deletion_window_days: days between the order to delete a key and its end, 7 to 30, default 30. What a
            deleted key encrypted can never be read again, so a short window is for throw-away data only.
        multi_region: whether replicas in other Regions are possible, default False. It can't be changed
            later without a new key and a re-encryption.
        durability: see `Durability`.
    """

    tags: Tags
    account_id: str
    region: str
    domains: Mapping[KeyDomain, DataClass]
    service_uses: Mapping[KeyDomain, Sequence[ServiceUse]] = field(default_factory=dict)
    grantors: Mapping[KeyDomain, Sequence[str]] = field(default_factory=dict)
    deletion_window_days: int = 30
    multi_region: bool = False
    durability: Durability = field(default_factory=Durability)

    def __post_init__(self) -> None:
        """Refuse what KMS would refuse."""
        if self.deletion_window_days not in DELETION_WINDOW_DAYS:
            raise ValueError(
                f"A key's deletion window is {self.deletion_window_days} days; KMS takes 7 to 30. "
                "Change keyDeletionWindowDays in plinth:data."
            )
        for domain, roles in self.grantors.items():
            for role in roles:
                if not ROLE.fullmatch(role):
                    raise ValueError(
                        f"{role!r} is to give grants on the {domain} key, but is not the ARN of one role; "
                        "whoever else it covers could pass the key's use on. Name one role."
                    )


class Encryption(pulumi.ComponentResource):
    """Keys with yearly rotation, one for each domain.

    Attributes:
        keys: the key of each domain.
        key_arns: the same as plain outputs, by the domain's name.
    """

    keys: dict[KeyDomain, DataKey]
    key_arns: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: EncryptionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Encryption", name, None, opts)
        self._prefix = name
        self._args = args
        self.keys = {domain: self._create_key(domain) for domain in args.domains}
        self.key_arns = {domain.value: key.arn for domain, key in self.keys.items()}
        self.register_outputs({"key_arns": self.key_arns})

    def _create_key(self, domain: KeyDomain) -> DataKey:
        args = self._args
        key = aws.kms.Key(
            f"{self._prefix}-{domain}",
            description=f"{args.tags.prefix}: {domain} domain",
            enable_key_rotation=True,
            deletion_window_in_days=args.deletion_window_days,
            multi_region=args.multi_region,
            policy=document(
                key_policy(args.account_id, args.service_uses.get(domain, ()), args.grantors.get(domain, ()))
            ),
            tags=args.tags.aws("encryption", args.domains[domain]),
            opts=args.durability.options(self),
        )
        aws.kms.Alias(
            f"{self._prefix}-{domain}-alias",
            name=f"alias/{args.tags.prefix}-{domain}",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return DataKey(arn=key.arn, region=args.region)


def key_policy(
    account_id: str, services: Sequence[ServiceUse] = (), grantors: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Statements of a key's policy: the account decides by IAM, and nobody outside it but bound services.

    The account's root principal stands for "whom IAM allows"; without it a key can become unmanageable
    (Default key policy, KMS Developer Guide). In a key's policy the resource "*" means this key.
    """
    account = {"AWS": f"arn:aws:iam::{account_id}:root"}
    return [
        {
            "Sid": "AdministrationByIam",
            "Effect": "Allow",
            "Principal": account,
            "Action": list(ADMINISTRATION),
            "Resource": "*",
        },
        {"Sid": "UseByIam", "Effect": "Allow", "Principal": account, "Action": list(USE), "Resource": "*"},
        {
            "Sid": "GrantsForServicesOnly",
            "Effect": "Allow",
            "Principal": account,
            "Action": ["kms:CreateGrant"],
            "Resource": "*",
            "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
        *_grants_by_roles(account, grantors),
        *(
            {
                "Sid": f"Use{index}By{service.service.partition('.')[0].capitalize()}",
                "Effect": "Allow",
                "Principal": {"AWS": service.role_arn} if service.role_arn else {"Service": service.service},
                "Action": list(service.actions),
                "Resource": "*",
                "Condition": service.conditions,
            }
            for index, service in enumerate(services)
        ),
    ]


def _grants_by_roles(account: Mapping[str, str], grantors: Sequence[str]) -> list[dict[str, Any]]:
    """What lets some roles give grants without a word on whom for, if IAM allows them to.

    EKS takes its grant on the key of the secrets from whoever makes the cluster, and KMS can't tell then that
    it is for an AWS service (Encrypt Kubernetes secrets with KMS on existing clusters, EKS User Guide). The
    role is a condition and not the principal: KMS refuses a policy whose principal doesn't exist.
    """
    if not grantors:
        return []
    return [
        {
            "Sid": "GrantsByNamedRoles",
            "Effect": "Allow",
            "Principal": account,
            "Action": ["kms:CreateGrant"],
            "Resource": "*",
            "Condition": {"ArnEquals": {"aws:PrincipalArn": list(grantors)}},
        }
    ]
