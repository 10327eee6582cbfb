"""A repository of images: scanned, under our key, and with no tag that can be moved."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.durability import Durability

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.encryption import DataKey


@dataclass(frozen=True)
class RepositoryArgs:
    """What a repository needs to know.

    Attributes:
        repository: its name in the account and Region, a path.
        key: our key; a change replaces the repository.
        tags: AWS tags, the data class among them.
        untagged_days: days after which an image without a tag is deleted, default 30. Tagged ones stay: a
            release may go back to any of them.
        durability: see `Durability`.
    """

    repository: str
    key: DataKey
    tags: Mapping[str, str]
    untagged_days: int = 30
    durability: Durability = field(default_factory=Durability)

    def __post_init__(self) -> None:
        """Refuse a lifecycle that ECR would refuse."""
        if self.untagged_days < 1:
            raise ValueError(
                f"The repository {self.repository} keeps untagged images {self.untagged_days} days; at "
                "least 1 is needed. Change untaggedDays in plinth:modelRegistry."
            )


class Repository(pulumi.ComponentResource):
    """Where images of one kind are pushed to and pulled from, by digest.

    Attributes:
        url: what image references begin with.
        arn: the repository.
    """

    url: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: RepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Repository", name, None, opts)
        repository = aws.ecr.Repository(
            f"{name}-repository",
            name=args.repository,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[
                aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.key.arn)
            ],
            force_delete=args.durability.force_destroy,
            tags=dict(args.tags),
            opts=args.durability.options(self),
        )
        aws.ecr.LifecyclePolicy(
            f"{name}-lifecycle",
            repository=repository.name,
            policy=json.dumps({"rules": [forget_untagged(args.untagged_days)]}),
            opts=args.durability.companion(self),
        )
        self.url = repository.repository_url
        self.arn = repository.arn
        self.register_outputs({"url": self.url, "arn": self.arn})


def forget_untagged(days: int) -> dict[str, object]:
    """Rule by which what no tag names goes after some days."""
    return {
        "rulePriority": 1,
        "description": "what no tag names",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": days,
        },
        "action": {"type": "expire"},
    }
