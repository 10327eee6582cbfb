"""Uvicorn, ended so that no request is lost."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import structlog
import uvicorn

if TYPE_CHECKING:
    from types import FrameType

    from fastapi import FastAPI

    from app.serve.readiness import Readiness
    from app.serve.settings import ServingSettings

GRACE_SECONDS = 10
"""Bound on finishing what is in flight once the drain is over."""
KEEP_ALIVE_SECONDS = 3700
"""Longer than Envoy keeps an idle connection (an hour): the side that sends has to be the one that closes,
or a request crosses the closing on its way."""
BACKLOG = 1024

log = structlog.get_logger(__name__)


class DrainingServer(uvicorn.Server):
    """On SIGTERM: unready at once, answering everybody until the gateway has noticed, then the end, status 0.

    A second SIGTERM, or Ctrl+C, skips the wait.
    """

    def __init__(self, api: FastAPI, settings: ServingSettings, readiness: Readiness) -> None:
        super().__init__(
            uvicorn.Config(
                api,
                host=settings.host,
                port=settings.port,
                loop="uvloop",
                http="httptools",
                ws="none",
                lifespan="on",
                access_log=False,
                log_config=None,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._readiness = readiness
        self._drain_seconds = settings.drain_seconds
        self._drained_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's form
        """Begin to drain; uvicorn's own would close the door at once and end by the signal."""
        if sig == signal.SIGTERM and self._drained_at is None:
            self._readiness.drain()
            self._drained_at = time.monotonic() + self._drain_seconds
        elif self.should_exit:
            self.force_exit = True
        else:
            self._readiness.drain()
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Look every tenth of a second whether the drain is over."""
        if self._drained_at is not None and time.monotonic() >= self._drained_at and not self.should_exit:
            log.info("drained", seconds=self._drain_seconds)
            self.should_exit = True
        return await super().on_tick(counter)
