from __future__ import annotations

from typing import Any

import pulumi
import pytest
from recording import record, statements

from components.grants import Grant, Statement, check_resource, document, policy_document

OBJECT = "arn:aws:s3:::bucket/folder/*"


def policy_of(*grants: Grant) -> list[dict]:
    result = record(lambda: {"policy": policy_document(grants)}).result
    return statements(result["policy"])


def test_a_policy_says_what_its_grants_say() -> None:
    grant = Grant("read", (Statement(("s3:GetObject",), (OBJECT,), {"StringEquals": {"a": "b"}}),))
    assert policy_of(grant) == [
        {
            "Sid": "Read0",
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": [OBJECT],
            "Condition": {"StringEquals": {"a": "b"}},
        }
    ]


def test_a_statement_without_conditions_has_no_empty_condition() -> None:
    assert "Condition" not in policy_of(Grant("read", (Statement(("s3:GetObject",), (OBJECT,)),)))[0]


@pytest.mark.parametrize("action", ["*", "s3:*", "s3:Get*", "*:GetObject", "GetObject"])
def test_a_wildcard_action_is_refused(action: str) -> None:
    with pytest.raises(ValueError, match="not one exact action"):
        Statement((action,), (OBJECT,))


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::bucket*",
        "arn:aws:s3:::bucket/*/file",
        "arn:aws:s3:::bucket/fol*",
        "arn:aws:kms:*:123456789012:key/k",
        "arn:aws:kms:eu-central-1:*:key/k",
        "not-an-arn",
    ],
)
def test_a_wildcard_resource_is_refused(resource: str) -> None:
    with pytest.raises(ValueError, match="not an exact ARN"):
        Statement(("s3:GetObject",), (resource,))


def test_a_wildcard_that_shows_only_later_is_refused_then() -> None:
    def program() -> Any:
        hidden = Statement(("s3:GetObject",), (pulumi.Output.from_input("arn:aws:s3:::*"),))
        return {"policy": policy_document([Grant("read", (hidden,))])}

    with pytest.raises(ValueError, match="not an exact ARN"):
        record(program)


@pytest.mark.parametrize("arn", [OBJECT, "arn:aws:iam::123456789012:role/r", "arn:aws-cn:s3:::bucket/file"])
def test_exact_resources_and_folders_are_accepted(arn: str) -> None:
    assert check_resource(arn) == arn


def test_what_only_looks_may_be_unscoped_and_says_why() -> None:
    look = Statement(("ec2:DescribeSubnets",), (), unscoped="it knows no resources")
    assert policy_of(Grant("see what is there", (look,)))[0]["Resource"] == "*"


@pytest.mark.parametrize("action", ["ec2:RunInstances", "s3:PutObject"])
def test_what_changes_something_is_never_unscoped(action: str) -> None:
    with pytest.raises(ValueError, match="do more than look"):
        Statement((action,), (), unscoped="laziness")


def test_an_empty_statement_is_refused() -> None:
    with pytest.raises(ValueError, match="grants nothing"):
        Statement((), (OBJECT,))


def test_a_policy_without_grants_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one grant"):
        policy_document([])


def test_a_document_with_the_same_content_is_the_same_text() -> None:
    first = {"Effect": "Allow", "Action": "s3:GetObject"}
    second = {"Action": "s3:GetObject", "Effect": "Allow"}
    result = record(lambda: {"first": document([first]), "second": document([second])}).result
    assert result["first"] == result["second"]
