"""The commands by which docs/aws.md brings an environment up, held against what the program declares."""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stacks.grants import declare
from stacks.settings import load_file

if TYPE_CHECKING:
    from recording import Recording

    from stacks.declaration import Declared

PAGE = Path(__file__).parents[2] / "docs" / "aws.md"
STACK = "dev"

Key = tuple[str, str]
"""Type and name, which no two resources of a stack share."""


@pytest.fixture(scope="module")
def recording() -> Recording:
    return declare(STACK)


@pytest.fixture(scope="module")
def commands() -> list[list[str]]:
    """Every command of the page, in its order, as words."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def is_update(words: list[str]) -> bool:
    return words[:2] == ["pulumi", "up"]


def until_whole(commands: list[list[str]]) -> list[list[str]]:
    """The commands before the first update of everything."""
    whole = next(i for i, words in enumerate(commands) if is_update(words) and "--target" not in words)
    return commands[:whole]


def targets(words: list[str]) -> list[str]:
    return [value for flag, value in pairwise(words) if flag == "--target"]


def key(urn: str) -> Key:
    """Type and name of what a URN names; the stand-in's leaves out some of the parents."""
    _, _, types, name = urn.removeprefix("urn:pulumi:").split("::")
    return types.rpartition("$")[2], name


def urns(recording: Recording) -> dict[Key, str]:
    """The URN that the engine gives each resource: the types of all its parents stand before its own."""
    parents = {(one.type, one.name): key(one.parent) if one.parent else None for one in recording.resources}

    def chain(one: Key) -> str:
        above = parents.get(one)
        return f"{chain(above)}${one[0]}" if above in parents and above is not None else one[0]

    return {one: f"urn:pulumi:{STACK}::plinth::{chain(one)}::{one[1]}" for one in parents}


def made_by(commands: list[list[str]], recording: Recording) -> list[list[Declared]]:
    """What each targeted update makes."""
    names = urns(recording)
    return [
        [
            one
            for one in recording.resources
            if any(fnmatchcase(names[one.type, one.name], glob) for glob in targets(words))
        ]
        for words in commands
        if is_update(words)
    ]


def test_every_target_is_a_component_that_the_program_has(
    commands: list[list[str]], recording: Recording
) -> None:
    wanted = [target for words in until_whole(commands) if is_update(words) for target in targets(words)]
    names = urns(recording).values()
    assert wanted
    assert [glob for glob in wanted if not any(fnmatchcase(name, glob) for name in names)] == []


def test_no_update_needs_what_a_later_one_makes(commands: list[list[str]], recording: Recording) -> None:
    there: set[Key] = set()
    for made in made_by(until_whole(commands), recording):
        there |= {(one.type, one.name) for one in made}
        needed = {key(name) for one in made for name in one.dependencies}
        assert needed
        assert needed <= there


def test_the_certificate_is_made_after_its_namespace_and_before_anything_waits_for_it(
    commands: list[list[str]], recording: Recording
) -> None:
    before = until_whole(commands)
    (secret,) = [words for words in before if "secret" in words]
    namespace = secret[secret.index("--namespace") + 1]
    gateway = recording.custom("Gateway")
    (reference,) = gateway["spec"]["listeners"][0]["tls"]["certificateRefs"]
    assert secret[0] == "kubectl"
    assert secret[secret.index("tls") + 1] == reference["name"] == load_file(STACK).edge.certificate_secret
    assert namespace == gateway["metadata"]["namespace"]

    there = {
        (one.inputs.get("kind") or one.type.rpartition(":")[2], one.inputs["metadata"]["name"])
        for made in made_by(before[: before.index(secret)], recording)
        for one in made
        if "metadata" in one.inputs
    }
    assert ("Namespace", namespace) in there
    assert "Gateway" not in {kind for kind, _ in there}


@pytest.mark.parametrize("stack", ["staging", "prod", "recovery"])
def test_every_environment_takes_its_certificate_from_a_secret_of_that_name(stack: str) -> None:
    assert load_file(stack).edge.certificate_secret == load_file(STACK).edge.certificate_secret
