"""What an account still holds of an environment, by its tags: for after a `pulumi destroy`."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PROJECT = "plinth"
"""What every environment's resources have in the tag `project`."""

AUTOMATED_SNAPSHOT = re.compile(r"(arn:[^:]+:rds:[^:]+:[0-9]+):snapshot:rds:(.+)-[0-9]{4}(?:-[0-9]{2}){4}")
"""RDS keeps the prefix `rds:` to itself: a snapshot that a person takes can't bear it."""

PROJECT_TAG, ENVIRONMENT_TAG = "project", "environment"


def tagged(client: Any, project: str, environment: str) -> set[str]:  # noqa: ANN401 - botocore's client
    """ARNs of everything in the client's account and Region that bears an environment's tags.

    Args:
        client: of the service `resourcegroupstaggingapi`.
        project: value of the tag `project`.
        environment: value of the tag `environment`.
    """
    filters = [
        {"Key": PROJECT_TAG, "Values": [project]},
        {"Key": ENVIRONMENT_TAG, "Values": [environment]},
    ]
    pages = client.get_paginator("get_resources").paginate(TagFilters=filters)
    return {entry["ResourceARN"] for page in pages for entry in page["ResourceTagMappingList"]}


def without_dying(arns: Iterable[str], client: Callable[[str], Any]) -> set[str]:
    """Leave out what was deleted as far as AWS does that at once: it costs nothing and goes by itself.

    Args:
        arns: what bears the tags.
        client: gives botocore's client of a service; called only for a service whose word is needed.
    """
    clients = functools.cache(client)
    return {arn for arn in arns if not any(is_dying(arn, clients) for is_dying in DYING)}


def _is_dying_key(arn: str, client: Callable[[str], Any]) -> bool:
    """Whether a key's deletion has been ordered: it goes when its window ends."""
    if ":kms:" not in arn or ":key/" not in arn:
        return False
    return bool(client("kms").describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == "PendingDeletion")


def _is_cancelled_profile(arn: str, client: Callable[[str], Any]) -> bool:
    """Whether a signing profile was cancelled: Signer deletes none at once, and it signs nothing."""
    _, found, name = arn.partition(":/signing-profiles/")
    return bool(found) and client("signer").get_signing_profile(profileName=name)["status"] == "Canceled"


def _is_deleted_gateway(arn: str, client: Callable[[str], Any]) -> bool:
    """Whether a NAT gateway was deleted: AWS goes on to show it, tags and all, for about an hour.

    Source: Amazon VPC User Guide, Work with NAT gateways.
    """
    _, found, identity = arn.partition(":natgateway/")
    if not found:
        return False
    filters = [{"Name": "nat-gateway-id", "Values": [identity]}]
    answer = client("ec2").describe_nat_gateways(Filters=filters)
    return all(gateway["State"] == "deleted" for gateway in answer["NatGateways"])


DYING = (_is_dying_key, _is_cancelled_profile, _is_deleted_gateway)


def retained_arns(resources: Iterable[Mapping[str, Any]]) -> set[str]:
    """ARNs of what a state, as it was before the destroy, keeps on purpose."""
    found = set()
    for resource in resources:
        arn = (resource.get("outputs") or {}).get("arn")
        if resource.get("retainOnDelete") and isinstance(arn, str):
            found.add(arn.removesuffix(":*"))
    return found


def _database_of(arn: str) -> str:
    """The database whose automated backup this is; it bears its tags and goes with it. Else the ARN."""
    return AUTOMATED_SNAPSHOT.sub(r"\1:db:\2", arn)


def refuse_strays(left: set[str], kept: set[str], environment: str) -> None:
    """Refuse what is left without a purpose.

    Raises:
        LocalError: names each.
    """
    strays = sorted(arn for arn in left if not {arn.removesuffix(":*"), _database_of(arn)} & kept)
    if strays:
        lines = "\n".join(f"  {arn}" for arn in strays)
        raise LocalError(
            f"The account still holds what bears the tags of {environment}, and was not to be retained:\n"
            f"{lines}\nSomebody made it outside of Pulumi, or the destroy did not finish. Delete it, or "
            "bring it under the stack with `pulumi import` and retain it there."
        )
