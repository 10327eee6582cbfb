"""A small evaluator of IAM's policy language: what one request is allowed by some policies.

It knows what our policies say and refuses to guess: an operator, a variable or an element that it does not
know is an error, never an answer (Policy evaluation logic; IAM JSON policy elements, IAM User Guide).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KNOWN = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal"}


class UnknownElementError(Exception):
    """Something in a policy that the evaluator can't judge."""


@dataclass(frozen=True)
class Request:
    """One thing that somebody asks for.

    Attributes:
        action: `service:Action`.
        resource: ARN.
        context: condition keys with their values.
    """

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def matches(pattern: str, value: str, *, fold: bool = False) -> bool:
    """Whether a pattern with * and ? covers a value; actions are compared without case."""
    if "${" in pattern:
        raise UnknownElementError(f"the policy variable in {pattern!r}")
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, value, re.IGNORECASE | re.DOTALL if fold else re.DOTALL) is not None


def listed(value: Any) -> list[Any]:
    """A single value as a list of one."""
    return [value] if isinstance(value, str | Mapping) else list(value)


OPERATORS = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": matches,
    "ArnEquals": matches,
    "ArnLike": matches,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
    "NumericLessThan": lambda wanted, given: float(given) < float(wanted),
}
NEGATIVE = {"StringNotEquals": "StringEquals", "StringNotLike": "StringLike", "ArnNotEquals": "ArnEquals"}


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Whether every condition holds: one of the values of each key of each operator."""
    known = {key.lower(): value for key, value in context.items()}
    for written, keys in conditions.items():
        if written == "Null":
            if any((key.lower() in known) == (str(absent).lower() == "true") for key, absent in keys.items()):
                return False
            continue
        operator = written.removesuffix("IfExists")
        negative = operator in NEGATIVE
        positive = NEGATIVE.get(operator, operator)
        if positive not in OPERATORS:
            raise UnknownElementError(f"the operator {written}")
        for key, wanted in keys.items():
            given = known.get(key.lower())
            if given is None:
                # An absent key satisfies a negative operator, and one that says "if it exists".
                if negative or written.endswith("IfExists"):
                    continue
                return False
            if any(OPERATORS[positive](str(one), given) for one in listed(wanted)) == negative:
                return False
    return True


def applies(statement: Mapping[str, Any], request: Request) -> bool:
    """Whether a statement is about a request."""
    strangers = set(statement) - KNOWN
    if strangers:
        raise UnknownElementError(f"the elements {strangers}")
    actions = listed(statement.get("Action", statement.get("NotAction", ())))
    resources = listed(statement.get("Resource", statement.get("NotResource", ())))
    about = any(matches(action, request.action, fold=True) for action in actions) != (
        "NotAction" in statement
    )
    on = any(matches(arn, request.resource) for arn in resources) != ("NotResource" in statement)
    return about and on and holds(statement.get("Condition") or {}, request.context)


def allowed(statements: Sequence[Mapping[str, Any]], request: Request) -> bool:
    """Whether an explicit deny is absent and an allow is there."""
    found = {statement["Effect"] for statement in statements if applies(statement, request)}
    return "Allow" in found and "Deny" not in found
