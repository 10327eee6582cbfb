from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stacks.grants import DOCUMENTED, Permission, declare, main, page, permissions, shown, table

if TYPE_CHECKING:
    from recording import Recording

PAGE = Path(__file__).parents[2] / "docs" / "grants.md"
INLINE_LIMIT = 10240
"""Characters of a role's inline policies, without white space (IAM quotas)."""


@pytest.fixture(scope="module")
def recording() -> Recording:
    return declare(DOCUMENTED)


@pytest.fixture(scope="module")
def found(recording: Recording) -> list[Permission]:
    return permissions(recording)


def test_the_page_says_what_the_program_says(found: list[Permission]) -> None:
    assert PAGE.read_text() == page(DOCUMENTED, found), "run: make grants FORMAT=page > docs/grants.md"


def test_every_statement_of_every_policy_is_on_it(recording: Recording, found: list[Permission]) -> None:
    told = {(one.role, one.action, one.resource) for one in found}
    for policy in recording.of("aws:iam/rolePolicy:RolePolicy"):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            for action in statement["Action"]:
                for resource in statement["Resource"] if isinstance(statement["Resource"], list) else ["*"]:
                    assert (policy.inputs["role"], action, resource) in told


def test_workloads_are_named_by_their_service_account_and_services_by_their_principal(
    found: list[Permission],
) -> None:
    workloads = {one.workload for one in found}
    assert {"plinth/serving", "plinth/training", "backup.amazonaws.com"} <= workloads


def test_the_table_has_a_line_for_each_permission(found: list[Permission]) -> None:
    lines = table(found).splitlines()
    assert len([line for line in lines if line.startswith("  ")]) == len(found)
    assert any("s3:GetObject -> arn:aws:s3:::plinth-prod-artifacts" in line for line in lines)


def test_conditions_are_told_in_one_line() -> None:
    conditions = {"StringEquals": {"b": "2", "a": "1"}, "Bool": {"c": "true"}}
    assert shown(conditions) == "c Bool true and a StringEquals 1 and b StringEquals 2"


def test_no_policy_is_longer_than_iam_takes(recording: Recording) -> None:
    for policy in recording.of("aws:iam/rolePolicy:RolePolicy"):
        assert len("".join(policy.inputs["policy"].split())) <= INLINE_LIMIT, policy.name


def test_every_statements_id_is_its_own(recording: Recording) -> None:
    for policy in recording.of("aws:iam/rolePolicy:RolePolicy"):
        ids = [statement["Sid"] for statement in json.loads(policy.inputs["policy"])["Statement"]]
        assert len(set(ids)) == len(ids)
        assert all(one.isalnum() for one in ids)


def test_a_stack_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere"]) == 1
    assert "there is no Pulumi.nowhere.yaml" in capsys.readouterr().err
