"""What a body of tensors may hold, and what refusing a hostile one costs."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from app.schema import FEATURES
from app.serve.errors import InvalidRequestError
from app.serve.protocol import BODY_BYTES
from app.serve.tensors import BATCH_ROWS, InferRequest, parse_infer_request

COLUMNS = len(FEATURES)
VALUES = BATCH_ROWS * COLUMNS


def _body(data: Any, rows: int = 1, **others: Any) -> bytes:
    tensor = {"name": "features", "datatype": "FP32", "shape": [rows, COLUMNS], "data": data}
    return json.dumps({"inputs": [tensor], **others}, separators=(",", ":")).encode()


def _refusal(body: bytes) -> dict[str, str]:
    assert len(body) <= BODY_BYTES
    with pytest.raises(InvalidRequestError) as refusal:
        parse_infer_request(body)
    return {error.field: error.message for error in refusal.value.errors}


def test_as_many_rows_as_are_allowed_are_read() -> None:
    for data in ([None] * VALUES, [[None] * COLUMNS] * BATCH_ROWS):
        _, rows = parse_infer_request(_body(data, BATCH_ROWS))
        assert rows.shape == (BATCH_ROWS, COLUMNS)


@pytest.mark.parametrize("form", ["flat", "rows"])
def test_too_many_rows_are_told_the_limit(form: str) -> None:
    rows = BATCH_ROWS + 1
    data = [0] * rows * COLUMNS if form == "flat" else [[0] * COLUMNS] * rows
    refusal = _refusal(_body(data, rows))
    assert refusal["inputs.0.shape"] == f"Input should be [1 to {BATCH_ROWS}, {COLUMNS}]"
    assert f"at most {VALUES if form == 'flat' else BATCH_ROWS} items" in refusal[f"inputs.0.data.{form}"]


@pytest.mark.parametrize(
    ("data", "as_flat", "as_rows"),
    [
        ([0, "x", "x"], "flat.1", "rows.0"),
        ([0, [0]], "flat.1", "rows.0"),
        ([[0], [0, "x", "x"], ["x"]], "flat.0", "rows.1.1"),
        ([[0], 0], "flat.0", "rows.1"),
        ([[0] * (COLUMNS + 1)], "flat.0", "rows.0"),
        ("x", "flat", "rows"),
    ],
)
def test_the_first_wrong_value_is_named_in_each_form_that_data_may_have(
    data: Any, as_flat: str, as_rows: str
) -> None:
    assert set(_refusal(_body(data))) == {f"inputs.0.data.{as_flat}", f"inputs.0.data.{as_rows}"}


HOSTILE = {
    "text": _body([""] * 170_000),
    "rows of text": _body([[""]] * 100_000),
    "one row of text": _body([[""] * 170_000]),
    "text within the limits": _body([[""] * COLUMNS] * BATCH_ROWS),
    "empty rows": _body([[]] * 170_000),
    "numbers": _body([0] * 250_000),
    "tensors": json.dumps({"inputs": [{}] * 120_000}).encode(),
    "outputs": _body([0], outputs=[{}] * 160_000),
    "unknown keys": _body([0], **{f"{number:x}": 0 for number in range(50_000)}),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_refusing_a_hostile_body_is_short_and_takes_little_memory(body: bytes) -> None:
    tracemalloc.start()
    try:
        refusal = _refusal(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(refusal) <= 4
    assert peak < 32 * BODY_BYTES


def test_the_limits_of_a_tensor_are_documented() -> None:
    flat, rows = InferRequest.model_json_schema()["$defs"]["InputTensor"]["properties"]["data"]["anyOf"]
    assert flat["maxItems"] == VALUES
    assert (rows["maxItems"], rows["items"]["maxItems"]) == (BATCH_ROWS, COLUMNS)
