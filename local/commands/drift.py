"""`make drift STACK=...`: name what was changed behind Pulumi's back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.drift import find_drift
from local.errors import LocalError
from local.instance import STACK
from local.stack import Stack

if TYPE_CHECKING:
    from local.environment import Environment
    from local.progress import Progress


def drift(environment: Environment, progress: Progress, stack: str) -> None:
    """Say what is not as the last update left it.

    Any other stack than the local one is asked for with the state backend, the credentials and the provider
    plugins of the shell that this is called from.

    Raises:
        LocalError: something was changed, each with its resource and its properties; or there is no answer.
    """
    asked = environment.stack if stack == STACK else Stack(environment.instance, {}, stack)
    with progress.step(f"compare {stack} with what exists"):
        found = find_drift(asked)
    if found:
        lines = "\n".join(f"  {drifted}" for drifted in found)
        remedy = "`make up`" if stack == STACK else f"`pulumi up --refresh --stack {stack}`"
        raise LocalError(f"Changed behind Pulumi's back:\n{lines}\n{remedy} puts it back.")
    progress.say(f"{stack} is as the last update left it")
