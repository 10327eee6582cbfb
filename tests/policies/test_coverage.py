"""Every rule has something to judge, and everything that we declare has a rule: over all stacks' programs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from recording import record

from policies.core import coverage
from policies.core.paths import COVERED
from policies.core.resources import RELEASE_TYPE, STACK_TYPE, canonical_type
from policies.registry import RULES, UNRULED, without_rule
from stacks.environment import Environment
from stacks.release import Images, Release
from stacks.settings import load_file

ROOT = Path(__file__).resolve().parent.parent.parent
STACKS = sorted(path.name.split(".")[1] for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))
IMAGES = Images(**{name: f"registry.example/{name}@sha256:{'a' * 64}" for name in Images.model_fields})
RELEASE = Release(model="support2-mortality", version="0123456789ab", artifact_sha256="b" * 64)
RBAC = "kubernetes:rbac.authorization.k8s.io/v1"
FROM_CHARTS = frozenset(
    f"{RBAC}:{kind}" for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
)
"""What charts render and no program of ours declares; `make policy` judges what they really render."""


@pytest.fixture(scope="module")
def declared() -> dict[str, set[str]]:
    """Stack -> types of its resources."""
    return {
        stack: {
            canonical_type(resource.type)
            for resource in record(
                lambda stack=stack: Environment(load_file(stack), IMAGES, RELEASE).exports(), stack=stack
            ).resources
        }
        for stack in STACKS
    }


@pytest.fixture(scope="module")
def types(declared: dict[str, set[str]]) -> set[str]:
    return set().union(*declared.values()) | {RELEASE_TYPE, STACK_TYPE} | FROM_CHARTS


def test_every_environment_is_looked_at(declared: dict[str, set[str]]) -> None:
    assert {"dev", "local", "prod", "recovery", "staging"} <= set(declared)
    assert all(declared.values())


def test_every_type_that_we_declare_has_a_rule_or_a_reason_to_need_none(types: set[str]) -> None:
    assert without_rule(types) == set()


def test_a_type_that_nobody_thought_of_would_be_noticed(types: set[str]) -> None:
    assert without_rule({*types, "aws:neptune/cluster:Cluster"}) == {"aws:neptune/cluster:Cluster"}


def test_every_rule_matches_a_resource_of_some_stack_or_says_why_not(types: set[str]) -> None:
    silent = [
        rule.id
        for rule in RULES
        if not rule.forbids and not rule.dormant and not any(map(rule.applies_to, types))
    ]
    assert silent == []


def test_a_rule_that_calls_itself_dormant_is(types: set[str]) -> None:
    assert [rule.id for rule in RULES if rule.dormant and any(map(rule.applies_to, types))] == []


def test_what_the_controls_page_says_of_environments_is_so(declared: dict[str, set[str]]) -> None:
    held = coverage.joined((stack, found | FROM_CHARTS) for stack, found in declared.items())
    # Kept by `python -m policies coverage --write`; a line of the file may be corrected by hand as well.
    assert coverage.load(COVERED) == coverage.judged(held, RULES)


def test_no_reason_is_kept_for_a_type_that_has_a_rule() -> None:
    own = [rule for rule in RULES if "aws:*" not in rule.types]
    assert [token for token in UNRULED if any(rule.applies_to(token) for rule in own)] == []


def test_the_workflow_for_users_runs_commands_that_exist() -> None:
    workflow = yaml.safe_load((ROOT / "docs" / "ci" / "github-actions.yml").read_text())
    words = " ".join(
        step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]
    ).replace("'", " ")
    makefile = (ROOT / "Makefile").read_text()
    wanted = {"lint", "test", "policy", "policy-mutants"}
    assert wanted <= set(words.split())
    assert all(f"\n{target}: " in makefile for target in wanted)
    matrix = workflow["jobs"]["gate"]["strategy"]["matrix"]["stack"]
    assert set(matrix) == set(STACKS) - {"local"}
