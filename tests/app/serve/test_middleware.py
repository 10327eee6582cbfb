"""What goes around a request, told to it as a server does: in plain ASGI."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from app.serve.api import create_api
from app.serve.readiness import Readiness

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message

    from app.serve.inference import Predictor
    from app.serve.settings import ServingSettings


@pytest.mark.parametrize(
    ("path", "route"),
    [("/v1/predictions", "/v1/predictions"), ("/v2/models/tiny/infer", "/v2/models/{model}/infer")],
)
def test_a_caller_that_hangs_up_while_sending_is_counted_and_is_no_failure(
    make_settings: Callable[..., ServingSettings],
    published: Any,
    predictor: Predictor,
    path: str,
    route: str,
) -> None:
    readiness = Readiness()
    readiness.serve(predictor)
    api = create_api(make_settings(), published.store, readiness)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"100")],
    }
    messages: list[Message] = [
        {"type": "http.request", "body": b'{"patient_id"', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    with capture_logs() as logs:
        asyncio.run(api(scope, receive, send))
    metrics: Any = api.user_middleware[0].kwargs["metrics"]
    counted = [
        (sample.labels, sample.value)
        for family in metrics.registry.collect()
        if family.name == "plinth_http_requests"
        for sample in family.samples
    ]
    assert counted == [({"method": "POST", "route": route, "status": "499"}, 1.0)]
    assert not sent
    assert not logs
