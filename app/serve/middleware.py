"""Around every request: time and status for metrics, headers, and an answer even if the code fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog
from starlette.requests import ClientDisconnect

from app.serve.problems import INTERNAL, LOGGED, respond, route_of

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from app.serve.metrics import Metrics
    from app.serve.readiness import Readiness

log = structlog.get_logger(__name__)

METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"})
CLIENT_CLOSED_REQUEST = 499
"""The caller hung up before its body was whole: nginx's convention, counted and never sent."""
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
)
CLOSE = (b"connection", b"close")


class Edge:
    """Plain ASGI: the framework's own middleware class costs more than the whole prediction."""

    def __init__(self, app: ASGIApp, metrics: Metrics, readiness: Readiness) -> None:
        self._app = app
        self._metrics = metrics
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; anything that isn't HTTP goes through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].extend(HEADERS)
                if self._readiness.draining:
                    # The caller opens its next connection elsewhere, instead of losing this one in mid-air.
                    message["headers"].append(CLOSE)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            status = CLIENT_CLOSED_REQUEST
        except Exception:
            log.exception("request_failed", method=scope["method"], route=route_of(scope))
            if status:
                raise  # too late for another answer: the connection has to break
            answer = respond(scope["path"], INTERNAL, LOGGED)
            await answer(scope, receive, sending)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.observe_request(method, route_of(scope), status, time.perf_counter() - began)
