from __future__ import annotations

from typing import Any

import pytest
from iam import Request, UnknownElementError, allowed

READ = Request("s3:GetObject", "arn:aws:s3:::b/k", {"aws:SourceAccount": "1"})


def statement(**changes: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*", **changes}


def test_what_nothing_allows_is_refused() -> None:
    assert not allowed([], READ)


def test_an_exact_action_and_everything_below_a_path() -> None:
    assert allowed([statement()], READ)
    assert not allowed([statement(Action="s3:PutObject")], READ)
    assert not allowed([statement(Resource="arn:aws:s3:::other/*")], READ)


@pytest.mark.parametrize("action", ["*", "s3:*", "s3:Get*", "S3:getobject", "s3:Get?bject"])
def test_wildcards_and_case_of_actions(action: str) -> None:
    assert allowed([statement(Action=action)], READ)


def test_an_explicit_deny_beats_every_allow() -> None:
    assert not allowed([statement(), statement(Effect="Deny", Action="*", Resource="*")], READ)


def test_not_action_and_not_resource_are_the_opposite() -> None:
    everything = {"Effect": "Allow", "Resource": "*"}
    assert not allowed([{**everything, "NotAction": "s3:Get*"}], READ)
    assert allowed([{**everything, "NotAction": "s3:Put*"}], READ)
    assert not allowed([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::b/*"}], READ)


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ({"StringEquals": {"aws:SourceAccount": "1"}}, True),
        ({"StringEquals": {"aws:SourceAccount": ["2", "1"]}}, True),
        ({"StringEquals": {"aws:SourceAccount": "2"}}, False),
        ({"StringEquals": {"aws:sourceaccount": "1", "aws:SourceArn": "x"}}, False),
        ({"StringNotEquals": {"aws:SourceAccount": "2"}}, True),
        ({"StringNotEquals": {"aws:SourceAccount": ["1", "2"]}}, False),
        ({"StringNotEquals": {"aws:SourceArn": "x"}}, True),
        ({"StringEqualsIfExists": {"aws:SourceArn": "x"}}, True),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "2"}}, False),
        ({"StringLike": {"aws:SourceAccount": "?"}}, True),
        ({"NumericLessThan": {"aws:SourceAccount": "2"}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, False),
        ({"Null": {"aws:SourceArn": "true"}}, True),
        ({"Null": {"aws:SourceArn": "false"}}, False),
        ({"Null": {"aws:SourceAccount": "false"}}, True),
        ({"Null": {"aws:SourceAccount": "true"}}, False),
        ({"Null": {"aws:SourceAccount": "false", "aws:SourceArn": "false"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], answer: object) -> None:
    assert allowed([statement(Condition=condition)], READ) is answer


@pytest.mark.parametrize(
    "unknown",
    [
        {"Condition": {"DateLessThan": {"aws:CurrentTime": "2026-01-01"}}},
        {"Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": "x"}}},
        {"Resource": "arn:aws:s3:::b/${aws:username}"},
        {"NotPrincipal": "*"},
    ],
)
def test_what_it_does_not_know_is_an_error_and_never_an_answer(unknown: dict[str, Any]) -> None:
    with pytest.raises(UnknownElementError):
        allowed([statement(**unknown)], READ)
