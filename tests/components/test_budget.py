from __future__ import annotations

from typing import Any

import pytest
from factories import budget
from recording import record


def test_costs_are_counted_by_the_tag_of_the_environment() -> None:
    declared = record(budget).one("budget:Budget", "monthly").inputs
    assert declared["costFilters"] == [{"name": "TagKeyValue", "values": ["user:environment$test"]}]
    assert (declared["limitAmount"], declared["limitUnit"]) == ("1200.00", "USD")


def test_people_hear_of_it_before_and_when_it_is_spent() -> None:
    notifications = record(budget).one("budget:Budget", "monthly").inputs["notifications"]
    kinds = {(notification["notificationType"], notification["threshold"]) for notification in notifications}
    assert {("ACTUAL", 100), ("FORECASTED", 100), ("ACTUAL", 50)} <= kinds
    assert all(n["subscriberEmailAddresses"] == ["owner@example.org"] for n in notifications)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"monthly_usd": 0}, "more than 0"),
        ({"emails": []}, "nobody would hear"),
        ({"actual_percent": (10, 20, 30, 40, 50)}, "AWS takes 5"),
    ],
)
def test_a_budget_without_effect_is_refused(overrides: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        record(lambda: budget(**overrides))
