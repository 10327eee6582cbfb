"""Problem details (RFC 9457): one body for everything that isn't an answer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from app.errors import AppError
from app.serve import errors

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.exceptions import HTTPException
    from starlette.types import Scope

log = structlog.get_logger(__name__)

UNMATCHED = "unmatched"
"""Route label of unknown paths: labels are a closed list, whatever callers ask for."""
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """What an error looks like from outside."""

    status: HTTPStatus
    name: str
    title: str


KINDS: dict[type[AppError], Kind] = {
    errors.InvalidRequestError: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "Fields of the request are wrong"
    ),
    errors.MalformedBodyError: Kind(HTTPStatus.BAD_REQUEST, "malformed-body", "The body is not JSON"),
    errors.MediaTypeError: Kind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media-type", "The body is not declared as JSON"
    ),
    errors.BodyTooLargeError: Kind(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", "The body is too large"
    ),
    errors.UnknownModelError: Kind(HTTPStatus.NOT_FOUND, "unknown-model", "The model is not served here"),
    errors.NotReadyError: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "The service is not ready"),
}
INTERNAL = Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "The service failed")
LOGGED = "The request could not be answered; it has been logged."


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="path of the field", examples=["features.age"])
    message: str
    code: str = Field(description="short name of the reason, for machines")


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:plinth:problem:invalid-request",
                    "title": "Fields of the request are wrong",
                    "status": 422,
                    "detail": "1 field refused: features.age.",
                    "instance": "/v1/predictions",
                    "errors": [
                        {
                            "field": "features.age",
                            "message": "Input should be less than or equal to 120",
                            "code": "less_than_equal",
                        }
                    ],
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="path of the request")
    errors: list[FieldProblem] | None = Field(
        default=None, description="each refused field, where fields are"
    )


def answer_error(request: Request, error: Exception) -> Response:
    """The one handler of `AppError`."""
    kind = KINDS.get(type(error), INTERNAL) if isinstance(error, AppError) else INTERNAL
    detail = str(error)
    if kind is INTERNAL:
        log.error(
            "request_failed",
            method=request.method,
            route=route_of(request.scope),
            error=type(error).__name__,
            reason=detail,
        )
        detail = LOGGED
    fields = (
        [asdict(field) for field in error.errors] if isinstance(error, errors.InvalidRequestError) else None
    )
    return respond(request.url.path, kind, detail, fields)


def answer_http_error(request: Request, error: HTTPException) -> Response:
    """What the router itself refuses: unknown paths and methods."""
    status = HTTPStatus(error.status_code)
    detail = {
        HTTPStatus.NOT_FOUND: "There is nothing at this path; /openapi.json lists what there is.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not possible here.",
    }.get(status, status.description)
    kind = Kind(status, status.phrase.lower().replace(" ", "-"), status.phrase)
    return respond(request.url.path, kind, detail, headers=dict(error.headers or {}))


def route_of(scope: Scope) -> str:
    """The route's own pattern, in which no caller's words are."""
    return getattr(scope.get("route"), "path", UNMATCHED)


def respond(
    instance: str,
    kind: Kind,
    detail: str,
    fields: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """A response with problem details."""
    body: dict[str, Any] = {
        "type": f"urn:plinth:problem:{kind.name}",
        "title": kind.title,
        "status": int(kind.status),
        "detail": detail,
        "instance": instance,
    }
    if fields:
        body["errors"] = fields
    return Response(json.dumps(body), int(kind.status), headers, MEDIA_TYPE)


def declared(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The problem responses of a route, as OpenAPI wants them."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(status): {"description": status.phrase, "content": content} for status in statuses}
