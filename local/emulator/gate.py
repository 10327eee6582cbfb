"""The WSGI application in front of moto: one change at a time, each of them remembered."""

from __future__ import annotations

import gc
import io
import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import create_backend_app

from local.emulator import backends
from local.emulator.calls import Call
from local.emulator.shortcuts import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.emulator.memory import Memory

HEALTH_PATH = "/_plinth/health"
LARGE_BODY = 1_000_000
"""Bytes from which on a request's memory is worth being freed at once."""
LOCK_SECONDS = 30.0
"""Longest wait for one's turn. Beyond it a handler of moto is calling the emulator itself, and waiting on
would be a deadlock."""


class Gate:
    """Serves moto's services, strictly one request after the other.

    moto's models are plain Python objects without locks, and conditional writes and counters come out
    wrong when two threads interleave in them. As it only computes, taking turns costs no throughput.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._moto = Dispatcher(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:  # noqa: ANN401 - WSGI's callable
        """Answer one request: our own health, or whatever moto says when it is this one's turn."""
        if environ.get("PATH_INFO") == HEALTH_PATH:
            body = json.dumps(self._memory.health()).encode()
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
            start_response("200 OK", headers)
            return [body]
        # The body is read before the turn begins: a slow sender must not hold up everybody else.
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        call = Call.of(environ, body)
        with self._turn(call):
            before = backends.materialised()
            if call.changes:
                self._memory.changed()
            answer = self._answer(environ, start_response)
            if backends.materialised() != before:
                backends.stop_tracking()
                if not call.changes:
                    self._memory.changed()
            if len(body) > LARGE_BODY:
                # Flask's requests sit in reference cycles; waiting for the collector, they pile up.
                environ.clear()
                gc.collect()
        return answer

    def _answer(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:  # noqa: ANN401 - as above
        chunks = self._moto(environ, start_response)
        try:
            return list(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    @contextmanager
    def _turn(self, call: Call) -> Iterator[None]:
        if call.waits:
            yield
            return
        held = self._memory.lock.acquire(timeout=LOCK_SECONDS)
        if not held:
            print(f"gate: {call.operation} goes on without its turn", file=sys.stderr, flush=True)  # noqa: T201 - its log
        try:
            yield
        finally:
            if held:
                self._memory.lock.release()
