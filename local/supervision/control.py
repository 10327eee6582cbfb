"""Talking to a running supervisor over its socket."""

from __future__ import annotations

import contextlib
import http.client
import time
import xmlrpc.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from supervisor.xmlrpc import SupervisorTransport

if TYPE_CHECKING:
    from pathlib import Path

RUNNING = "RUNNING"
STARTING = "STARTING"
POLL_SECONDS = 0.05
FAULTS = (OSError, xmlrpc.client.Error, http.client.HTTPException)


@dataclass(frozen=True)
class ProcessState:
    """What the supervisor says of one program.

    Attributes:
        name: of the program.
        state: RUNNING, STARTING, BACKOFF, STOPPED, ... in supervisord's words.
        pid: inside the node; 0 when it does not run.
        seconds: since it started; 0 when it does not run.
        detail: supervisord's own sentence.
    """

    name: str
    state: str
    pid: int
    seconds: int
    detail: str


class Supervisor:
    """The control interface of one supervisor."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def _proxy(self) -> Any:  # noqa: ANN401 - XML-RPC methods are made up on access
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return xmlrpc.client.ServerProxy("http://supervisor", transport=transport).supervisor

    def alive(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._proxy().getState()["statename"] == RUNNING)
        except FAULTS:
            return False

    def processes(self) -> list[ProcessState]:
        """The state of every program; empty when the supervisor does not answer."""
        try:
            entries = cast("list[dict[str, Any]]", self._proxy().getAllProcessInfo())
        except FAULTS:
            return []
        return [
            ProcessState(
                name=str(entry["name"]),
                state=str(entry["statename"]),
                pid=int(entry["pid"]),
                seconds=max(0, int(entry["now"]) - int(entry["start"])) if entry["pid"] else 0,
                detail=str(entry["description"] or entry["spawnerr"]),
            )
            for entry in entries
        ]

    def stop(self, *names: str, seconds: float) -> None:
        """Stop programs, all at once, and return when they have ended or the time is over.

        Each has its own patience between SIGTERM and SIGKILL. Unknown and stopped ones are no error, and
        neither is a supervisor that does not answer.
        """
        try:
            proxy = self._proxy()
            for name in names:
                with contextlib.suppress(xmlrpc.client.Fault):
                    proxy.stopProcess(name, False)
        except FAULTS:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not any(state.pid for state in self.processes() if state.name in names):
                return
            time.sleep(POLL_SECONDS)

    def start(self, *names: str) -> None:
        """Start programs that were stopped; ones that run are no error."""
        proxy = self._proxy()
        for name in names:
            try:
                proxy.startProcess(name, False)
            except xmlrpc.client.Fault:
                continue
