"""Bodies of requests and answers; what a request may hold is built from the one schema in `app.schema`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, create_model

from app.schema import REQUEST_COLUMNS, Category, Number
from app.serve.errors import FieldError, InvalidRequestError, MalformedBodyError

SHOWN_ERRORS = 200
"""Bound on an answer to a hostile body; a real one has fewer fields."""
LONGEST_FIELD_NAME = 100
"""Of what a problem repeats of an unknown key."""

EXAMPLE_FEATURES: dict[str, Any] = {
    "age": 62.85,
    "comorbidities": 0,
    "edu": 11,
    "scoma": 0,
    "hday": 1,
    "sps": 33.9,
    "meanbp": 97,
    "wblc": 6,
    "hrt": 69,
    "resp": 22,
    "temp": 36,
    "pafi": 388,
    "alb": 1.8,
    "bili": 0.2,
    "crea": 1.2,
    "sod": 141,
    "ph": 7.46,
    "glucose": None,
    "bun": None,
    "urine": None,
    "adlp": 7,
    "adls": 7,
    "diabetes": 0,
    "dementia": 0,
    "sex": "male",
    "dzgroup": "Lung Cancer",
    "dzclass": "Cancer",
    "ca": "metastatic",
    "race": "other",
    "income": "$11-$25k",
}
"""The first row of data/support2.csv.gz."""

PatientId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


def _field(column: Number | Category) -> tuple[Any, Any]:
    if isinstance(column, Category):
        return Literal[column.values] | None, Field(default=None, description=column.meaning)
    kind: Any = Annotated[
        float,
        Field(
            ge=column.lowest,
            le=column.highest,
            multiple_of=1 if column.whole else None,
            allow_inf_nan=False,
        ),
    ]
    unit = f" ({column.unit})" if column.unit else ""
    return kind | None, Field(default=None, description=f"{column.meaning}{unit}")


_FIELDS: Any = {column.name: _field(column) for column in REQUEST_COLUMNS}

Features: type[BaseModel] = create_model(
    "Features",
    __config__=ConfigDict(extra="forbid", strict=True, frozen=True),
    __doc__="SUPPORT2's columns by name; null or absent is missing. `race` and `income` are checked, then "
    "discarded: the model never gets them, and no prediction is recorded.",
    **_FIELDS,
)


class PredictionRequest(BaseModel):
    """One patient."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"examples": [{"patient_id": "p-1", "features": EXAMPLE_FEATURES}]},
    )

    patient_id: PatientId
    """The caller's own name for the patient; comes back in the answer."""
    features: Features


class Prediction(BaseModel):
    """One answer."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    prediction_id: str = Field(description="UUID, version 7", json_schema_extra={"format": "uuid"})
    patient_id: str
    model: str
    model_version: str
    artifact_sha256: str
    probability: float = Field(ge=0, le=1, description="of death within 60 days")
    created_at: str = Field(json_schema_extra={"format": "date-time"})


def parse_prediction_request(body: bytes) -> tuple[str, dict[str, Any]]:
    """The patient's id and the features of a body.

    Raises:
        MalformedBodyError: it is not JSON.
        InvalidRequestError: fields are wrong; each is named.
    """
    try:
        request = PredictionRequest.model_validate_json(body)
    except ValidationError as error:
        raise refusal(error) from error
    return request.patient_id, request.features.__dict__


def refusal(error: ValidationError) -> MalformedBodyError | InvalidRequestError:
    """What to tell the caller: every refused field with its reason, without the refused values.

    Of more than `SHOWN_ERRORS` only the number.
    """
    if error.error_count() > SHOWN_ERRORS:
        # Pydantic builds every error or none, and a hostile body has one for every few of its bytes.
        told = (
            f"{error.error_count()} fields are wrong or unknown, more than the {SHOWN_ERRORS} that are named"
        )
        return InvalidRequestError(
            (FieldError("body", f"{told}; /openapi.json says what a body may hold", "too_many_errors"),)
        )
    details = error.errors(include_url=False, include_context=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        return MalformedBodyError(f"The body is not valid JSON: {details[0]['msg']}.")
    fields = tuple(
        FieldError(
            field=".".join(map(str, detail["loc"]))[:LONGEST_FIELD_NAME] or "body",
            message=_MESSAGES.get(detail["type"], detail["msg"]),
            code=detail["type"],
        )
        for detail in details
    )
    return InvalidRequestError(fields)


_MESSAGES = {
    "extra_forbidden": "Unknown field",
    "multiple_of": "Input should be a whole number",
    "missing": "Field required",
}
