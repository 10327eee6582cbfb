from __future__ import annotations

import math

import pytest

from app.schema import (
    COLUMNS,
    FEATURES,
    MONITORED,
    REQUEST_COLUMNS,
    Category,
    Number,
    Role,
    encode,
    feature_spec,
)

FORBIDDEN = {"surv2m", "surv6m", "dnr", "sfdm2", "followup_days", "died", "patient_id"}


def test_nothing_that_leaks_the_outcome_is_a_feature() -> None:
    assert FORBIDDEN.isdisjoint(column.name for column in FEATURES)
    assert FORBIDDEN.isdisjoint(column.name for column in REQUEST_COLUMNS)
    assert {column.role for column in FEATURES} == {Role.FEATURE}


def test_race_and_income_may_be_sent_but_are_never_encoded() -> None:
    assert {column.name for column in MONITORED} == {"race", "income"}
    plain = encode({"age": 50})
    monitored = encode({"age": 50, "race": "black", "income": ">$50k", "surv2m": 0.1, "died": 1})
    assert plain[0] == monitored[0] == 50
    assert len(monitored) == len(FEATURES) == 28
    assert sum(not math.isnan(value) for value in monitored) == 1


def test_the_schema_covers_every_column_of_the_source() -> None:
    assert len(COLUMNS) == 37
    assert set(COLUMNS) > FORBIDDEN


def test_a_missing_value_is_encoded_as_not_a_number() -> None:
    assert all(math.isnan(value) for value in encode({}))
    assert all(math.isnan(value) for value in encode({column.name: None for column in FEATURES}))


def test_a_category_is_encoded_by_its_place_in_the_list() -> None:
    vector = encode({"sex": "male", "ca": "metastatic"})
    names = [entry["name"] for entry in feature_spec()]
    assert vector[names.index("sex")] == 1
    assert vector[names.index("ca")] == 2


@pytest.mark.parametrize(
    "column", [c for c in COLUMNS.values() if isinstance(c, Number)], ids=lambda c: c.name
)
def test_a_number_is_refused_beyond_each_limit(column: Number) -> None:
    assert column.parse(repr(column.lowest)) == column.lowest
    assert column.parse(repr(column.highest)) == column.highest
    for text in (repr(column.lowest - 1), repr(column.highest + 1), "nan", "inf", "", "old"):
        with pytest.raises(ValueError, match=r"outside|number"):
            column.parse(text)


@pytest.mark.parametrize(
    "column", [c for c in FEATURES if isinstance(c, Number) and c.whole], ids=lambda c: c.name
)
def test_a_count_is_refused_with_a_fraction(column: Number) -> None:
    assert column.parse("1.0") == 1
    with pytest.raises(ValueError, match="whole"):
        column.parse("0.5")


@pytest.mark.parametrize(
    "column", [c for c in COLUMNS.values() if isinstance(c, Category)], ids=lambda c: c.name
)
def test_a_word_outside_the_list_is_refused(column: Category) -> None:
    assert [column.parse(value) for value in column.values] == list(column.values)
    for text in ("", "other thing", column.values[0].upper() + "?"):
        with pytest.raises(ValueError, match="not one of"):
            column.parse(text)
