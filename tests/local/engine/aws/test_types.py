"""Every realised type through its whole life, on an emulator, over the engine's own protocol."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from aws_examples import EXAMPLES, Example
from aws_shapes import problems

from local.engine.aws import table
from local.engine.values import UNKNOWN, Properties, reveal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_driver import Engine, State

_numbers = itertools.count(1)

STAYS = {
    "aws:cognito/resourceServer:ResourceServer",  # moto can't remove one; it goes with its pool
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",  # every VPC has one
    "aws:kms/keyPolicy:KeyPolicy",  # a key always has a policy
    "aws:s3/bucketVersioning:BucketVersioning",  # can be suspended, never removed
    "aws:secretsmanager/secretVersion:SecretVersion",  # the current value stays until the secret goes
    "aws:sns/topicPolicy:TopicPolicy",  # a topic always has a policy
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",  # is on for the bucket's life
}

KEEP_THE_NAME = {"hashKey", "path", "description", "dbName"}
"""Replacements after which a resource of the same given name has the same id."""

UNTOLD = {"aws:ec2/securityGroupRule:SecurityGroupRule", "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"}
"""Without an id on AWS, or kept by moto and never shown: there is nothing to import from."""

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.token)


def _filled(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(f"{{{name}}}", str(text))
        return value
    if isinstance(value, dict):
        return {name: _filled(item, names) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, names) for item in value]
    return value


class Life:
    """One example under its own name, on an engine."""

    def __init__(self, engine: Engine, example: Example) -> None:
        self.engine = engine
        self.example = example
        self.names = example.needs(engine)
        self.inputs: Properties = _filled(dict(example.inputs), self.names)
        self.name = f"it-{next(_numbers)}"

    def up(self, changes: Mapping[str, Any] | None = None) -> str:
        if changes:
            self.inputs = {**self.inputs, **_filled(dict(changes), self.names)}
        return self.engine.up(self.example.token, self.name, self.inputs)

    @property
    def outputs(self) -> Properties:
        return self.engine.states[self.name].outputs

    @property
    def identity(self) -> str:
        return self.engine.states[self.name].identity


@pytest.fixture
def life(engine: Engine, example: Example) -> Life:
    return Life(engine, example)


def test_every_type_of_the_table_has_an_example() -> None:
    assert {example.token for example in EXAMPLES} == set(table.every())


@every_example
def test_what_was_made_is_as_the_sdk_expects_and_stays_as_it_is(life: Life, example: Example) -> None:
    assert life.up() == "created"
    assert problems(example.token, life.outputs) == []
    assert not [line for line in life.engine.said if "recorded only" in line]
    assert life.up() == "same"
    before = dict(life.outputs)
    assert life.engine.refresh(example.token, life.name)
    assert life.outputs == before
    assert life.up() == "same"


@every_example
def test_a_change_in_place_keeps_the_resource_and_arrives(life: Life, example: Example) -> None:
    if not example.update:
        pytest.skip("nothing of this type changes in place")
    life.up()
    identity = life.identity
    assert life.up(example.update) == "updated"
    assert life.identity == identity
    assert problems(example.token, life.outputs) == []
    for name, value in _filled(dict(example.update), life.names).items():
        if value not in ({}, {"attributeName": "", "enabled": False}):
            assert reveal(life.outputs.get(name)) == value, name
    before = dict(life.outputs)
    assert life.engine.refresh(example.token, life.name)
    assert life.outputs == before, "the emulator says something else than the update"
    assert life.up() == "same"


@every_example
def test_a_change_that_needs_a_new_resource_makes_one_and_removes_the_old(
    life: Life, example: Example
) -> None:
    if not example.replace:
        pytest.skip("nothing of this type needs a new resource")
    life.up()
    old = life.identity
    assert life.up(example.replace) == "replaced"
    assert life.identity != old or set(example.replace) & KEEP_THE_NAME
    assert life.engine.refresh(example.token, life.name)
    assert life.up() == "same"
    if life.identity != old and example.token not in STAYS | UNTOLD:
        assert not life.engine.import_(example.token, "old", old)


@every_example
def test_what_exists_can_be_imported_without_a_change_and_destroyed_twice(
    life: Life, example: Example
) -> None:
    life.up()
    made = life.engine.states[life.name]
    if example.token not in UNTOLD:
        _assert_importable(life, example, made)
    life.engine.states[life.name] = made
    life.engine.destroy(example.token, life.name)
    if example.token not in STAYS | UNTOLD:
        assert not life.engine.import_(example.token, life.name, made.identity)
    life.engine._delete(example.token, life.name, made)


def _assert_importable(life: Life, example: Example, made: State) -> None:
    assert life.engine.import_(example.token, life.name, made.identity)
    imported = life.engine.states[life.name]
    assert problems(example.token, imported.outputs) == []
    # Names that were automatic are given by whoever imports.
    for name, value in made.inputs.items():
        if name not in {"__defaults", "tagsAll"}:
            life.inputs.setdefault(name, value)
    checked = life.engine.check(example.token, life.name, life.inputs, imported.inputs)
    diff = life.engine.diff(example.token, life.name, checked)
    assert set(diff.diffs) <= set(example.import_ignores), dict(diff.detailedDiff)
    assert not diff.replaces


@every_example
def test_a_preview_makes_nothing_and_leaves_open_what_is_not_known(
    one_engine: Engine, example: Example
) -> None:
    one_engine.states.clear()
    forecast = one_engine.preview(example.token, "previewed", dict(example.inputs))
    kind = table.find(example.token)
    assert kind is not None
    for name, value in example.inputs.items():
        added = dict.fromkeys(kind.adds.get(name, ()), UNKNOWN)
        assert forecast[name] == ({**added, **value} if added else value)
    assert "arn" not in forecast or "arn" in example.inputs or forecast["arn"] is UNKNOWN
    assert not one_engine.states
