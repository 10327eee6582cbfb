"""The Pulumi stack of an embedded environment, driven through the real command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import psutil

from local.errors import LocalError
from local.instance import STACK, Instance
from local.leash import end_remains, leashed, marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from local.progress import Progress

UPDATE_SECONDS = 1500
"""Bound on one update: the longest one trains a model and waits for two rollouts."""

TAIL_LINES, TAIL_BYTES = 60, 100_000
"""How much of a failed update's output is shown."""

LOG_BYTES = 10_000_000
"""A log that is larger before an update is put aside; one predecessor is kept."""

PREVIEW_SECONDS = 900.0
"""Bound on one preview, which may look at everything that exists."""

RECORDED_ONLY = "__recordedOnly"
"""Mark that the AWS stand-in leaves on a resource it keeps in the state but can't realise."""


@dataclass(frozen=True)
class Counts:
    """How many of the stack's resources exist for real, and how many are only kept in its state."""

    realised: int
    recorded_only: int


class Stack:
    """Commands on one stack, each bounded, each leaving its full output in a log."""

    def __init__(self, instance: Instance, environment: Mapping[str, str], name: str = STACK) -> None:
        """Take the instance whose engine works, the variables to set for it, and the stack's name."""
        self._instance = instance
        self._environment = {**os.environ, **environment}
        self._changing = marked(instance, self._environment)
        self.name = name

    def run(self, *arguments: str, timeout: float = 120, stdin: str | None = None) -> str:
        """Run `pulumi ARGUMENTS` and return its standard output.

        Raises:
            LocalError: it failed, or took longer than `timeout` seconds.
        """
        result = self.attempt(*arguments, timeout=timeout, stdin=stdin)
        if result.returncode != 0:
            raise LocalError(
                f"`pulumi {' '.join(arguments)}` ended with status {result.returncode}:\n"
                f"{(result.stderr or result.stdout).strip()}"
            )
        return result.stdout

    def attempt(
        self, *arguments: str, timeout: float = 120, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `pulumi ARGUMENTS` and return whatever came of it: status, output, diagnostics.

        Raises:
            LocalError: it took longer than `timeout` seconds, or there is no engine.
        """
        command = [self._engine(), *arguments, "--non-interactive"]
        try:
            return subprocess.run(  # noqa: S603 - our own binary and words
                command,
                cwd=self._instance.checkout,
                env=self._environment,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise LocalError(
                f"`pulumi {' '.join(arguments)}` took longer than {timeout:.0f} s and was ended."
            ) from error

    def _engine(self) -> str:
        engine = self._instance.bin / "pulumi"
        if not engine.exists():
            cause = f": it leads to {engine.readlink()}, which is gone" if engine.is_symlink() else ""
            raise LocalError(
                f"The engine {engine} is missing{cause}. Run `make up`, which builds what is missing and "
                "keeps what the environment has stored, then run this again."
            )
        return str(engine)

    def exists(self) -> bool:
        """Whether the backend knows the stack."""
        if not self._instance.pulumi_state.is_dir():
            return False
        stacks = json.loads(self.run("stack", "ls", "--json"))
        return any(entry["name"].split("/")[-1] == self.name for entry in stacks)

    def prepare(self) -> list[str]:
        """Create the stack if need be, and mend what a killed command left; say what was mended.

        An engine that is still ending is waited for. A lock is broken only if its engine is dead. Pending
        operations are dropped from the state: the stand-ins mark what they create with its URN, so the next
        update adopts what a killed one made.
        """
        self._instance.pulumi_state.mkdir(parents=True, exist_ok=True, mode=0o700)
        mended = [*end_remains(self._instance), *self._break_dead_locks()]
        if not self.exists():
            self.run("stack", "init", self.name)
            return mended  # a new one has nothing that is pending
        deployment = self.export()
        pending = deployment["deployment"].pop("pending_operations", None)
        if pending:
            self.run("stack", "import", "--stack", self.name, stdin=json.dumps(deployment))
            mended.append(f"dropped {len(pending)} pending operations of a killed update")
        return mended

    def _break_dead_locks(self) -> list[str]:
        mended = []
        for lock in (self._instance.pulumi_state / ".pulumi" / "locks").rglob("*.json"):
            try:
                holder = int(json.loads(lock.read_text())["pid"])
            except (ValueError, KeyError, OSError):
                holder = 0  # half-written by a process that died writing it
            if holder and _is_engine(holder):
                raise LocalError(
                    f"Another pulumi (process {holder}) is at work on this stack. Wait for it, or end it "
                    f"with `kill {holder}`, then run again."
                )
            lock.unlink(missing_ok=True)
            mended.append(f"broke the lock of process {holder}, which is dead")
        return mended

    def export(self) -> dict[str, Any]:
        """The state with its envelope, secrets still encrypted."""
        return dict(json.loads(self.run("stack", "export", "--stack", self.name)))

    def resources(self) -> list[dict[str, Any]]:
        """The state's resources, the stack itself and the providers left out."""
        resources = self.export()["deployment"].get("resources") or []
        return [
            resource
            for resource in resources
            if resource["type"] != "pulumi:pulumi:Stack"
            and not resource["type"].startswith("pulumi:providers:")
        ]

    def counts(self) -> Counts:
        """How many resources the stack has."""
        return count(self.resources())

    def outputs(self) -> dict[str, Any]:
        """The stack's exports."""
        return dict(json.loads(self.run("stack", "output", "--json", "--stack", self.name)))

    def plan(self, *arguments: str) -> dict[str, Any]:
        """What an update would do, as the engine's JSON; nothing is changed.

        Args:
            arguments: more words for `pulumi preview`, such as `--refresh`.

        Raises:
            LocalError: the engine could not say.
        """
        result = self.attempt("preview", "--json", "--stack", self.name, *arguments, timeout=PREVIEW_SECONDS)
        if result.returncode != 0:
            raise LocalError(
                f"The engine could not say what an update of {self.name} would do:\n"
                f"{(result.stdout + result.stderr).strip()[-4000:]}"
            )
        return dict(json.loads(result.stdout))

    def up(
        self,
        progress: Progress,
        name: str,
        *,
        refresh: bool = True,
        then: str = "",
    ) -> Counter[str]:
        """Bring the world to what the program says; return changes by operation.

        Args:
            progress: where the step is told.
            name: of the step.
            refresh: look at the world first, so that what was changed behind Pulumi's back is put back too.
            then: what comes next.

        Raises:
            LocalError: the update failed; the engine's diagnostics are in its text.
        """
        arguments = [
            "up",
            "--stack",
            self.name,
            "--yes",
            "--skip-preview",
            "--suppress-progress",
            *(["--refresh"] if refresh else []),
        ]
        self._stream(progress, name, arguments, then=then)
        return self._last_changes()

    def destroy(self, progress: Progress) -> None:
        """Delete every resource of the stack, then the stack's record itself.

        Raises:
            LocalError: something could not be deleted.
        """
        self._stream(
            progress,
            "destroy every resource",
            ["destroy", "--stack", self.name, "--yes", "--skip-preview", "--suppress-progress"],
        )

    def remove(self) -> None:
        """Forget the stack itself; refused by the engine while it has resources."""
        self.run("stack", "rm", self.name, "--yes", "--preserve-config")

    def _last_changes(self) -> Counter[str]:
        history = json.loads(self.run("stack", "history", "--json", "--page-size", "1", "--stack", self.name))
        changes = history[0].get("resourceChanges") or {}
        return Counter({operation: int(count) for operation, count in changes.items()})

    def _stream(self, progress: Progress, name: str, arguments: Sequence[str], *, then: str = "") -> None:
        log = self._instance.logs / "pulumi.log"
        command = [self._engine(), *arguments, "--non-interactive", "--color", "never"]
        with progress.step(name, then=then), _opened(log) as record:
            began = record.tell()
            status = _run(command, self._instance.checkout, self._changing, record, UPDATE_SECONDS)
        if status != 0:
            raise LocalError(f"{name} failed; the whole log is {log}:\n" + "\n".join(_last_lines(log, began)))


def count(resources: Iterable[Mapping[str, Any]]) -> Counts:
    """Realised and recorded-only ones; components, which group them, don't count."""
    custom = [resource for resource in resources if resource.get("custom")]
    recorded = sum(1 for resource in custom if (resource.get("outputs") or {}).get(RECORDED_ONLY))
    return Counts(realised=len(custom) - recorded, recorded_only=recorded)


def _is_engine(pid: int) -> bool:
    """Whether a number is a live engine's.

    Any engine counts: whether it is older than the lock can't be told once the clock has been set. Somebody
    else's of the same number is waited for in vain, which is rare and said; two at once would cost the state.
    """
    try:
        process = psutil.Process(pid)
        return "pulumi" in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _opened(log: Path) -> BinaryIO:
    """A log to go on with, for its owner only; one that has grown large becomes its own predecessor first."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    record = log.open("ab")
    log.chmod(0o600)
    return record


def _run(
    command: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    record: BinaryIO,
    timeout: float,
) -> int:
    """Run the engine with its output in a log, and give its status.

    Its output is no pipe, because writing into one that nobody reads any more would kill it before it has
    written down what it made. It has a session of its own, so that Ctrl-C at the terminal reaches it once,
    from here: at a second interrupt it leaves at once.
    """
    with subprocess.Popen(  # noqa: S603 - our own binary and words
        leashed(command),
        cwd=directory,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=record,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        alarm = threading.Timer(timeout, process.terminate)
        alarm.start()
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise
        finally:
            alarm.cancel()


def _last_lines(log: Path, began: int) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(began, log.stat().st_size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return [line.rstrip() for line in lines[-TAIL_LINES:] if line.strip()]
