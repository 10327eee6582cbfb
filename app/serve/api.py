"""The application: routes, the one error handler, and what starts and ends with them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from app.errors import AppError
from app.serve.loader import Loader
from app.serve.metrics import Metrics
from app.serve.middleware import Edge
from app.serve.openapi import describe
from app.serve.predictions import predictions_router
from app.serve.problems import answer_error, answer_http_error
from app.serve.protocol import health_router, protocol_router

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.serve.readiness import Readiness
    from app.serve.settings import ServingSettings
    from app.storage import Store


def create_api(settings: ServingSettings, store: Store, readiness: Readiness) -> FastAPI:
    """The ASGI application; its lifespan fetches the model and answers Prometheus."""
    metrics = Metrics(
        readiness, model=settings.model, version=settings.model_version, sha256=settings.artifact_sha256
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        listener = metrics.listen(settings.host, settings.metrics_port)
        loader = Loader(settings, store, readiness)
        loader.start()
        try:
            yield
        finally:
            loader.stop()
            listener.close()

    # No interactive pages: they would load scripts from elsewhere into a page of this origin.
    api = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    api.include_router(predictions_router(readiness, metrics))
    api.include_router(health_router(readiness))
    api.include_router(protocol_router(readiness, metrics))
    api.add_exception_handler(AppError, answer_error)
    api.add_exception_handler(HTTPException, answer_http_error)  # type: ignore[arg-type]  # starlette narrows it
    api.add_middleware(Edge, metrics=metrics, readiness=readiness)

    @cache
    def openapi() -> dict[str, Any]:
        return describe(api)

    api.openapi = openapi  # type: ignore[method-assign]  # the documented way to replace it
    return api
