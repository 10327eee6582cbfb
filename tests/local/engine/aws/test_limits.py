"""Which accepted settings a stack is told to have no effect."""

from __future__ import annotations

from local.engine.aws.limits import NOT_HONOURED, not_honoured, not_honoured_of


def test_only_what_a_stack_sets_is_said() -> None:
    resources = [
        {"type": "aws:kms/key:Key", "inputs": {"rotationPeriodInDays": 365, "description": "x"}},
        {"type": "aws:kms/key:Key", "inputs": {}},
        {"type": "aws:cloudtrail/trail:Trail"},
        {"type": "kubernetes:core/v1:Secret", "inputs": {"policy": "x"}},
    ]
    found = {(limit["type"], limit["property"]) for limit in not_honoured_of(resources)}
    assert found == {("aws:kms/key:Key", "rotationPeriodInDays"), ("aws:cloudtrail/trail:Trail", "*")}
    assert all(limit["reason"] for limit in not_honoured_of(resources))


def test_a_stack_without_any_is_told_nothing() -> None:
    assert not_honoured_of([]) == []
    assert len(not_honoured()) == len(NOT_HONOURED)
