"""Types that the emulator can't realise: kept in the state, marked, and said so; never passed off as made.

Where the AWS API has an operation that makes such a thing, the inputs are checked against botocore's model of
it, so that a wrong or missing parameter is an error here as it would be on AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.validate import ParamValidator

from local.engine.aws import sdk
from local.engine.aws.comparison import DEFAULTS_KEY, HIDDEN
from local.engine.aws.naming import with_prefix
from local.engine.aws.operations import OPERATIONS
from local.engine.aws.wire import to_aws
from local.engine.provider import Change, ChangeKind, CheckFailure, Diff, ReadResult, Resource, UpdateCall
from local.engine.values import Properties, has_unknown, reveal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine.aws.connection import Connection
    from local.engine.aws.resource_type import Aws

MARK: Final = "__recordedOnly"
"""Output by which the state tells what is only recorded. The SDK has no such property: no program sees it."""


def named(token: str, inputs: Properties, old_inputs: Properties, random_seed: bytes) -> Properties:
    """The inputs with a name of the beginning that the program gives, for types that take one."""
    operation = OPERATIONS.get(token)
    if operation is None or not operation.named:
        return inputs
    return with_prefix(operation.named, inputs, old_inputs, random_seed)


def check(connection: Connection, token: str, inputs: Properties) -> Sequence[CheckFailure]:
    """What the API itself would refuse; nothing where no operation is known or something isn't known yet."""
    operation = OPERATIONS.get(token)
    if operation is None:
        return []
    given = {
        operation.names.get(name, name): value
        for name, value in inputs.items()
        if name not in {*HIDDEN, *operation.elsewhere, "tags"} and value is not None
    }
    if has_unknown(given):
        return []
    shape = connection.shape(operation.service, operation.operation)
    try:
        if operation.member:
            outer = {name: value for name, value in given.items() if name in operation.outer}
            inner = {name: value for name, value in given.items() if name not in operation.outer}
            given = {**outer, operation.member: inner}
        parameters = to_aws(given, shape)
    except ValueError as error:
        return [CheckFailure("", f"{operation.service} {operation.operation}: {error}")]
    for name in _tokens(shape):
        parameters.setdefault(name, "made-by-botocore")
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        text = " ".join(report.generate_report().split("\n"))
        return [CheckFailure("", f"{operation.service} {operation.operation} would refuse this: {text}")]
    return []


def _tokens(shape: Any) -> list[str]:  # noqa: ANN401 - botocore's shapes
    """Parameters that botocore fills in on its own."""
    return [name for name in shape.required_members if shape.members[name].metadata.get("idempotencyToken")]


def diff(call: UpdateCall) -> Diff:
    """By value; what names the thing, or where it lives, needs a new one."""
    old, new = reveal(call.old_inputs), reveal(call.inputs)
    operation = OPERATIONS.get(call.resource.type)
    replaces = operation.replaces if operation else frozenset()
    detailed = {
        name: Change(
            ChangeKind.ADD
            if name not in old
            else ChangeKind.DELETE
            if name not in new
            else ChangeKind.UPDATE,
            replaces=name in replaces or name in {"name", "region"},
        )
        for name in sorted(old.keys() | new.keys())
        if name != DEFAULTS_KEY and name not in call.ignore_changes and old.get(name) != new.get(name)
    }
    return Diff(detailed)


def create(aws: Aws, resource: Resource, inputs: Properties) -> tuple[str, Properties]:
    """Outputs that the SDK promises, derived from type, name and account in plain sight."""
    opened = reveal(inputs)
    name = next(
        (str(value) for key, value in opened.items() if key == "name" and isinstance(value, str)),
        resource.name,
    )
    return name, outputs(aws, resource, name, inputs)


def outputs(aws: Aws, resource: Resource, name: str, inputs: Properties) -> Properties:
    """The inputs, and for each promised output that is not an input a value of its type."""
    _, module, kind = resource.type.split(":")
    service = module.partition("/")[0].lower()
    told: Properties = {key: value for key, value in inputs.items() if key != DEFAULTS_KEY}
    told[MARK] = True
    described = sdk.describe(resource.type)
    operation = OPERATIONS.get(resource.type)
    arns = operation.arns if operation else {}
    stem = kind[0].lower() + kind[1:]
    for output, annotation in (described.required_outputs if described else {}).items():
        if output in told:
            continue
        if output == "region":
            told[output] = aws.region
        elif output in arns:
            told[output] = aws.arn(service, arns[output].format(name=name))
        elif output == "arn":
            told[output] = aws.arn(service, f"{stem}/{name}")
        elif output == "tagsAll":
            told[output] = reveal(inputs.get("tags")) or {}
        elif output.endswith("Arn") and annotation == "str":
            told[output] = aws.arn(service, f"{stem}/{name}/{output}")
        elif (value := _empty(annotation, f"{stem}-{name}-recorded-only")) is not None:
            told[output] = value
    return told


def _empty(annotation: str, text: str) -> Any:  # noqa: ANN401 - a value of whatever type is promised
    if annotation == "str":
        return text
    if annotation == "bool":
        return False
    if annotation in {"int", "float"}:
        return 0
    if annotation.startswith("Sequence["):
        return []
    if annotation.startswith("Mapping["):
        return {}
    return None


def read(resource: Resource, identity: str, inputs: Properties, known: Properties) -> ReadResult | None:
    """What is recorded; an import finds nothing, because nothing exists."""
    del resource
    return ReadResult(identity, inputs, known) if known else None


def update(aws: Aws, call: UpdateCall) -> Properties:
    """Records the new inputs; derived outputs stay as they were."""
    fresh = outputs(aws, call.resource, call.identity, call.inputs)
    kept = {name: value for name, value in call.old_outputs.items() if name not in call.old_inputs}
    return {
        **fresh,
        **{name: value for name, value in kept.items() if name not in {"tagsAll", MARK}},
        MARK: True,
    }
