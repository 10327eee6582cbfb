"""Types whose properties are the API's parameters under other names; botocore's model says the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore import xform_name

from local.engine.aws import sdk
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.wire import from_aws, to_aws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from botocore.model import Shape

    from local.engine.aws.resource_type import Delete, Put
    from local.engine.values import Properties


@dataclass(frozen=True)
class Calls:
    """The operations behind one type.

    Attributes:
        service: botocore's name of the service.
        create: operation that makes it.
        read: operation that tells of it.
        delete: operation that removes it.
        pick: takes it out of the answer of `read`; None if it isn't there.
        identity: gives its id from what was wanted and the answer of `create`.
        key: gives the parameters that name it, from its id.
        update_key: the same for `update`, if that wants it in another way.
        read_key: the same for `read`, if that wants it in another way.
        update: operation that changes it.
        names: properties whose parameter has another name, at any depth.
        member: the parameter under which `create` and `update` take the properties, if they nest them.
        outer: with `member`, properties that stay beside it.
        tags: the parameter of `create` that takes tags, and how they are written there.
        more: further outputs, from what was told and what is known.
        fixed: parameters of `create` that are always the same.
        delete_with: further parameters of `delete`.
        adapt: changes the inputs into what the parameters hold, where names are not enough.
    """

    service: str
    create: str
    read: str
    delete: str
    pick: Callable[[Any], Any]
    identity: Callable[[Wanted, Any], str]
    key: Callable[[str], dict[str, Any]]
    update_key: Callable[[str], dict[str, Any]] | None = None
    read_key: Callable[[str], dict[str, Any]] | None = None
    update: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    member: str = ""
    outer: frozenset[str] = frozenset()
    tags: tuple[str, Callable[[Mapping[str, str]], Any]] | None = None
    more: Callable[[Aws, str, Properties, Properties], Properties] | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    delete_with: Callable[[Properties], dict[str, Any]] = lambda _known: {}
    adapt: Callable[[Properties], Properties] = lambda given: given


def modelled(  # noqa: PLR0913 - what differs between types
    sdk_type: str,
    calls: Calls,
    *,
    takes: Iterable[str],
    changes: Iterable[str] = (),
    starts: Put | None = None,
    remove: Delete | None = None,
    parts: tuple[Part, ...] = (),
    replaces: Iterable[str] | None = None,
    **more: Any,  # noqa: ANN401 - whatever else an entry of the table says
) -> ResourceType:
    """An entry of the table.

    Args:
        sdk_type: the SDK's type token.
        calls: the operations.
        takes: properties that `create` takes.
        changes: those that `update` takes.
        starts: a call that always follows the creation.
        remove: takes it away, where one call is not enough.
        parts: properties with calls of their own.
        replaces: those whose change needs a new one; by default, all that nothing changes.
        more: see `ResourceType`.
    """
    taken, changing = tuple(takes), tuple(changes)
    own = {name for part in parts for name in part.properties}
    settled = frozenset(set(taken) - set(changing) - own if replaces is None else replaces)
    if changing:
        parts = (Part(changing, partial(_put, calls, changing), at_creation=False), *parts)
    return ResourceType(
        sdk_type=sdk_type,
        create=partial(_create, calls, taken, starts),
        read=partial(_read, calls, sdk_type),
        delete=remove or partial(_delete, calls),
        parts=parts,
        replaces=settled,
        takes=frozenset(taken),
        **more,
    )


def _parameters(
    calls: Calls, aws: Aws, operation: str, names: Iterable[str], wanted: Wanted
) -> dict[str, Any]:
    shape: Shape = aws.connection.shape(calls.service, operation)
    given = calls.adapt({name: wanted[name] for name in names if wanted[name] is not None})
    if calls.member:
        inner = {name: value for name, value in given.items() if name not in calls.outer}
        given = {name: value for name, value in given.items() if name in calls.outer} | {calls.member: inner}
    return dict(to_aws(given, shape, calls.names))


def _create(calls: Calls, taken: tuple[str, ...], starts: Put | None, aws: Aws, wanted: Wanted) -> str:
    parameters = {**calls.fixed, **_parameters(calls, aws, calls.create, taken, wanted)}
    if calls.tags and wanted.tags:
        parameter, write = calls.tags
        parameters[parameter] = write(wanted.tags)
    answer = aws.call(calls.service, xform_name(calls.create), **parameters)
    identity = calls.identity(wanted, answer)
    if starts is not None:
        starts(aws, identity, wanted)
    return identity


def _read(calls: Calls, sdk_type: str, aws: Aws, identity: str, known: Properties) -> Properties | None:
    answer = aws.find(calls.service, xform_name(calls.read), **(calls.read_key or calls.key)(identity))
    found = None if answer is None else calls.pick(answer)
    if found is None:
        return None
    described = sdk.describe(sdk_type)
    outputs = described.outputs if described else {}
    told = from_aws(found, {api: own for own, api in calls.names.items()})
    properties = {name: value for name, value in told.items() if name in outputs and name != "tags"}
    return {**properties, **(calls.more(aws, identity, told, known) if calls.more else {})}


def _put(calls: Calls, changing: tuple[str, ...], aws: Aws, identity: str, wanted: Wanted) -> None:
    if calls.update is None:
        raise NotImplementedError(f"{calls.create} has no update")
    parameters = _parameters(calls, aws, calls.update, changing, wanted)
    aws.call(
        calls.service, xform_name(calls.update), **{**parameters, **(calls.update_key or calls.key)(identity)}
    )


def _delete(calls: Calls, aws: Aws, identity: str, known: Properties) -> None:
    aws.attempt(calls.service, xform_name(calls.delete), **calls.key(identity), **calls.delete_with(known))


def first(member: str) -> Callable[[Any], Any]:
    """Takes the first of a list out of an answer."""
    return lambda answer: next(iter(answer.get(member) or []), None)


def only(member: str) -> Callable[[Any], Any]:
    """Takes one thing out of an answer."""
    return lambda answer: answer.get(member)
