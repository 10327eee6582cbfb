"""IAM policy documents, parsed once and strictly for every rule that reads one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from policies.core.values import MalformedError, UndecidedError, View, show

STATEMENT_KEYS: Final = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
NARROWING_KEYS: Final = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "kms:calleraccount",
    }
)
"""Condition keys that tie a statement to callers of ours, whatever its principal."""
EXACT_OPERATORS: Final = frozenset({"stringequals", "arnequals", "stringequalsignorecase"})
PATTERN_OPERATORS: Final = frozenset({"stringlike", "arnlike"})
WHOLE_SERVICE: Final = {"sns": "sns:publish"}
"""What stands for a whole service where its policies can't say `service:*` (Amazon SNS API permissions)."""
LARGEST_DOCUMENT: Final = 131_072
"""Characters; the largest policy that any AWS service accepts is far smaller."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document; actions and condition operators and keys in lower case."""

    path: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]
    everyone_but: bool
    all_actions_but: bool
    all_resources_but: bool

    @property
    def public(self) -> bool:
        """Whether it names everybody as its principal."""
        return self.everyone_but or any(name == "*" for _, name in self.principals)

    @property
    def narrowed(self) -> bool:
        """Whether a condition ties it to named accounts, organisations, networks or sources."""
        return self.narrowed_by(NARROWING_KEYS)

    def narrowed_by(self, demanded: AbstractSet[str]) -> bool:
        """Whether a condition demands values of one of some keys (lower case), and not any value."""
        return any(
            key in demanded and values and not any(_names_all(value) for value in values)
            for operator, keys in self.conditions.items()
            if operator in EXACT_OPERATORS | PATTERN_OPERATORS
            for key, values in keys.items()
        )

    def covers_action(self, action: str) -> bool:
        """Whether an action (lower case) falls under it."""
        listed = any(fnmatchcase(action, pattern) for pattern in self.actions)
        return not listed if self.all_actions_but else listed

    def covers_resource(self, arn: str) -> bool:
        """Whether a resource falls under it."""
        listed = any(fnmatchcase(arn, pattern) for pattern in self.resources)
        return not listed if self.all_resources_but else listed


def statements(view: View) -> list[Statement]:
    """The statements of a document: JSON text or an object.

    Raises:
        UndecidedError: it, or a part of it, is unknown or encrypted.
        MalformedError: AWS would not accept it, or it could be read in two ways.
    """
    document = view.whole()
    if document is None:
        return []
    if isinstance(document, str):
        document = _parse(document, view.path)
    root = View(document, view.path)
    unexpected = set(root.mapping()) - {"Version", "Id", "Statement"}
    if unexpected or "Statement" not in root.mapping():
        raise MalformedError(view.path, document, "a policy document with Version and Statement")
    held = root.at("Statement")
    members = [held] if isinstance(held.value, Mapping) else held.items()
    if not members:
        raise MalformedError(held.path, held.value, "at least one statement")
    return [_statement(member) for member in members]


def _parse(text: str, path: str) -> object:
    if len(text) > LARGEST_DOCUMENT:
        raise MalformedError(path, text, f"at most {LARGEST_DOCUMENT} characters")
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise MalformedError(path, text, "JSON without duplicate keys") from error


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # The last of two equal keys would win here and be refused by AWS: no document with both is trusted.
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise ValueError("duplicate key")
    return keys


def _statement(view: View) -> Statement:
    unexpected = set(view.mapping()) - STATEMENT_KEYS
    if unexpected:
        raise MalformedError(view.path, sorted(map(str, unexpected)), "the keys of a statement")
    effect = view.at("Effect").text()
    if effect not in {"Allow", "Deny"}:
        raise MalformedError(f"{view.path}.Effect", effect, "Allow or Deny")
    all_actions_but, actions = _either(view, "Action", required=True)
    all_resources_but, resources = _either(view, "Resource", required=False)
    everyone_but = view.at("NotPrincipal").present()
    return Statement(
        path=view.path,
        allows=effect == "Allow",
        actions=tuple(action.lower() for action in actions),
        resources=tuple(resources),
        principals=tuple(_principals(view.at("NotPrincipal" if everyone_but else "Principal"))),
        conditions=_conditions(view.at("Condition")),
        everyone_but=everyone_but,
        all_actions_but=all_actions_but,
        all_resources_but=all_resources_but,
    )


def _either(view: View, key: str, *, required: bool) -> tuple[bool, list[str]]:
    """`Action` or `NotAction`, `Resource` or `NotResource`: whether it is negated, and its values."""
    negated, plain = view.at(f"Not{key}"), view.at(key)
    if negated.present() and plain.present():
        raise MalformedError(view.path, view.value, f"either {key} or Not{key}")
    if required and not negated.present() and not plain.present():
        raise MalformedError(f"{view.path}.{key}", None, "at least one value")
    return negated.present(), _strings(negated if negated.present() else plain)


def _strings(view: View) -> list[str]:
    if isinstance(view.value, str):
        return [view.value]
    values = view.texts()
    if view.present() and not values:
        raise MalformedError(view.path, view.value, "at least one value")
    return values


def _principals(view: View) -> Iterable[tuple[str, str]]:
    if isinstance(view.value, str):
        return [("*", view.value)]
    return [(kind, name) for kind, held in view.entries() for name in _strings(held)]


def _conditions(view: View) -> dict[str, dict[str, tuple[str, ...]]]:
    parsed: dict[str, dict[str, tuple[str, ...]]] = {}
    for operator, keys in view.entries():
        parsed[operator.lower()] = {key.lower(): tuple(_scalars(held)) for key, held in keys.entries()}
    return parsed


def _scalars(view: View) -> list[str]:
    held = [view] if not isinstance(view.value, list | tuple) else view.items()
    return [_scalar(item) for item in held]


def _scalar(view: View) -> str:
    value = view.known()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise MalformedError(view.path, value, "a string, a number or a flag")


def _names_all(value: str) -> bool:
    """Whether a pattern leaves out nobody in particular: no account, name or id remains without wildcards."""
    return not value.replace("*", "").replace("?", "").replace(":", "").removeprefix("arnaws").strip()


def denies_plain_transport(found: Iterable[Statement], service: str, arn: str | None) -> bool:
    """Whether a document denies everybody a whole service without TLS, on the resource and all in it.

    Args:
        found: the document's statements.
        service: prefix of the service's actions, such as `s3`.
        arn: the resource; None where it isn't known, when only statements on every resource count.
    """
    probe = WHOLE_SERVICE.get(service, f"{service}:*")
    for statement in found:
        if statement.allows or not statement.public or statement.everyone_but:
            continue
        conditions = {
            (operator, key): values
            for operator, keys in statement.conditions.items()
            for key, values in keys.items()
        }
        if conditions != {("bool", "aws:securetransport"): ("false",)}:
            continue
        if not statement.covers_action(probe) or not statement.resources:
            continue
        targets = [arn] if service != "s3" else [arn, f"{arn}/*"]
        if "*" in statement.resources or (
            arn is not None and all(statement.covers_resource(str(t)) for t in targets)
        ):
            return True
    return False


def denies_old_tls(found: Iterable[Statement], arn: str | None) -> bool:
    """Whether a bucket's policy denies everybody everything over TLS before 1.2, also on objects."""
    for statement in found:
        if statement.allows or not statement.public or statement.everyone_but:
            continue
        if set(statement.conditions) != {"numericlessthan"} or set(
            statement.conditions["numericlessthan"]
        ) != {"s3:tlsversion"}:
            continue
        versions = statement.conditions["numericlessthan"]["s3:tlsversion"]
        targets = [arn, f"{arn}/*"]
        everywhere = "*" in statement.resources or (
            arn is not None and all(statement.covers_resource(str(target)) for target in targets)
        )
        if statement.covers_action("s3:*") and everywhere and versions in {("1.2",), ("1.3",)}:
            return True
    return False


def shown(statement: Statement) -> str:
    """A statement as a finding prints it."""
    return show(
        {
            "Effect": "Allow" if statement.allows else "Deny",
            "Principal": [name for _, name in statement.principals],
            ("NotAction" if statement.all_actions_but else "Action"): list(statement.actions),
            ("NotResource" if statement.all_resources_but else "Resource"): list(statement.resources),
        }
    )


__all__ = ["Statement", "UndecidedError", "denies_plain_transport", "shown", "statements"]
