"""Permissions as small values: a store hands them out, an identity collects them into its policy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

POLICY_VERSION = "2012-10-17"

ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9]+")
"""One service, one action, no wildcard."""

WORD = re.compile(r"[A-Za-z0-9]+")
"""What a statement's id may consist of."""

READING = re.compile(r":(Describe|Get|List)[A-Z]")
"""Actions that change nothing."""

RESOURCE = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:\d*:[^*?]+(/\*|:log-stream:\*)?")
"""An exact ARN, or everything below a path or in a log group; never a wildcard anywhere else."""

ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+")
"""The ARN of one role: no account, which is everybody in it, and no pattern."""

Conditions = Mapping[str, Mapping[str, pulumi.Input[str]]]
"""Operator, then condition key, then the value it has to have."""


@dataclass(frozen=True)
class Statement:
    """Some actions on some resources, allowed under some conditions.

    Attributes:
        actions: exact names, `service:Action`.
        resources: exact ARNs, or a path followed by `/*`.
        conditions: what must hold as well.
        unscoped: why there are no resources, default empty: there have to be. Only for actions that AWS
            defines no resources for.
    """

    actions: tuple[str, ...]
    resources: tuple[pulumi.Input[str], ...]
    conditions: Conditions = field(default_factory=dict)
    unscoped: str = ""

    def __post_init__(self) -> None:
        """Refuse wildcards in what is known already."""
        if self.unscoped and (self.resources or not all(map(READING.search, self.actions))):
            raise ValueError(
                f"The actions {', '.join(self.actions)} are to be allowed on everything ({self.unscoped}), "
                "but they do more than look, or resources are named. Name the resources only."
            )
        if not self.actions or not (self.resources or self.unscoped):
            raise ValueError("A statement without actions or resources grants nothing; leave it out.")
        for action in self.actions:
            if not ACTION.fullmatch(action):
                raise ValueError(
                    f"The action {action!r} is not one exact action such as s3:GetObject. A wildcard grants "
                    "what no flow uses; name each action."
                )
        for resource in self.resources:
            if isinstance(resource, str):
                check_resource(resource)


@dataclass(frozen=True)
class Grant:
    """What a workload may do to one store, with the key permissions that follow from it.

    Attributes:
        purpose: the words a reader sees beside it, such as "read the dataset".
        statements: what the policy says.
    """

    purpose: str
    statements: tuple[Statement, ...]


def check_resource(arn: str) -> str:
    """Return the ARN if it is exact, or everything below a path.

    Raises:
        ValueError: it has a wildcard anywhere else, or is not an ARN.
    """
    if not RESOURCE.fullmatch(arn):
        raise ValueError(
            f"The resource {arn!r} is not an exact ARN, nor an ARN that ends in /*. A wildcard elsewhere "
            "reaches what nobody meant; ask the store for a narrower grant."
        )
    return arn


def policy_document(grants: Sequence[Grant]) -> pulumi.Output[str]:
    """The identity policy that allows exactly these grants, as JSON.

    Raises:
        ValueError: there are no grants; an empty policy is refused by IAM. A resource that turns out not to
            be exact is refused when its ARN is known.
    """
    if not grants:
        raise ValueError(
            "A policy needs at least one grant; IAM refuses an empty one. Give the workload none."
        )
    statements: list[Mapping[str, Any]] = [
        {
            "Sid": f"{''.join(WORD.findall(grant.purpose.title()))}{index}",
            "Effect": "Allow",
            "Action": sorted(statement.actions),
            "Resource": (
                "*"
                if statement.unscoped
                else [pulumi.Output.from_input(arn).apply(check_resource) for arn in statement.resources]
            ),
            **({"Condition": statement.conditions} if statement.conditions else {}),
        }
        for index, (grant, statement) in enumerate(
            (grant, statement) for grant in grants for statement in grant.statements
        )
    ]
    return document(statements)


def document(statements: Sequence[Mapping[str, Any]]) -> pulumi.Output[str]:
    """A policy document of ready-made statements, as JSON: key, bucket and trust policies."""
    return pulumi.Output.json_dumps(
        {"Version": POLICY_VERSION, "Statement": list(statements)}, sort_keys=True
    )
