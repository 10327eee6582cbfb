from __future__ import annotations

import json

import pytest

from local.engine.aws.documents import canonical

STATEMENT = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}


def _text(**changes: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{**STATEMENT, **changes}]})


@pytest.mark.parametrize(
    "other",
    [
        json.dumps(json.loads(_text()), indent=4),
        _text(Action=["s3:ListBucket", "s3:GetObject"]),
        _text(Resource=["*"]),
        json.dumps({"Statement": STATEMENT, "Version": "2012-10-17"}),
    ],
)
def test_documents_that_mean_the_same_are_equal(other: str) -> None:
    assert canonical(_text()) == canonical(other)


@pytest.mark.parametrize(
    "other",
    [
        _text(Effect="Deny"),
        _text(Action=["s3:GetObject"]),
        _text(Condition={"Bool": {"aws:SecureTransport": "false"}}),
        json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT, STATEMENT]}),
    ],
)
def test_documents_that_mean_something_else_differ(other: str) -> None:
    assert canonical(_text()) != canonical(other)


def test_the_order_of_lists_that_have_one_counts() -> None:
    assert canonical('{"widgets": [1, 2]}') != canonical('{"widgets": [2, 1]}')


def test_what_is_not_json_stays_itself() -> None:
    assert canonical("{broken") == "{broken"
    assert canonical(3) == 3
