"""Builders for the rules that ask one property for one thing: most of them do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, Unpack

from policies.core.rules import Check, Context, Problem, Rule, Scope, Setting, Severity, Topic
from policies.core.values import MalformedError, UndecidedError, View, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from policies.core.resources import Resource


class Metadata(TypedDict, total=False):
    """What every rule says of itself; see `Rule`."""

    title: str
    topic: Topic
    severity: Severity
    public_ids: tuple[str, ...]
    remediation: str
    settings: dict[str, Setting]
    reads: tuple[str, ...]
    resolved_only: bool
    dormant: str


@dataclass(frozen=True)
class Expect:
    """What a value must be, and how a report says it."""

    words: str
    holds: Callable[[View, Context], bool]


IS_TRUE = Expect("true", lambda view, _: view.flag() is True)
IS_FALSE = Expect("false, said explicitly", lambda view, _: view.flag() is False)
NOT_TRUE = Expect("false or absent", lambda view, _: view.flag() in {None, False})
IS_SET = Expect("set", lambda view, _: bool(view.known()))
IS_ABSENT = Expect("absent", lambda view, _: not view.present() or view.known() in ("", [], {}))


def is_own_key(view: View) -> bool:
    """Whether a value names a KMS key of ours: set, and not one of AWS's own aliases."""
    key = (view.text() or "").strip()
    return bool(key) and not key.startswith("alias/aws/") and ":alias/aws/" not in key


OWN_KEY = Expect("a KMS key of ours", lambda view, _: is_own_key(view))


def equals(*values: str) -> Expect:
    """One of some strings."""
    return Expect(" or ".join(values), lambda view, _: view.text() in values)


def at_least(setting: str) -> Expect:
    """A number not below a setting of the rule."""

    def holds(view: View, context: Context) -> bool:
        number = view.number()
        return number is not None and number >= context.number(setting)

    return Expect(f"at least the setting `{setting}`", holds)


def property_rule(
    rule_id: str, types: tuple[str, ...], path: tuple[str, ...], expect: Expect, **metadata: Unpack[Metadata]
) -> Rule:
    """A rule on one property of each resource of some types."""

    def check(resource: Resource, context: Context) -> Iterator[Problem]:
        view = resource.at(*path)
        if not expect.holds(view, context):
            yield Problem(view.path, show(view.value), f"Set {view.path} to {expect.words}.")

    return Rule(id=rule_id, types=types, check=check, **_complete(metadata))


def each_rule(
    rule_id: str,
    types: tuple[str, ...],
    values: Callable[[Resource], Iterator[View]],
    expect: Expect,
    **metadata: Unpack[Metadata],
) -> Rule:
    """A rule on each of several values of a resource; a resource that has none of them passes."""

    def check(resource: Resource, context: Context) -> Iterator[Problem]:
        yield from judged(values(resource), expect, context)

    return Rule(id=rule_id, types=types, check=check, **_complete(metadata))


def judged(views: Iterable[View], expect: Expect, context: Context) -> Iterator[Problem]:
    """What is wrong with each of several values; an unknown one doesn't hide the others."""
    unreadable: UndecidedError | None = None
    for view in views:
        try:
            if not expect.holds(view, context):
                yield Problem(view.path, show(view.value), f"Set {view.path} to {expect.words}.")
        except UndecidedError as error:
            unreadable = unreadable or error
        except MalformedError as error:
            yield Problem(error.path, error.found)
    if unreadable is not None:
        raise unreadable


def attached_rule(  # noqa: PLR0913 - who, what, by which property, and what must be right
    rule_id: str,
    types: tuple[str, ...],
    attachment: str,
    link: str,
    test: Callable[[Resource, Resource, Context], Iterator[Problem]] | None = None,
    *,
    unless: Callable[[Resource, Context], bool] | None = None,
    **metadata: Unpack[Metadata],
) -> Rule:
    """A rule that each resource has another one, of type `attachment`, whose property `link` names it.

    `test(subject, attached, context)` yields what is wrong with an attachment; every one must be right.
    """
    short = attachment.rpartition(":")[2]

    def check(resource: Resource, context: Context) -> Iterator[Problem]:
        if unless is not None and unless(resource, context):
            return
        attached = context.stack.referring(resource, attachment, link)
        if not attached:
            yield Problem(f"<{short}>", "absent", f"Add a {short} whose {link} is this resource.")
        for other in attached:
            for problem in (test or _nothing)(resource, other, context):
                where = f"<{short}>{other.name}.{problem.property}"
                yield Problem(where, problem.found, problem.remedy)

    complete = _complete({**metadata, "reads": (attachment, *metadata.get("reads", ()))})
    return Rule(id=rule_id, types=types, check=check, scope=Scope.STACK, **complete)


def _nothing(_subject: Resource, _attached: Resource, _context: Context) -> Iterator[Problem]:
    yield from ()


def expects(
    path: tuple[str, ...], expect: Expect
) -> Callable[[Resource, Resource, Context], Iterator[Problem]]:
    """A test for `attached_rule`: one property of the attachment."""

    def test(_subject: Resource, attached: Resource, context: Context) -> Iterator[Problem]:
        view = attached.at(*path)
        if not expect.holds(view, context):
            yield Problem(view.path, show(view.value), f"Set {view.path} to {expect.words}.")

    return test


def stack_rule(rule_id: str, types: tuple[str, ...], check: Check, **metadata: Unpack[Metadata]) -> Rule:
    """A rule that looks at other resources in a way of its own."""
    return Rule(id=rule_id, types=types, check=check, scope=Scope.STACK, **_complete(metadata))


def resource_rule(rule_id: str, types: tuple[str, ...], check: Check, **metadata: Unpack[Metadata]) -> Rule:
    """A rule on one resource whose check is more than one property."""
    return Rule(id=rule_id, types=types, check=check, **_complete(metadata))


def forbidden_types(rule_id: str, types: tuple[str, ...], **metadata: Unpack[Metadata]) -> Rule:
    """A rule that refuses resources of some types altogether."""

    def check(resource: Resource, _context: Context) -> Iterator[Problem]:
        yield Problem("type", resource.type)

    return Rule(id=rule_id, types=types, check=check, forbids=True, **_complete(metadata))


def _complete(metadata: Metadata) -> Metadata:
    missing = {"title", "topic", "severity", "remediation"} - set(metadata)
    if missing:
        raise ValueError(f"a rule lacks {', '.join(sorted(missing))}")
    return metadata
