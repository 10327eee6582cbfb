from __future__ import annotations

import csv
import gzip
import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from app.schema import REQUEST_COLUMNS, Category, Number
from app.serve.errors import InvalidRequestError, MalformedBodyError
from app.serve.records import EXAMPLE_FEATURES, SHOWN_ERRORS, PredictionRequest, parse_prediction_request

NUMBERS = [column for column in REQUEST_COLUMNS if isinstance(column, Number)]
NEARLY_WHOLE = (1e-10, 1e-6)
"""Pydantic takes a float for whole if it is nearly so; just how nearly is not what these tests pin down."""
CATEGORIES = [column for column in REQUEST_COLUMNS if isinstance(column, Category)]


def _valid(column: Number | Category) -> st.SearchStrategy[Any]:
    if isinstance(column, Category):
        return st.sampled_from(column.values)
    if column.whole:
        return st.integers(int(column.lowest), int(column.highest))
    return st.floats(column.lowest, column.highest)


RECORDS = st.fixed_dictionaries(
    {}, optional={column.name: st.none() | _valid(column) for column in REQUEST_COLUMNS}
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)


def _body(features: Any, patient_id: Any = "p-1", **others: Any) -> bytes:
    return json.dumps({"patient_id": patient_id, "features": features, **others}).encode()


def _refused(body: bytes) -> set[str]:
    with pytest.raises(InvalidRequestError) as refusal:
        parse_prediction_request(body)
    return {error.field for error in refusal.value.errors}


@settings(max_examples=200, deadline=None)
@given(RECORDS)
def test_every_possible_record_is_accepted_and_kept(record: dict[str, Any]) -> None:
    patient, features = parse_prediction_request(_body(record))
    assert patient == "p-1"
    assert {name: value for name, value in features.items() if value is not None} == {
        name: value for name, value in record.items() if value is not None
    }


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(NUMBERS),
    st.floats() | st.integers() | st.booleans() | st.text() | st.lists(st.integers()),
)
@example(NUMBERS[1], 2.1815381208891206e-134)
@example(NUMBERS[1], 0.001)
def test_a_number_is_accepted_if_and_only_if_it_is_possible(column: Number, value: Any) -> None:
    possible = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and column.lowest <= value <= column.highest
    )
    if possible and column.whole:
        distance = abs(value - round(value))
        assume(not NEARLY_WHOLE[0] < distance < NEARLY_WHOLE[1])
        possible = distance <= NEARLY_WHOLE[0]
    body = _body({column.name: value})
    if possible:
        assert parse_prediction_request(body)[1][column.name] == value
    else:
        assert _refused(body) == {f"features.{column.name}"}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(CATEGORIES), st.text() | st.integers() | st.booleans())
def test_a_word_is_accepted_if_and_only_if_it_is_listed(column: Category, value: Any) -> None:
    if value in column.values:
        assert parse_prediction_request(_body({column.name: value}))[1][column.name] == value
    else:
        assert _refused(_body({column.name: value})) == {f"features.{column.name}"}


@settings(max_examples=300, deadline=None)
@given(ANY_JSON)
def test_any_json_is_answered_with_a_record_or_a_refusal(value: Any) -> None:
    for body in (json.dumps(value).encode(), _body(value), _body({"age": value}), _body({}, value)):
        with suppress(InvalidRequestError, MalformedBodyError):
            patient, features = parse_prediction_request(body)
            assert patient
            assert set(features) == {column.name for column in REQUEST_COLUMNS}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_answered_with_a_record_or_a_refusal(body: bytes) -> None:
    with pytest.raises((InvalidRequestError, MalformedBodyError)):
        parse_prediction_request(body)


@pytest.mark.parametrize(
    "name",
    ["surv2m", "surv6m", "dnr", "sfdm2", "followup_days", "died", "patient_id", "shoe_size", "Age", ""],
)
def test_a_key_that_is_not_a_feature_is_refused(name: str) -> None:
    assert _refused(_body({name: 1})) == {f"features.{name}"}


def test_every_wrong_field_is_named_at_once() -> None:
    features = {"age": 999, "sex": "x", "hrt": "80", "diabetes": True, "adls": 1.5, "surv2m": 0.4, "ca": None}
    body = _body(features, patient_id="", extra=1)
    assert _refused(body) == {
        "patient_id",
        "extra",
        *(f"features.{name}" for name in features if name != "ca"),
    }


def test_of_more_wrong_fields_than_any_record_has_only_the_number_is_told() -> None:
    few = {f"k{number}": 0 for number in range(SHOWN_ERRORS)}
    assert _refused(_body(few)) == {f"features.{name}" for name in few}
    with pytest.raises(InvalidRequestError) as refusal:
        parse_prediction_request(_body(few, extra=1))
    (error,) = refusal.value.errors
    assert error.field == "body"
    assert error.message.startswith(f"{SHOWN_ERRORS + 1} fields are wrong or unknown")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400])
def test_what_is_no_finite_number_is_refused(number: str) -> None:
    body = f'{{"patient_id": "p", "features": {{"hrt": {number}}}}}'.encode()
    assert _refused(body) == {"features.hrt"}


@pytest.mark.parametrize("missing", ["patient_id", "features"])
def test_a_missing_part_is_named(missing: str) -> None:
    body = {"patient_id": "p", "features": {}}
    del body[missing]
    assert _refused(json.dumps(body).encode()) == {missing}


def test_a_refusal_repeats_no_value() -> None:
    secret = "Jane Doe, 1 Main Street"  # noqa: S105 - a value that must not come back
    for body in (_body({"sex": secret}), _body({"age": secret}), _body({}, [secret])):
        with pytest.raises(InvalidRequestError) as refusal:
            parse_prediction_request(body)
        assert secret not in repr(refusal.value.errors)
        assert secret not in str(refusal.value)


def test_every_row_of_the_source_is_a_valid_request(full_dataset: bytes) -> None:
    rows = list(csv.DictReader(gzip.decompress(full_dataset).decode().splitlines()))
    names = {column.name for column in NUMBERS}
    for row in rows:
        features = {
            column.name: None
            if (text := row[column.name]) == ""
            else float(text)
            if column.name in names
            else text
            for column in REQUEST_COLUMNS
        }
        parse_prediction_request(_body(features, row["patient_id"]))
    assert len(rows) == 7800


def test_the_example_is_a_row_of_the_source(full_dataset: bytes) -> None:
    row = next(csv.DictReader(gzip.decompress(full_dataset).decode().splitlines()))
    parse_prediction_request(_body(EXAMPLE_FEATURES))
    assert set(EXAMPLE_FEATURES) == {column.name for column in REQUEST_COLUMNS}
    for name, value in EXAMPLE_FEATURES.items():
        if isinstance(value, str):
            assert row[name] == value
        else:
            assert (float(row[name]) if row[name] else None) == value


def test_the_request_documents_unit_and_limits_of_each_feature() -> None:
    schema = PredictionRequest.model_json_schema()["$defs"]["Features"]["properties"]
    assert "years" in schema["age"]["description"]
    assert schema["age"]["anyOf"][0]["maximum"] == 120


def test_the_request_documents_that_race_and_income_are_discarded() -> None:
    description = PredictionRequest.model_json_schema()["$defs"]["Features"]["description"]
    assert "`race` and `income` are checked, then discarded" in description
