"""Bodies of the Open Inference Protocol, version 2: one tensor of encoded features in, probabilities out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Tag, ValidationError
from pydantic_core import PydanticCustomError

from app.artifact import INPUT_NAME, OUTPUT_NAME
from app.schema import FEATURES, Category
from app.serve.errors import FieldError, InvalidRequestError
from app.serve.records import SHOWN_ERRORS, refusal

BATCH_ROWS = 256
"""Bound on one request: it keeps one caller from holding up the others."""
COLUMNS = len(FEATURES)
LOWEST = np.array([0 if isinstance(column, Category) else column.lowest for column in FEATURES], np.float64)
HIGHEST = np.array(
    [len(column.values) - 1 if isinstance(column, Category) else column.highest for column in FEATURES],
    np.float64,
)
WHOLE = np.array([isinstance(column, Category) or column.whole for column in FEATURES])


def _possible(shape: list[int]) -> list[int]:
    rows, columns = shape
    if columns != COLUMNS or rows > BATCH_ROWS:
        raise PydanticCustomError("shape", f"Input should be [1 to {BATCH_ROWS}, {COLUMNS}]")
    return shape


Shape = Annotated[
    list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2), AfterValidator(_possible)
]
# The first wrong value ends the reading of its list: an error for each of a body's hundred thousand takes
# seconds and hundreds of megabytes.
Value = Annotated[float, Field(allow_inf_nan=False)] | None
Row = Annotated[list[Value], Field(max_length=COLUMNS, fail_fast=True)]
Rows = Annotated[list[Row], Field(max_length=BATCH_ROWS, fail_fast=True), Tag("rows")]
Flat = Annotated[list[Value], Field(max_length=BATCH_ROWS * COLUMNS, fail_fast=True), Tag("flat")]


class InputTensor(BaseModel):
    """Encoded rows: features in the order of the model's metadata, null where missing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Literal["features"]
    datatype: Literal["FP32"]
    shape: Shape
    parameters: dict[str, Any] | None = None
    data: Flat | Rows


class RequestedOutput(BaseModel):
    """An output by name."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Literal["probabilities"]
    parameters: dict[str, Any] | None = None


class InferRequest(BaseModel):
    """An inference request of the protocol."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Annotated[str, Field(max_length=128)] | None = None
    parameters: dict[str, Any] | None = None
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=1, fail_fast=True)]
    outputs: Annotated[list[RequestedOutput], Field(max_length=1, fail_fast=True)] | None = None


class OutputTensor(BaseModel):
    """For each row, the probabilities of survival and of death, one row after the other."""

    name: str = OUTPUT_NAME
    datatype: str = "FP32"
    shape: list[int]
    data: list[float]


class InferResponse(BaseModel):
    """An inference response of the protocol."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class TensorMetadata(BaseModel):
    """Name, type and shape of an input or output; -1 is any number of rows."""

    name: str
    datatype: str = "FP32"
    shape: list[int]
    parameters: dict[str, Any] | None = None


class ModelMetadata(BaseModel):
    """What the protocol tells about a model."""

    name: str
    versions: list[str]
    platform: str = "onnxruntime_onnx"
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


def parse_infer_request(body: bytes) -> tuple[str | None, np.ndarray[Any, np.dtype[np.float32]]]:
    """The request's own id and its rows.

    Raises:
        MalformedBodyError: it is not JSON.
        InvalidRequestError: shape, type or a value is wrong. Values outside their limits are all named, by
            row and feature; of what isn't a number the first, once as `flat` and once as `rows`.
    """
    try:
        request = InferRequest.model_validate_json(body)
    except ValidationError as error:
        raise refusal(error) from error
    tensor = request.inputs[0]
    rows, columns = tensor.shape
    try:
        values = np.array(tensor.data, dtype=np.float64)  # null becomes NaN
    except ValueError:
        raise _refused("inputs.0.data", "Rows should have one length", "shape") from None
    if values.shape not in {(rows * columns,), (rows, columns)}:
        raise _refused("inputs.0.data", f"Input should hold {rows * columns} values", "shape")
    return request.id, _within_limits(values.reshape(rows, columns)).astype(np.float32)


def _within_limits(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    with np.errstate(invalid="ignore"):
        outside = (values < LOWEST) | (values > HIGHEST)
        broken = WHOLE & ~np.isnan(values) & (values != np.round(values))
    errors = tuple(
        FieldError(
            field=f"inputs.0.data.{row}.{FEATURES[column].name}",
            message=f"Input should be {'a whole number ' if WHOLE[column] else ''}"
            f"from {LOWEST[column]:g} to {HIGHEST[column]:g}",
            code="out_of_range",
        )
        for row, column in np.argwhere(outside | broken)[:SHOWN_ERRORS]
    )
    if errors:
        raise InvalidRequestError(errors)
    return values


def _refused(field: str, message: str, code: str) -> InvalidRequestError:
    return InvalidRequestError((FieldError(field, message, code),))


def model_metadata(name: str, version: str) -> ModelMetadata:
    """The served model, as the protocol describes it."""
    features = [column.name for column in FEATURES]
    return ModelMetadata(
        name=name,
        versions=[version],
        inputs=[TensorMetadata(name=INPUT_NAME, shape=[-1, COLUMNS], parameters={"features": features})],
        outputs=[TensorMetadata(name=OUTPUT_NAME, shape=[-1, 2])],
    )
