"""`make leftovers STACK=... STATE=...`: what an account still holds after a `pulumi destroy`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import yaml

from local.errors import LocalError
from local.instance import CHECKOUT
from local.tagged import (
    PROJECT,
    refuse_strays,
    retained_arns,
    tagged,
    without_cancelled_profiles,
    without_deleted_gateways,
    without_dying_keys,
)

if TYPE_CHECKING:
    from pathlib import Path

    from local.progress import Progress


def leftovers(stack: str, state: Path, progress: Progress) -> None:
    """List by tag, with the shell's own AWS credentials, what is left; nothing is changed.

    Args:
        stack: name of the environment.
        state: what `pulumi stack export` gave before the destroy; it says what is retained.
        progress: where it is told.

    Raises:
        LocalError: something is left that was not to be retained, or a file can't be read.
    """
    try:
        config = yaml.safe_load((CHECKOUT / "stacks" / f"Pulumi.{stack}.yaml").read_text())["config"]
        resources = json.loads(state.read_text())["deployment"].get("resources") or []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LocalError(
            f"The config of {stack}, or the state in {state}, can't be read: {error}. Write the state before "
            f"a destroy: `pulumi stack export --stack {stack} --file {state}`."
        ) from error
    region = config["aws:region"]
    found = tagged(boto3.client("resourcegroupstaggingapi", region_name=region), PROJECT, stack)
    left = without_dying_keys(found, boto3.client("kms", region_name=region))
    left = without_cancelled_profiles(left, boto3.client("signer", region_name=region))
    left = without_deleted_gateways(left, boto3.client("ec2", region_name=region))
    for arn in sorted(left):
        progress.say(f"left: {arn}")
    refuse_strays(left, retained_arns(resources), stack)
    progress.say(f"{len(left)} resources of {stack} are left in {region}, each retained on purpose")
