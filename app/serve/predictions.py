"""`POST /v1/predictions`: one patient in, one probability out."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from app.serve.bodies import JSON, read_json
from app.serve.identifiers import uuid7
from app.serve.problems import declared
from app.serve.records import Prediction, parse_prediction_request

if TYPE_CHECKING:
    from app.serve.metrics import Metrics
    from app.serve.readiness import Readiness

BODY_BYTES = 64 * 1024
"""Bound on a body; the longest valid record has about two thousand bytes."""


def predictions_router(readiness: Readiness, metrics: Metrics) -> APIRouter:
    """Routes under /v1."""
    router = APIRouter(prefix="/v1", tags=["predictions"])

    # Body and answer are read and written by the models themselves: the framework's own way, through Python
    # objects and back, costs a third of the requests per second. OpenAPI is told of both.
    @router.post(
        "/predictions",
        summary="Probability of death within 60 days, for one patient",
        response_model=Prediction,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/PredictionRequest"}}},
            }
        },
        responses=declared(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.INTERNAL_SERVER_ERROR,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    async def predict(request: Request) -> Response:
        predictor = readiness.predictor()
        patient_id, features = parse_prediction_request(await read_json(request, BODY_BYTES))
        probability = predictor.probability(features)
        metrics.observe_prediction(probability)
        answer = Prediction(
            prediction_id=uuid7(),
            patient_id=patient_id,
            model=predictor.model,
            model_version=predictor.version,
            artifact_sha256=predictor.sha256,
            probability=probability,
            created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        return Response(answer.model_dump_json(), media_type=JSON)

    return router
