"""What the application's workloads are granted is what its flows do: no less, and no more."""

from __future__ import annotations

import csv
import gzip
import io
import os
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flows import FLOWS, Gate, Stage, Use, buckets_of, keys_of, statements_of
from iam import Request, allowed, matches

from app.train import run as training_run
from app.train.dataset import read_dataset
from app.train.fitting import train
from app.train.settings import Hyperparameters
from stacks.grants import declare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recording import Recording

STACK = "local"
ROLES = ("plinth-local-training", "plinth-local-serving")
FLOWS_OF = {ROLES[0]: ("train", "train again"), ROLES[1]: ("serve", "roll back")}
DATASET = Path(__file__).parents[2] / "data" / "support2.csv.gz"
ROWS = 800
ELSEWHERE = "arn:aws:s3:::somebody-elses/key"
OTHER_ACTIONS = ("s3:DeleteObject", "s3:ListBucket", "s3:PutObject", "s3:GetObject", "iam:PassRole")
OTHER_KEY_ACTIONS = ("kms:Encrypt", "kms:ScheduleKeyDeletion", "kms:Decrypt", "kms:GenerateDataKey")

Policies = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def recording() -> Recording:
    return declare(STACK)


@pytest.fixture(scope="module")
def policies(recording: Recording) -> Policies:
    return {role: statements_of(recording, role) for role in ROLES}


@pytest.fixture(scope="module")
def stage(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with gzip.open(DATASET, "rt", encoding="utf-8", newline="") as file:
        table = [row for row, _ in zip(csv.reader(file), range(ROWS + 1), strict=False)]
    text = io.StringIO()
    csv.writer(text).writerows(table)
    content = gzip.compress(text.getvalue().encode(), mtime=0)
    fitted = train(read_dataset(content), Hyperparameters(trees=10, folds=2, bootstrap_samples=100))
    with pytest.MonkeyPatch.context() as patch:
        # A model of few rows is no better than the baseline, and fitting it anew each time shows nothing.
        patch.setattr(training_run, "require_better_than_baseline", lambda _evaluation: None)
        patch.setattr(training_run, "train", lambda *_: fitted)
        yield Stage(recording, content, fitted.artifact, tmp_path_factory.mktemp("scratch"), patch)


def gate(recording: Recording, policies: Policies) -> Gate:
    return Gate(policies, keys_of(recording), buckets_of(recording))


@pytest.fixture(scope="module")
def uses(recording: Recording, policies: Policies, stage: Stage) -> list[Use]:
    """Everything that all flows do."""
    watching = gate(recording, policies)
    for name in FLOWS:
        assert stage.play(name, watching), name
    return watching.uses


def test_every_flow_succeeds_under_the_policies_that_are_declared(uses: list[Use]) -> None:
    assert {use.role for use in uses} == set(ROLES)


def test_whatever_a_flow_does_is_allowed(uses: list[Use], policies: Policies) -> None:
    for use in uses:
        assert allowed(policies[use.role], use.request), use


def unused(statements: list[dict[str, Any]], uses: list[Use], role: str) -> list[str]:
    """What the statements allow, action by action and resource by resource, that no flow does."""
    mine = [use.request for use in uses if use.role == role]
    return [
        f"{action} on {resource}"
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
        if not any(action == request.action and matches(resource, request.resource) for request in mine)
    ]


def overreach(statements: list[dict[str, Any]], uses: list[Use], role: str) -> list[Request]:
    """What is allowed among the neighbours of what flows do: other actions, places, keys and ways."""
    mine = [use.request for use in uses if use.role == role]
    return [
        neighbour
        for use in uses
        for neighbour in neighbours(use.request)
        if neighbour not in mine and not in_a_folder_of(neighbour, mine) and allowed(statements, neighbour)
    ]


def in_a_folder_of(request: Request, mine: list[Request]) -> bool:
    """Whether it does, in a folder where flows do it to more than one object, the same to another."""
    same = {one.resource for one in mine if one.action == request.action and one.action.startswith("s3:")}
    bucket = request.resource.partition("/")[0]
    touched = [resource for resource in same if resource.partition("/")[0] == bucket]
    folder = os.path.commonprefix(touched).rpartition("/")[0]  # noqa: RUF071 - cut to whole folders
    return len(touched) > 1 and request.resource.startswith(f"{folder}/")


def neighbours(request: Request) -> Iterator[Request]:
    """Requests that differ from one in a single respect."""
    is_key = request.action.startswith("kms:")
    for action in OTHER_KEY_ACTIONS if is_key else OTHER_ACTIONS:
        yield Request(action, request.resource, request.context)
    if is_key:
        yield Request(request.action, f"{request.resource}x", request.context)
        yield Request(request.action, request.resource)
        for key in request.context:
            yield Request(request.action, request.resource, {**request.context, key: "something-else"})
    else:
        bucket, _, path = request.resource.removeprefix("arn:aws:s3:::").partition("/")
        yield Request(request.action, ELSEWHERE)
        yield Request(request.action, f"arn:aws:s3:::{bucket}x/{path}")
        yield Request(request.action, f"arn:aws:s3:::{bucket}/other/{path}")
        yield Request(request.action, f"arn:aws:s3:::{bucket}")


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_granted_that_no_flow_does(role: str, uses: list[Use], policies: Policies) -> None:
    assert unused(policies[role], uses, role) == []
    assert overreach(policies[role], uses, role) == []


def removals(statements: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The policy without one of its grants, for each action on each resource."""
    for index, statement in enumerate(statements):
        for action in statement["Action"]:
            for resource in statement["Resource"]:
                changed = deepcopy(statements)
                del changed[index]
                rest = [
                    {**statement, "Action": [one], "Resource": [arn]}
                    for one in statement["Action"]
                    for arn in statement["Resource"]
                    if (one, arn) != (action, resource)
                ]
                yield f"{action} on {resource}", [*changed, *rest]


@pytest.mark.parametrize("role", ROLES)
def test_without_any_one_grant_a_flow_fails(
    role: str, policies: Policies, recording: Recording, stage: Stage
) -> None:
    for removed, rest in removals(policies[role]):
        outcomes = {
            name: stage.play(name, gate(recording, {**policies, role: rest})) for name in FLOWS_OF[role]
        }
        assert not all(outcomes.values()), f"{role} works without {removed}"


def widenings(statements: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The policy with a `*` in one place, or without one of its conditions."""
    for index, statement in enumerate(statements):
        for element in ("Action", "Resource"):
            changed = deepcopy(statements)
            changed[index][element] = [*statement[element], "*"]
            yield f"{statement['Sid']}: * in {element}", changed
        if statement.get("Condition"):
            changed = deepcopy(statements)
            del changed[index]["Condition"]
            yield f"{statement['Sid']}: no condition", changed


@pytest.mark.parametrize("role", ROLES)
def test_a_wildcard_in_any_statement_is_noticed(role: str, uses: list[Use], policies: Policies) -> None:
    for widened, statements in widenings(policies[role]):
        assert overreach(statements, uses, role), f"{role} with {widened}"


def test_a_call_that_nobody_has_said_the_meaning_of_is_an_error(
    recording: Recording, policies: Policies
) -> None:
    with pytest.raises(LookupError, match="A flow calls s3:ListObjectsV2"):
        gate(recording, policies).requests("ListObjectsV2", {"Bucket": "b"})
