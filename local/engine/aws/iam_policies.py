"""Managed policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local.engine.aws.iam_common import orphan, text_of
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import by_target, pairs

if TYPE_CHECKING:
    from local.engine.values import Properties

VERSIONS: Final = 5
"""A policy keeps at most so many versions."""

SESSION_SECONDS: Final = 3600


def _create_policy(aws: Aws, wanted: Wanted) -> str:
    answer = aws.call(
        "iam",
        "create_policy",
        PolicyName=wanted["name"],
        Path=wanted["path"],
        PolicyDocument=wanted["policy"],
        Description=wanted["description"],
        Tags=pairs(wanted.tags),
    )
    return str(answer["Policy"]["Arn"])


def _read_policy(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    policy = aws.call("iam", "get_policy", PolicyArn=identity)["Policy"]
    version = aws.call("iam", "get_policy_version", PolicyArn=identity, VersionId=policy["DefaultVersionId"])[
        "PolicyVersion"
    ]
    return {
        "arn": policy["Arn"],
        "name": policy["PolicyName"],
        "path": policy["Path"],
        "policyId": policy["PolicyId"],
        "attachmentCount": policy.get("AttachmentCount", 0),
        "description": policy.get("Description") or None,
        "policy": text_of(version["Document"]),
    }


def _old_versions(aws: Aws, identity: str) -> list[str]:
    versions = aws.call("iam", "list_policy_versions", PolicyArn=identity)["Versions"]
    by_age = sorted(versions, key=lambda version: int(version["VersionId"].removeprefix("v")))
    return [version["VersionId"] for version in by_age if not version["IsDefaultVersion"]]


def _put_policy(aws: Aws, identity: str, wanted: Wanted) -> None:
    old = _old_versions(aws, identity)
    if len(old) >= VERSIONS - 1:
        aws.attempt("iam", "delete_policy_version", PolicyArn=identity, VersionId=old[0])
    aws.call(
        "iam",
        "create_policy_version",
        PolicyArn=identity,
        PolicyDocument=wanted["policy"],
        SetAsDefault=True,
    )


def _delete_policy(aws: Aws, identity: str, _known: Properties) -> None:
    for version in _old_versions(aws, identity):
        aws.attempt("iam", "delete_policy_version", PolicyArn=identity, VersionId=version)
    aws.attempt("iam", "delete_policy", PolicyArn=identity)


def _tagged_policy(aws: Aws, _wanted: Wanted, resource: str, tag: str) -> str | None:
    return orphan(aws, "policy", resource, tag, POLICY, lambda policy: str(policy["Arn"]))


POLICY: Final = ResourceType(
    sdk_type="aws:iam/policy:Policy",
    create=_create_policy,
    read=_read_policy,
    delete=_delete_policy,
    parts=(Part(("policy",), _put_policy, at_creation=False),),
    replaces=frozenset({"name", "namePrefix", "path", "description"}),
    name="name",
    name_limit=128,
    documents=frozenset({"policy"}),
    defaults={"path": "/"},
    remembers=("namePrefix", "delayAfterPolicyCreationInMs"),
    tagging=by_target(
        "iam",
        "PolicyArn",
        of=lambda identity, _known: identity,
        read="list_policy_tags",
        write="tag_policy",
        remove="untag_policy",
    ),
    identify=lambda aws, wanted: aws.arn("iam", f"policy{wanted['path'] or '/'}{wanted['name']}", region=""),
    find_by_tag=_tagged_policy,
    regional=False,
)


TYPES = (POLICY,)
