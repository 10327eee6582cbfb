"""Image repositories with their policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine.aws.modelled import Calls, first, modelled
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import by_target, pairs

if TYPE_CHECKING:
    from local.engine.values import Properties


def _put_scanning(aws: Aws, identity: str, wanted: Wanted) -> None:
    scan = bool((wanted["imageScanningConfiguration"] or {}).get("scanOnPush"))
    aws.call(
        "ecr",
        "put_image_scanning_configuration",
        repositoryName=identity,
        imageScanningConfiguration={"scanOnPush": scan},
    )


def _put_mutability(aws: Aws, identity: str, wanted: Wanted) -> None:
    aws.call(
        "ecr",
        "put_image_tag_mutability",
        repositoryName=identity,
        imageTagMutability=wanted["imageTagMutability"] or "MUTABLE",
    )


def _one_encryption(given: Properties) -> Properties:
    """The SDK has a list of one where the API has one."""
    listed = given.pop("encryptionConfigurations", None)
    return {**given, "encryptionConfiguration": listed[0]} if listed else given


def _more(_aws: Aws, _identity: str, told: Properties, _known: Properties) -> Properties:
    encryption = told.get("encryptionConfiguration") or {"encryptionType": "AES256"}
    return {
        "arn": told["repositoryArn"],
        "repositoryUrl": told["repositoryUri"],
        "encryptionConfigurations": [
            {member: encryption[member] for member in ("encryptionType", "kmsKey") if member in encryption}
        ],
    }


def _policy(sdk_type: str, put: str, get: str, delete: str, text: str) -> ResourceType:
    """A document that a repository has one of; its id is the repository's name."""

    def putting(aws: Aws, identity: str, wanted: Wanted) -> None:
        aws.call("ecr", put, repositoryName=identity, **{text: wanted["policy"]})

    def create(aws: Aws, wanted: Wanted) -> str:
        putting(aws, str(wanted["repository"]), wanted)
        return str(wanted["repository"])

    def read(aws: Aws, identity: str, _known: Properties) -> Properties | None:
        answer = aws.find("ecr", get, repositoryName=identity)
        if answer is None:
            return None
        registry = answer.get("registryId") or aws.account
        return {"repository": identity, "policy": answer[text], "registryId": registry}

    def remove(aws: Aws, identity: str, _known: Properties) -> None:
        aws.attempt("ecr", delete, repositoryName=identity)

    return ResourceType(
        sdk_type=sdk_type,
        create=create,
        read=read,
        delete=remove,
        parts=(Part(("policy",), putting, at_creation=False),),
        replaces=frozenset({"repository"}),
        documents=frozenset({"policy"}),
    )


TYPES = (
    modelled(
        "aws:ecr/repository:Repository",
        Calls(
            service="ecr",
            create="CreateRepository",
            read="DescribeRepositories",
            delete="DeleteRepository",
            pick=first("repositories"),
            identity=lambda wanted, _answer: str(wanted["name"]),
            key=lambda identity: {"repositoryName": identity},
            read_key=lambda identity: {"repositoryNames": [identity]},
            names={"name": "repositoryName"},
            tags=("tags", pairs),
            more=_more,
            delete_with=lambda known: {"force": bool(known.get("forceDelete"))},
            adapt=_one_encryption,
        ),
        takes=("name", "imageTagMutability", "imageScanningConfiguration", "encryptionConfigurations"),
        parts=(
            Part(("imageTagMutability",), _put_mutability, at_creation=False),
            Part(("imageScanningConfiguration",), _put_scanning, at_creation=False),
        ),
        name="name",
        name_limit=256,
        lowercase=True,
        defaults={
            "imageTagMutability": "MUTABLE",
            "forceDelete": False,
            "imageScanningConfiguration": {"scanOnPush": False},
            "encryptionConfigurations": [{"encryptionType": "AES256"}],
        },
        remembers=("forceDelete",),
        tagging=by_target("ecr", "resourceArn", tags="tags", keys="tagKeys"),
        identify=lambda _aws, wanted: str(wanted["name"]),
    ),
    _policy(
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "put_lifecycle_policy",
        "get_lifecycle_policy",
        "delete_lifecycle_policy",
        "lifecyclePolicyText",
    ),
    _policy(
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        "set_repository_policy",
        "get_repository_policy",
        "delete_repository_policy",
        "policyText",
    ),
)
