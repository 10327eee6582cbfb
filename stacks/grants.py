"""Who may do what to which store: read off the program itself, for people.

`python -m stacks.grants STACK` prints workload, role, action, resource and condition; with `--document` the
same as a page of the documentation.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from stacks.declaration import record
from stacks.environment import Environment
from stacks.errors import ConfigError
from stacks.release import Images, Release
from stacks.settings import load_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stacks.declaration import Recording

EXAMPLE_DIGEST = "0" * 64
EXAMPLE_RELEASE = Release(model="support2-mortality", version="example", artifact_sha256=EXAMPLE_DIGEST)
"""Grants don't depend on what is served, only on its being served."""

DOCUMENTED = "prod"
SUBJECT = "system:serviceaccount:"


@dataclass(frozen=True)
class Permission:
    """One thing that a role may do.

    Attributes:
        workload: who takes the role: a service account (`namespace/name`) or an AWS service.
        role: name of the role.
        purpose: what for, as the statement's id says it.
        action: `service:Action`, or AWS's own policy.
        resource: what it is done to.
        condition: what has to hold as well, empty if nothing.
    """

    workload: str
    role: str
    purpose: str
    action: str
    resource: str
    condition: str


def declare(stack: str) -> Recording:
    """Everything that an environment declares while it serves a model.

    Raises:
        ConfigError: its config is refused.
    """
    settings = load_file(stack)
    images = Images(
        **{name: f"registry.example.org/{name}@sha256:{EXAMPLE_DIGEST}" for name in Images.model_fields}
    )
    return record(lambda: Environment(settings, images, EXAMPLE_RELEASE).exports(), stack=stack)


def permissions(recording: Recording) -> list[Permission]:
    """Every permission of every role, by workload and role."""
    found = [
        permission
        for role in recording.of("aws:iam/role:Role")
        for permission in _of_role(recording, role.inputs)
    ]
    return sorted(found, key=lambda one: (_is_service(one.workload), one.workload, one.role))


def _is_service(workload: str) -> bool:
    return "/" not in workload


def _of_role(recording: Recording, role: Mapping[str, Any]) -> Iterator[Permission]:
    workload, name = _who(json.loads(role["assumeRolePolicy"])), str(role["name"])
    for attached in sorted(recording.of("RolePolicyAttachment"), key=lambda one: one.name):
        if attached.inputs["role"] == name:
            policy = attached.inputs["policyArn"]
            yield Permission(workload, name, "AWS's own policy", policy.rpartition("/")[2], "as it says", "")
    for policy in recording.of("aws:iam/rolePolicy:RolePolicy"):
        if policy.inputs["role"] == name:
            for statement in json.loads(policy.inputs["policy"])["Statement"]:
                yield from _of_statement(workload, name, statement)


def _of_statement(workload: str, role: str, statement: Mapping[str, Any]) -> Iterator[Permission]:
    resources = statement["Resource"]
    for resource in [resources] if isinstance(resources, str) else resources:
        for action in statement["Action"]:
            yield Permission(
                workload, role, statement["Sid"], action, resource, shown(statement.get("Condition") or {})
            )


def shown(conditions: Mapping[str, Mapping[str, Any]]) -> str:
    """Conditions on one line: `key operator value`, joined by `and`."""
    return " and ".join(
        f"{key} {operator} {value}"
        for operator, keys in sorted(conditions.items())
        for key, value in sorted(keys.items())
    )


def _who(trust: Mapping[str, Any]) -> str:
    (statement,) = trust["Statement"]
    principal = statement["Principal"]
    if "Service" in principal:
        return str(principal["Service"])
    subjects = statement["Condition"]["StringEquals"]
    subject = next(value for key, value in subjects.items() if key.endswith(":sub"))
    return str(subject).removeprefix(SUBJECT).replace(":", "/")


def table(found: Sequence[Permission]) -> str:
    """For a terminal: a block for each workload, a line for each permission."""
    lines = []
    for (workload, role), block in groupby(found, key=lambda one: (one.workload, one.role)):
        lines.append(f"{workload} -> {role}")
        for one in block:
            condition = f"  if {one.condition}" if one.condition else ""
            lines.append(f"  {one.action} -> {one.resource}{condition}")
    return "\n".join(lines) + "\n"


def page(stack: str, found: Sequence[Permission]) -> str:
    """For the documentation."""
    lines = [
        "# Grants",
        "",
        f"Who may do what in `{stack}`, read off the program by `make grants STACK={stack} FORMAT=page`;",
        "a test keeps this page current. Keys appear under the names that the program gives them.",
        "",
        "Workloads in the cluster come first, AWS services after them. What the reference",
        "application's own workloads are granted is compared with what its flows do, by",
        "`tests/stacks/test_least_privilege.py`.",
    ]
    for (workload, role), block in groupby(found, key=lambda one: (one.workload, one.role)):
        lines += ["", f"## {workload}", "", f"Role `{role}`", ""]
        lines += ["| for | action | resource | condition |", "| --- | --- | --- | --- |"]
        for purpose, same in groupby(block, key=lambda one: one.purpose):
            rows = list(same)
            actions = ", ".join(f"`{action}`" for action in dict.fromkeys(one.action for one in rows))
            resources = ", ".join(f"`{name}`" for name in dict.fromkeys(one.resource for one in rows))
            lines.append(f"| {purpose} | {actions} | {resources} | {rows[0].condition or '-'} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of `python -m stacks.grants`."""
    parser = argparse.ArgumentParser(prog="python -m stacks.grants", description=__doc__)
    parser.add_argument("stack", nargs="?", default=DOCUMENTED)
    parser.add_argument("--document", action="store_true", help="as a page of the documentation")
    options = parser.parse_args(arguments)
    try:
        found = permissions(declare(options.stack))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(page(options.stack, found) if options.document else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
