"""The Open Inference Protocol, version 2: health, metadata and inference under /v2, for existing clients.

Source: https://github.com/open-inference/open-inference-protocol, REST specification.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from app.serve.bodies import JSON, read_json
from app.serve.errors import NotReadyError, UnknownModelError
from app.serve.problems import declared
from app.serve.tensors import (
    InferResponse,
    ModelMetadata,
    OutputTensor,
    model_metadata,
    parse_infer_request,
)
from app.serve.version import API_VERSION

if TYPE_CHECKING:
    from app.serve.inference import Predictor
    from app.serve.metrics import Metrics
    from app.serve.readiness import Readiness

BODY_BYTES = 512 * 1024
"""Bound on a body; `tensors.BATCH_ROWS` rows need about a quarter of it."""


class Live(BaseModel):
    """The process answers."""

    live: bool = True


class Ready(BaseModel):
    """Requests can be answered."""

    ready: bool = True


class ServerMetadata(BaseModel):
    """What the protocol tells about a server."""

    name: str = "plinth"
    version: str = API_VERSION
    extensions: list[str] = []


def health_router(readiness: Readiness) -> APIRouter:
    """Liveness, which is constant, and readiness, which asks for the model."""
    router = APIRouter(prefix="/v2/health", tags=["health"])

    @router.get("/live", summary="Whether the process answers")
    async def live() -> Live:
        return Live()

    @router.get(
        "/ready",
        summary="Whether requests should be sent here",
        responses=declared(HTTPStatus.SERVICE_UNAVAILABLE),
    )
    async def ready() -> Ready:
        if not readiness.ready:
            raise NotReadyError(readiness.reason)
        return Ready()

    return router


def protocol_router(readiness: Readiness, metrics: Metrics) -> APIRouter:
    """Metadata and inference."""
    router = APIRouter(prefix="/v2", tags=["open inference protocol"])
    known = declared(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)

    @router.get("", summary="Server metadata")
    async def server() -> ServerMetadata:
        return ServerMetadata()

    def served(model: str, version: str | None) -> Predictor:
        predictor = readiness.predictor()
        if model != predictor.model or version not in {None, predictor.version}:
            raise UnknownModelError(f"Served here is {predictor.model}, version {predictor.version}.")
        return predictor

    async def metadata(model: str, version: str | None = None) -> ModelMetadata:
        predictor = served(model, version)
        return model_metadata(predictor.model, predictor.version)

    async def model_ready(model: str, version: str | None = None) -> Ready:
        served(model, version)
        if not readiness.ready:
            raise NotReadyError(readiness.reason)
        return Ready()

    async def infer(request: Request, model: str, version: str | None = None) -> Response:
        predictor = served(model, version)
        request_id, rows = parse_infer_request(await read_json(request, BODY_BYTES))
        deaths = predictor.probabilities(rows)
        for probability in deaths:
            metrics.observe_prediction(float(probability))
        tensor = OutputTensor(
            shape=[len(deaths), 2], data=[float(share) for death in deaths for share in (1 - death, death)]
        )
        answer = InferResponse(
            model_name=predictor.model, model_version=predictor.version, id=request_id, outputs=[tensor]
        )
        return Response(answer.model_dump_json(exclude_none=True), media_type=JSON)

    bodies: dict[str, Any] = {
        "required": True,
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/InferRequest"}}},
    }
    refusals = declared(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )
    for path in ("/models/{model}", "/models/{model}/versions/{version}"):
        router.get(path, summary="Model metadata", responses=known)(metadata)
        router.get(f"{path}/ready", summary="Whether the model answers", responses=known)(model_ready)
        router.post(
            f"{path}/infer",
            summary="Probabilities for rows of encoded features",
            response_model=InferResponse,
            responses=known | refusals,
            openapi_extra={"requestBody": bodies},
        )(infer)
    return router
