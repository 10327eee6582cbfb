"""Which resources a backup plan reaches, as AWS Backup reads its selections."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from policies.core.values import UNKNOWN, UndecidedError, View

if TYPE_CHECKING:
    from policies.core.resources import Resource, Stack

PLAN: Final = "aws:backup/plan:Plan"
SELECTION: Final = "aws:backup/selection:Selection"
VAULT: Final = "aws:backup/vault:Vault"


def rules_of(plan: Resource) -> list[View]:
    """A plan's rules; one that can't be right where there are none."""
    rules = plan.at("rules").items()
    return rules or [plan.at("rules")]


def stays(plan: Resource, stack: Stack) -> list[View]:
    """Those rules of a plan whose backups aren't copied to another Region.

    Raises:
        UndecidedError: the plan's own Region isn't known.
    """
    here = _region(plan, stack)
    return [
        rule
        for rule in rules_of(plan)
        if not {_region_of(copy.at("destinationVaultArn")) for copy in rule.at("copyActions").items()}
        - {here, ""}
    ]


def _region_of(arn: View) -> str:
    parts = (arn.text() or "").split(":")
    return parts[3] if len(parts) > 3 else ""  # noqa: PLR2004 - arn:partition:service:region:...


def _region(plan: Resource, stack: Stack) -> str:
    for resource in (plan, *stack.of(VAULT)):
        region = resource.at("region").text() or _region_of(resource.at("arn"))
        if region:
            return region
    raise UndecidedError("arn", "the plan's own Region isn't known")


def is_copied(resource: Resource, stack: Stack) -> bool:
    """Whether backups of a resource are copied to another Region: no plan keeps them here.

    Raises:
        UndecidedError: it can't be told yet.
    """
    plans = stack.of(PLAN)
    return bool(plans) and is_selected(resource, stack) and not any(stays(plan, stack) for plan in plans)


def is_selected(resource: Resource, stack: Stack) -> bool:
    """Whether a selection of a plan in the stack names a resource or its tags.

    Raises:
        UndecidedError: no selection is known to, but one of them can't be read yet.
    """
    referring = {selection.urn for selection in _naming(resource, stack)}
    undecided: UndecidedError | None = None
    for selection in stack.of(SELECTION):
        try:
            if _has_plan(selection, stack) and _selects(
                selection, resource, named=selection.urn in referring
            ):
                return True
        except UndecidedError as error:
            undecided = undecided or error
    if undecided is not None:
        raise undecided
    return False


def _naming(resource: Resource, stack: Stack) -> list[Resource]:
    try:
        return stack.referring(resource, SELECTION, "resources")
    except UndecidedError:
        return []


def _has_plan(selection: Resource, stack: Stack) -> bool:
    return any(
        selection.urn == candidate.urn
        for plan in stack.of(PLAN)
        for candidate in stack.referring(plan, SELECTION, "planId")
    )


def _selects(selection: Resource, resource: Resource, *, named: bool) -> bool:
    arn = _arn(resource)
    if any(_matches(pattern, arn) for pattern in selection.at("notResources").items()):
        return False
    if not all(_condition_holds(condition, resource) for condition in selection.at("conditions").items()):
        return False
    if named or any(
        tag.at("type").text() == "STRINGEQUALS"
        and _tag(resource, tag.at("key").text()) == tag.at("value").text()
        for tag in selection.at("selectionTags").items()
    ):
        return True
    return any(_matches(pattern, arn) for pattern in selection.at("resources").items())


def _condition_holds(condition: View, resource: Resource) -> bool:
    # Only equality is read; a selection narrowed in another way is taken to leave the resource out.
    if any(view.present() and view.items() for kind, view in condition.entries() if kind != "stringEquals"):
        return False
    return all(
        _tag(resource, (equal.at("key").text() or "").removeprefix("aws:ResourceTag/"))
        == equal.at("value").text()
        for equal in condition.at("stringEquals").items()
    )


def _matches(pattern: View, arn: View) -> bool:
    text = pattern.text()
    if text == "*":
        return True
    known = arn.text()
    return text is not None and known is not None and fnmatchcase(known, text)


def _arn(resource: Resource) -> View:
    if resource.at("arn").present():
        return resource.at("arn")
    bucket = resource.props.get("bucket")
    if resource.type == "aws:s3/bucket:Bucket" and isinstance(bucket, str):
        return View(f"arn:aws:s3:::{bucket}", "arn")
    return View(UNKNOWN, "arn")


def _tag(resource: Resource, key: str | None) -> object:
    for prop in ("tagsAll", "tags"):
        tags = resource.props.get(prop)
        if isinstance(tags, Mapping) and key in tags:
            return tags[key]
    return UNKNOWN if UNKNOWN in (resource.props.get("tags"), resource.props.get("tagsAll")) else object()
