"""Long commands of a build: each with its log, none outliving the build that started it."""

from __future__ import annotations

import signal
import subprocess
import threading
from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TAIL_LINES = 15

SIGNALLED = 128
"""A program that ran another one ends with this plus the number of the signal that ended the other."""

CONTAINED = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"),
)
"""Put in front of what mounts file systems and starts processes of its own.

Its mounts are seen by nobody else and its processes are in a namespace whose first process dies with us,
so a build that is killed, in whatever way, leaves neither a mount nor a process behind.
"""


class KilledError(LocalError):
    """A command was ended by a signal, so what it was writing may be half-done."""


class Commands:
    """Starts commands, writes what they print to a file each, and can end all of them at once.

    Safe to use from several threads.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(
        self,
        step: str,
        command: Sequence[str | Path],
        *,
        log: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Run a command to its end.

        Args:
            step: what it does, as a person would say it.
            command: program and arguments. They are written to the log: no secret may be among them.
            log: name of the log, without suffix; output is added to what is there.
            environment: variables instead of ours.

        Raises:
            LocalError: it could not be started or failed; the text ends with the log's last lines.
        """
        words = [str(word) for word in command]
        self._logs.mkdir(parents=True, exist_ok=True)
        file = self._logs / f"{log}.log"
        with file.open("ab") as output:
            output.write(f"== {step}: {' '.join(words)}\n".encode())
            output.flush()
            try:
                process = self._start(words, output.fileno(), environment)
            except OSError as error:
                raise LocalError(
                    f"{step}: {words[0]} can't be started: {error.strerror}. Install it, or put it on PATH."
                ) from error
            try:
                status = process.wait()
            finally:
                self._end(process)
        if status:
            kind = KilledError if status < 0 or status > SIGNALLED else LocalError
            raise kind(f"{step} failed: {_ending(status)}. The end of {file}:\n{tail(file)}")

    def output(
        self, step: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> str:
        """Run a short command and give what it printed, without the last line's end.

        Raises:
            LocalError: it could not be started or failed; the text has its complaint.
        """
        words = [str(word) for word in command]
        try:
            done = subprocess.run(  # noqa: S603 - our own words
                words, check=False, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL
            )
        except OSError as error:
            raise LocalError(
                f"{step}: {words[0]} can't be started: {error.strerror}. Install it, or put it on PATH."
            ) from error
        if done.returncode:
            raise LocalError(f"{step} failed: {_ending(done.returncode)}: {done.stderr.strip()[-2000:]}")
        return done.stdout.strip()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def stop(self) -> None:
        """End whatever runs, and start nothing any more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()

    def _start(
        self, words: list[str], output: int, environment: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise KilledError(
                    "The build was stopped, because another part of it failed or it was interrupted."
                )
            process = subprocess.Popen(  # noqa: S603 - our own words
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )  # in our own process group, so that Ctrl-C on the terminal ends it as well
            self._running.add(process)
            return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.discard(process)
            if process.poll() is None:
                process.kill()
                process.wait()


def tail(file: Path) -> str:
    """The last lines of a log, indented, for an error."""
    lines = file.read_text(errors="replace").rstrip().splitlines()
    return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])


def _ending(status: int) -> str:
    number = -status if status < 0 else status - SIGNALLED
    if number in {signal.SIGKILL, signal.SIGTERM, signal.SIGINT}:
        hint = " (the kernel does that when memory runs out)" if number == signal.SIGKILL else ""
        return f"{signal.Signals(number).name} ended it{hint}"
    return f"it ended with status {status}"
