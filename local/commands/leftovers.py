"""`make leftovers STACK=... STATE=...`: what an account still holds after a `pulumi destroy`."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import yaml

from local.errors import LocalError
from local.instance import CHECKOUT
from local.tagged import PROJECT, refuse_strays, retained_arns, tagged, without_dying

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
    client: Any = partial(boto3.client, region_name=region)  # the stubs know services by literal names only
    left = without_dying(tagged(client("resourcegroupstaggingapi"), PROJECT, stack), client)
    for arn in sorted(left):
        progress.say(f"left: {arn}")
    refuse_strays(left, retained_arns(resources), stack)
    progress.say(f"{len(left)} resources of {stack} are left in {region}, each retained on purpose")
