from __future__ import annotations

import pytest

from local.engine.values import (
    OUTPUT_SIGNATURE,
    SIGNATURE_KEY,
    UNKNOWN,
    Archive,
    Asset,
    Secret,
    decode,
    encode,
    has_secret,
    has_unknown,
    keep_secrets,
    reveal,
)

SAMPLE = {
    "name": "raw",
    "count": 3,
    "share": 0.5,
    "on": True,
    "tags": {"owner": "data", "none": None},
    "list": [1, "two", {"three": [UNKNOWN]}],
    "password": Secret("hunter2"),
    "nested": {"deep": [Secret({"a": 1})]},
    "later": UNKNOWN,
    "file": Asset(path="/a/b", hash="abc"),
    "text": Asset(text=""),
    "folder": Archive(path="/a"),
}


def test_values_survive_the_journey_to_the_engine_and_back() -> None:
    assert decode(encode(SAMPLE)) == SAMPLE


def test_a_whole_number_comes_back_as_an_integer() -> None:
    assert type(decode(encode({"n": 3.0}))["n"]) is int


def test_a_property_that_is_null_is_absent() -> None:
    assert decode(encode({"a": None, "b": 1})) == {"b": 1}


def test_an_output_value_of_the_engine_becomes_plain_secret_or_unknown() -> None:
    mark = {SIGNATURE_KEY: OUTPUT_SIGNATURE}
    decoded = decode(
        encode(
            {
                "plain": {**mark, "value": "x"},
                "secret": {**mark, "value": "x", "secret": True},
                "unknown": {**mark, "dependencies": ["urn:a"]},
            }
        )
    )
    assert decoded == {"plain": "x", "secret": Secret("x"), "unknown": UNKNOWN}


def test_revealing_opens_secrets_at_any_depth() -> None:
    assert reveal(SAMPLE["nested"]) == {"deep": [{"a": 1}]}


def test_a_secret_never_shows_its_value_in_text() -> None:
    assert "hunter2" not in repr(SAMPLE)


@pytest.mark.parametrize("value", [UNKNOWN, [UNKNOWN], {"a": [UNKNOWN]}, Secret([UNKNOWN])])
def test_an_unknown_is_found_at_any_depth(value: object) -> None:
    assert has_unknown(value)
    assert not has_unknown({"a": [Secret("known")]})


def test_an_output_is_secret_when_its_input_was_or_when_it_is_named() -> None:
    outputs = {"a": {"b": "x"}, "c": "y", "d": "z", "e": None}
    kept = keep_secrets(outputs, {"a": {"b": Secret("x")}, "d": "z"}, also=("c", "e"))
    assert kept == {"a": Secret({"b": "x"}), "c": Secret("y"), "d": "z", "e": None}
    assert has_secret(kept)
    assert not has_secret(outputs)


def test_a_value_that_the_engine_has_no_form_for_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        encode({"a": {1, 2}})
