"""`make down`: destroy, then prove that nothing is left."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from local.emulated import emulator_client
from local.errors import LocalError
from local.tagged import PROJECT, refuse_strays, retained_arns, tagged, without_dying

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.environment import Environment
    from local.progress import Progress


def down(environment: Environment, progress: Progress) -> None:
    """Destroy all resources, end all processes, then look for leftovers by other means than our own records.

    Raises:
        LocalError: something could not be destroyed, or something is left; each leftover is named.
    """
    with environment.exclusively("down"):
        if environment.instance.bin.is_dir() and environment.stack.exists():
            _destroy_stack(environment, progress)
        environment.cluster.destroy(progress)
        leftovers = environment.cluster.leftovers()
        if leftovers:
            raise LocalError("The machine still holds:\n" + "\n".join(f"  {left}" for left in leftovers))
        environment.release.remove()
        progress.say("nothing is left: no resource, bucket, table, key alias, pod, process, bridge or mount")
    shutil.rmtree(environment.instance.state, ignore_errors=True)


def _destroy_stack(environment: Environment, progress: Progress) -> None:
    environment.cluster.start(progress)
    stack = environment.stack
    for mended in stack.prepare():
        progress.say(f"engine state: {mended}")
    kept = retained_arns(stack.resources())
    stack.destroy(progress)
    variables = environment.variables
    found = tagged(emulator_client("resourcegroupstaggingapi", variables), PROJECT, stack.name)
    there = without_dying(found, lambda service: emulator_client(service, variables))
    refuse_strays(there, kept, stack.name)
    left = [f"state: {resource['urn']}" for resource in stack.resources()]
    left += [f"aws: {name}" for name in emulated_leftovers(environment.variables)]
    left += [f"kubernetes: {name}" for name in environment.cluster.workload_pods()]
    if left:
        raise LocalError("`pulumi destroy` ended, yet this is left:\n  " + "\n  ".join(left))
    stack.remove()


def emulated_leftovers(variables: Mapping[str, str]) -> Iterator[str]:
    """Buckets, tables, key aliases, roles, queues, topics: by the emulator's own lists, not the engine's."""
    listings = (
        ("s3", "list_buckets", "Buckets", "Name"),
        ("dynamodb", "list_tables", "TableNames", None),
        ("kms", "list_aliases", "Aliases", "AliasName"),
        ("iam", "list_roles", "Roles", "RoleName"),
        ("sqs", "list_queues", "QueueUrls", None),
        ("sns", "list_topics", "Topics", "TopicArn"),
    )
    for service, operation, key, field in listings:
        for entry in getattr(emulator_client(service, variables), operation)().get(key, []):
            name = entry[field] if field else entry
            if not str(name).startswith("alias/aws/"):
                yield f"{service} {name}"
