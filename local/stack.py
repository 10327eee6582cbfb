"""The Pulumi stack of an embedded environment, driven through the real command line."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

import psutil

from local.errors import LocalError
from local.instance import STACK, Instance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from local.progress import Progress

UPDATE_SECONDS = 1500
"""Bound on one update: the longest one trains a model and waits for two rollouts."""

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
            LocalError: it took longer than `timeout` seconds.
        """
        command = [str(self._instance.bin / "pulumi"), *arguments, "--non-interactive"]
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

    def exists(self) -> bool:
        """Whether the backend knows the stack."""
        if not self._instance.pulumi_state.is_dir():
            return False
        stacks = json.loads(self.run("stack", "ls", "--json"))
        return any(entry["name"].split("/")[-1] == self.name for entry in stacks)

    def prepare(self) -> list[str]:
        """Create the stack if need be, and mend what a killed command left; say what was mended.

        A lock is broken only if its process is dead. Pending operations are dropped from the state: the
        stand-ins mark what they create with its URN, so the next update adopts what a killed one made.
        """
        self._instance.pulumi_state.mkdir(parents=True, exist_ok=True, mode=0o700)
        mended = self._break_dead_locks()
        if not self.exists():
            self.run("stack", "init", self.name)
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
            if holder and psutil.pid_exists(holder) and "pulumi" in _process_name(holder):
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

    def up(
        self,
        progress: Progress,
        name: str,
        *more: str,
        replace: Sequence[str] = (),
        then: str = "",
    ) -> Counter[str]:
        """Bring the world to what the program says, drift included; return changes by operation.

        Args:
            progress: where the step is told.
            name: of the step.
            more: further words for `pulumi up`, such as `--policy-pack`.
            replace: URNs to make anew.
            then: what comes next, for people.

        Raises:
            LocalError: the update failed; the engine's diagnostics are in its text.
        """
        arguments = [
            "up",
            "--stack",
            self.name,
            "--yes",
            "--skip-preview",
            "--refresh",
            "--suppress-progress",
            *more,
        ]
        for urn in replace:
            arguments += ["--replace", urn]
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
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [str(self._instance.bin / "pulumi"), *arguments, "--non-interactive", "--color", "never"]
        with progress.step(name, then=then), log.open("a") as record:
            last = _follow(command, self._instance.checkout, self._environment, record, UPDATE_SECONDS)
        if last is not None:
            raise LocalError(f"{name} failed; the whole log is {log}:\n" + "\n".join(last))


def count(resources: Iterable[Mapping[str, Any]]) -> Counts:
    """Realised and recorded-only ones; components, which group them, don't count."""
    custom = [resource for resource in resources if resource.get("custom")]
    recorded = sum(1 for resource in custom if (resource.get("outputs") or {}).get(RECORDED_ONLY))
    return Counts(realised=len(custom) - recorded, recorded_only=recorded)


def _process_name(process: int) -> str:
    try:
        return str(psutil.Process(process).name())
    except psutil.NoSuchProcess:
        return ""


def _follow(
    command: Sequence[str], directory: Path, environment: Mapping[str, str], record: TextIO, timeout: float
) -> list[str] | None:
    """Run a command, copy its output to a log; return its last lines if it failed."""
    tail: deque[str] = deque(maxlen=60)
    with subprocess.Popen(  # noqa: S603 - our own binary and words
        command,
        cwd=directory,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        alarm = threading.Timer(timeout, process.terminate)
        alarm.start()
        try:
            assert process.stdout is not None  # noqa: S101 - PIPE was asked for
            for line in process.stdout:
                record.write(line)
                tail.append(line.rstrip())
            status = process.wait()
        finally:
            alarm.cancel()
    return None if status == 0 else [line for line in tail if line]
