"""Mutants come from the properties that are there, and the count is honest."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from policies import cli, mutants
from policies.core.breaking import REMOVED, replaced
from policies.core.resources import Resource, Stack
from policies.registry import RULES

if TYPE_CHECKING:
    from pathlib import Path

    from policies.core.evaluate import Settings


@pytest.fixture(scope="module")
def outcome(stack: Stack, settings: Settings) -> mutants.Outcome:
    return mutants.hunt(RULES, stack, settings)


def test_the_compliant_environment_gives_hundreds_of_mutants_and_few_survive(
    outcome: mutants.Outcome,
) -> None:
    assert len(outcome.mutants) >= 400
    unexplained = [
        mutants.text(mutants.Outcome((), ((m, why),))) for m, why in outcome.survivors if "no rule" in why
    ]
    assert unexplained == []
    assert len(outcome.survivors) <= len(outcome.mutants) * 0.03


def test_without_rules_every_mutant_survives(stack: Stack) -> None:
    outcome = mutants.hunt((), stack, {})
    assert len(outcome.survivors) == len(outcome.mutants)


def test_the_list_of_mutants_does_not_depend_on_rules(
    outcome: mutants.Outcome, stack: Stack, settings: Settings
) -> None:
    assert [(m.resource.urn, m.where, m.words) for m in outcome.mutants] == [
        (m.resource.urn, m.where, m.words) for m in mutants.hunt(RULES[:1], stack, settings).mutants
    ]


def test_each_mutant_differs_from_its_resource_in_one_place(stack: Stack) -> None:
    seen = set()
    for mutant in mutants.generate(stack):
        identity = (mutant.resource.urn, mutant.where, mutant.words)
        assert identity not in seen
        seen.add(identity)
        assert mutant.changed is None or mutant.changed != mutant.resource


@pytest.mark.parametrize(
    "kind",
    [
        "flipped",
        "key removed",
        "tag removed",
        "shortened",
        "made privileged",
        "run as root",
        "latest",
        "action made",
        "resource made",
        "condition removed",
        "denial removed",
        "everything allowed to everybody",
        "protection taken off",
        "path of the node",
        "given hostNetwork",
    ],
)
def test_mutants_of_every_kind_are_made(kind: str, stack: Stack) -> None:
    assert any(kind in mutant.words for mutant in mutants.generate(stack))


def test_a_looser_environment_explains_its_survivors(stack: Stack, settings: Settings) -> None:
    loose = {**settings, "kms-deletion-window": {"minimum_days": 0}}
    outcome = mutants.hunt(RULES, stack, loose)
    reasons = [why for mutant, why in outcome.survivors if mutant.where == "deletionWindowInDays"]
    assert reasons
    assert all("kms-deletion-window is not required, or looser" in why for why in reasons)


def test_the_command_closes_with_the_count(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["mutants", str(folder / "state.json"), "--manifests", str(folder / "envoy-gateway.yaml")]
    arguments += ["--release", str(folder / "prod.yaml"), "--model-card", str(folder / "card.md")]
    assert cli.main([*arguments, "--at-least", "150"]) == cli.PASSED
    assert re.fullmatch(r"caught \d+ of \d+", capsys.readouterr().out.strip().splitlines()[-1])


def test_too_few_mutants_fail_the_command(tmp_path: Path) -> None:
    held = {"urn": "urn:pulumi:prod::plinth::pulumi:pulumi:Stack::a", "type": "pulumi:pulumi:Stack"}
    (tmp_path / "state.json").write_text(json.dumps({"deployment": {"resources": [held]}}))
    assert cli.main(["mutants", str(tmp_path / "state.json"), "--at-least", "1"]) == cli.FAILED


def test_a_part_of_a_value_is_replaced_or_taken_away() -> None:
    held = {"a": [{"b": 1}, {"b": 2}]}
    assert replaced(held, ("a", 1, "b"), 3) == {"a": [{"b": 1}, {"b": 3}]}
    assert replaced(held, ("a", 0, "b"), REMOVED) == {"a": [{}, {"b": 2}]}
    assert held == {"a": [{"b": 1}, {"b": 2}]}


def test_resources_of_the_engine_are_no_mutants() -> None:
    provider = Resource(type="pulumi:providers:aws", name="p", urn="u", props={"protect": True})
    assert list(mutants.generate(Stack([provider], resolved=True))) == []
