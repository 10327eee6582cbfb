"""What all things of EC2 share: ids of their own, tags set at creation, one describing call for many."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from local.engine.aws.resource_type import Aws, ResourceType
from local.engine.aws.tagging import Tagging, Tags, from_pairs, pairs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.values import Properties


def tag_specification(kind: str, tags: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """Tags in the form that EC2's creating calls take."""
    return [{"ResourceType": kind, "Tags": pairs(tags)}] if tags else None


def _read_tags(aws: Aws, identity: str, _known: Properties) -> Tags:
    filters = [{"Name": "resource-id", "Values": [identity]}]
    return from_pairs(aws.call("ec2", "describe_tags", Filters=filters)["Tags"])


def _write_tags(aws: Aws, identity: str, _known: Properties, tags: Tags) -> None:
    aws.call("ec2", "create_tags", Resources=[identity], Tags=pairs(tags))


def _remove_tags(aws: Aws, identity: str, _known: Properties, names: list[str]) -> None:
    aws.call("ec2", "delete_tags", Resources=[identity], Tags=[{"Key": name} for name in names])


TAGGING = Tagging(_read_tags, _write_tags, _remove_tags)


def ec2_type(sdk_type: str, kind: str, **entry: Any) -> ResourceType:  # noqa: ANN401 - the rest of an entry
    """An entry of the table for a thing with an id and tags.

    Args:
        sdk_type: the SDK's type token.
        kind: what EC2 calls it in ARNs.
        entry: see `ResourceType`.
    """
    return ResourceType(
        sdk_type=sdk_type,
        tagging=TAGGING,
        from_arn=lambda _aws, arn: arn.rsplit("/", 1)[-1],
        owns_arn=partial(_owns, kind),
        **entry,
    )


def _owns(kind: str, arn: str) -> bool:
    return ":ec2:" in arn and f":{kind}/" in arn


def one(aws: Aws, operation: str, member: str, **parameters: object) -> dict[str, Any] | None:
    """The one thing that a describing call tells of; None if there is none."""
    answer = aws.find("ec2", operation, **parameters)
    return next((dict(found) for found in (answer or {}).get(member, [])), None)
