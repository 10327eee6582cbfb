"""The OpenAPI document: what the framework derives, made exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from app.serve.problems import Problem
from app.serve.records import PredictionRequest
from app.serve.tensors import InferRequest
from app.serve.version import API_VERSION

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

REFERENCE = "#/components/schemas/{model}"
BODIES: tuple[type[BaseModel], ...] = (PredictionRequest, InferRequest, Problem)
"""Models that the routes read and write by themselves, so that the framework doesn't know them."""
FRAMEWORK_ERRORS = frozenset({"HTTPValidationError", "ValidationError"})
"""Its default bodies of refusals, which this service never sends."""


def describe(application: FastAPI) -> dict[str, Any]:
    """The document for a finished application."""
    document = get_openapi(
        title="Plinth reference model",
        version=API_VERSION,
        summary="Death within 60 days of seriously ill hospital patients, from SUPPORT2",
        description="A reference application, not a medical device.",
        routes=application.routes,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for body in BODIES:
        schema = body.model_json_schema(ref_template=REFERENCE)
        schemas.update(schema.pop("$defs", {}))
        schemas[body.__name__] = schema
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        refused = operation["responses"].get("422", {}).get("content", {}).get("application/json", {})
        if refused.get("schema", {}).get("$ref", "").rpartition("/")[2] in FRAMEWORK_ERRORS:
            del operation["responses"]["422"]
    for name in FRAMEWORK_ERRORS:
        schemas.pop(name, None)
    return document
