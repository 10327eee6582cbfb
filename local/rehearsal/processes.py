"""The processes of one rehearsal: each dies with the one that started it, however that ends."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from local.engine.environment import BYTECODE
from local.supervision import launch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATIENCE_SECONDS = 60
"""How long a process waits for what it needs before it starts regardless."""
LOOPBACK = "127.0.0.1"
TAIL_LINES = 15


class Processes:
    """What was started, in order; ended in the opposite one.

    Args:
        logs: folder of their logs.
        scratch: folder for their temporary files.
    """

    def __init__(self, logs: Path, scratch: Path) -> None:
        self._logs = logs
        self._scratch = scratch
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        waits_for: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start one, with its output in a log of its name.

        Must be called from the main thread: a child's life is tied to the thread that made it.

        Args:
            name: unique in this rehearsal.
            command: absolute path of the program, and its arguments.
            waits_for: `tcp:HOST:PORT` that has to answer first.
            environment: its variables, but for a few that are the same for all; None passes on our own.
        """
        waits = [word for target in waits_for for word in ("--wait", target)]
        words = [sys.executable, "-I", "-S", str(Path(launch.__file__))]
        words += ["--death", "KILL", "--patience", str(PATIENCE_SECONDS), *waits, "--", *command]
        with (self._logs / f"{name}.log").open("wb") as log:
            self._started[name] = subprocess.Popen(  # noqa: S603 - our own words
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    **(os.environ if environment is None else environment),
                    **BYTECODE,
                    "TMPDIR": str(self._scratch),
                },
                # A terminal's Ctrl-C goes to the command alone, which then ends these in order.
                start_new_session=True,
            )

    def dead(self) -> list[str]:
        """Those that ended by themselves, each with the last words of its log."""
        return [
            f"{name} ended with status {process.returncode}:\n{self.last_words(name)}"
            for name, process in self._started.items()
            if process.poll() is not None
        ]

    def last_words(self, name: str) -> str:
        """The end of a process's log."""
        try:
            lines = (self._logs / f"{name}.log").read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-TAIL_LINES:])

    def end(self) -> None:
        """Kill all of them, the last first; what they keep goes with the rehearsal."""
        for process in reversed(self._started.values()):
            process.kill()
        for process in self._started.values():
            process.wait()
        self._started.clear()


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody holds at this moment."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in sockets]


def mentioning(folder: Path) -> list[psutil.Process]:
    """Processes of this machine that belong to a folder, ourselves left out.

    They have its path in their command line, or in a variable: the engine's plugins are told of it there.
    """
    found = []
    own = {psutil.Process().pid, *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter(["cmdline", "environ", "name", "status"]):
        words = [*(process.info["cmdline"] or ()), *(process.info["environ"] or {}).values()]
        if process.pid in own or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        if any(str(folder) in word for word in words):
            found.append(process)
    return found
