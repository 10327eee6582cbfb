"""A `make up` that can be killed, and commands that are waited for."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import psutil

from local.instance import CHECKOUT
from tests.chaos.plan import Victim

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

UP_SECONDS = 900
"""Bound on any command, far above what it takes."""
UNCHANGED = "stack: 0 changes"
REPAIRS = re.compile(r"engine state: (.*)|(the running node has .*)|(the released artifact .*)")

PATTERNS = {
    Victim.COMMAND: re.compile(r"-m local up"),
    Victim.ENGINE: re.compile(r"^\S*/pulumi (up|destroy)\b"),
    Victim.HOST: re.compile(r"local\.engine\.language_host|/local/engine/program\.py"),
    Victim.PROVIDERS: re.compile(r"local\.engine\.(aws|kubernetes)"),
}
"""Which of the processes below `make` they are, by their command lines."""


@dataclass(frozen=True)
class Ended:
    """A command that ended by itself."""

    status: int
    seconds: float
    output: str

    @property
    def repairs(self) -> list[str]:
        return [match.group(0) for match in REPAIRS.finditer(self.output)]

    @property
    def wrong(self) -> str:
        """Why it did not succeed; empty if it did."""
        return "" if self.status == 0 else f"status {self.status}: {self.output[-3000:]}"

    @property
    def changed(self) -> str:
        """Why it is not a `make up` that found nothing to do; empty if it is."""
        return self.wrong or ("" if UNCHANGED in self.output else self.output[-1000:])


def make(*words: str) -> Ended:
    """Run a command of the checkout to its end."""
    with Running(*words) as running:
        return running.ended()


class Running:
    """`make WORDS` in a session of its own; whoever leaves the block leaves nothing of it running."""

    def __init__(self, *words: str) -> None:
        self._output = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed at the end of the block
        self._began = time.monotonic()
        self._process = psutil.Popen(
            ["make", "--no-print-directory", *words],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.kill(Victim.EVERYTHING)
        self._output.close()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def output(self) -> str:
        with open(f"/proc/self/fd/{self._output.fileno()}", "rb") as file:  # noqa: PTH123 - a second reader
            return file.read().decode(errors="replace")

    @property
    def last_line(self) -> str:
        lines = self.output.splitlines()
        return lines[-1] if lines else ""

    def ended(self, limit: float = UP_SECONDS) -> Ended:
        """Wait for its end."""
        try:
            status = self._process.wait(limit)
        except psutil.TimeoutExpired:
            self.kill(Victim.EVERYTHING)
            return Ended(-1, self.seconds, f"{self.output}\nnot ended after {limit} s")
        return Ended(status, round(self.seconds, 1), self.output)

    def wait_until(self, moment: float, then: Callable[[], bool] = lambda: True) -> bool:
        """Wait for a moment and something to be the case; False if the command ended first."""
        while self.seconds < moment or not then():
            if self._process.poll() is not None:
                return False
            time.sleep(0.02)
        return self._process.poll() is None

    def has(self, victim: Victim) -> bool:
        return bool(self._find(victim))

    def kill(self, victim: Victim) -> list[str]:
        """Kill, all at once, and give the names of what was killed."""
        found = self._find(victim)
        names = [_describe(process) for process in found]
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return names

    def _find(self, victim: Victim) -> list[psutil.Process]:
        try:
            itself = psutil.Process(self._process.pid)
            if itself.status() == psutil.STATUS_ZOMBIE:  # its end came first: there is nothing to kill
                return []
            below = itself.children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        if victim is Victim.EVERYTHING:
            return [itself, *below]
        if victim is Victim.MAKE:
            return [itself]
        return [process for process in below if PATTERNS[victim].search(_command(process))]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _describe(process: psutil.Process) -> str:
    words = _command(process).replace(str(CHECKOUT), ".")
    short = re.sub(r"\S*/(?=[^/\s]+(\s|$))", "", words)
    return f"{process.pid} {short[:70]}"
