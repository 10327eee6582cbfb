"""The node's machine: its first process and everything that hangs on it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from local.cluster.binaries import installed, node_path
from local.cluster.birth import Specification
from local.cluster.cgroups import PODS, Cgroups
from local.cluster.layout import SERVICE_NETWORK
from local.cluster.network import Link
from local.errors import LocalError
from local.instance import CHECKOUT
from local.process import started
from local.storage import write_atomically

if TYPE_CHECKING:
    from local.cluster.layout import Layout

BIRTH_SECONDS = 20.0
POD_SECONDS = 15.0
"""Time for pods between SIGTERM and SIGKILL when the node stops; longer ones are cut short."""
END_SECONDS = 90.0
"""Time for the supervisor to stop everything, the emulator's last snapshot included."""
KILL_SECONDS = 15.0


@dataclass(frozen=True)
class Record:
    """The first process of the running node.

    Attributes:
        pid: on the host.
        started: as `local.process` says it, so that a reused process id is not mistaken for it.
        fingerprint: digest of everything it was started with.
    """

    pid: int
    started: str
    fingerprint: str

    @property
    def created(self) -> float:
        """Its start by the present clock, seconds since the epoch; 0 once it has ended."""
        try:
            return float(psutil.Process(self.pid).create_time())
        except psutil.Error:
            return 0.0


class Machine:
    """Starts and ends the namespaces of one node, and finds what is left of them."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._instance = layout.instance
        self.cgroups = Cgroups(layout.instance.namespace)
        self.link = Link(layout.instance)

    def running(self) -> Record | None:
        """The record of the first process, if it lives."""
        try:
            content = json.loads(self._layout.record.read_text())
            pid, fingerprint = int(content["pid"]), str(content["fingerprint"])
            now = started(pid)
            # A version before this one wrote a time of day, which is no proof; it is known by its command.
            alive = now == content["started"] if "started" in content else self._is_ours(pid)
        except (OSError, ValueError, TypeError, KeyError, psutil.Error):
            return None
        return Record(pid, now, fingerprint) if now and alive else None

    def _is_ours(self, pid: int) -> bool:
        """Whether a process was started with this node's specification."""
        return str(self._specification_file) in psutil.Process(pid).cmdline()

    @property
    def _specification_file(self) -> Path:
        return self._layout.configuration / "machine.json"

    def start(self, supervisor: tuple[str, ...], fingerprint: str) -> Record:
        """Make the machine, on ground that `clean` has cleared.

        Raises:
            LocalError: the kernel refuses, or the first process dies; with its last words.
        """
        self.link.require_free_addresses()
        self.cgroups.create()
        specification = self._specification(supervisor)
        path = self._specification_file
        write_atomically(path, json.dumps(specification.as_json(), indent=1), mode=0o600)
        log = self._instance.logs / "init.log"
        with log.open("a") as errors:
            birth = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "local.cluster.birth", str(path), self._instance.namespace],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=CHECKOUT,
                env={
                    "PATH": node_path(),
                    "HOME": str(self._layout.root),
                    "LANG": "C.UTF-8",
                    "PYTHONPATH": str(CHECKOUT),
                },
            )
        try:
            assert birth.stdin is not None  # noqa: S101 - for the type checker: both are pipes
            assert birth.stdout is not None  # noqa: S101 - as above
            words = birth.stdout.readline().strip()
            birth.wait(BIRTH_SECONDS)
            if not words.isdigit():
                raise LocalError(
                    f"The embedded node's namespaces can't be made: {_tail(log)} "
                    "Run as root on the machine itself or in a privileged container, or use a cluster that "
                    "you have: `make up KUBECONFIG=/path/to/kubeconfig`."
                )
            pid = int(words)
            self.link.connect(pid)
            born = started(pid)
            if born is None:
                raise LocalError(f"The node's first process died at once: {_tail(log)}")
            record = Record(pid, born, fingerprint)
            write_atomically(self._layout.record, json.dumps(asdict(record)), mode=0o600)
            birth.stdin.write("go\n")
            birth.stdin.flush()
        finally:
            for stream in (birth.stdin, birth.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        return record

    def end_pods(self) -> None:
        """Ask every process of every pod to end, and wait for as long as pods get."""
        self.cgroups.signal(signal.SIGTERM, PODS)
        self.cgroups.wait_until_empty(POD_SECONDS, PODS)

    def end(self, record: Record) -> None:
        """Ask the first process to end, which ends the supervisor, which ends what it can."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.05)

    def clean(self) -> None:
        """Clear away whatever of the machine is left, in whichever state it is."""
        record = self.running()
        if record is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, signal.SIGKILL)
        deadline = time.monotonic() + KILL_SECONDS
        while self.cgroups.processes() and time.monotonic() < deadline:
            self.cgroups.signal(signal.SIGKILL)
            time.sleep(0.05)
        self._unmount()
        self.link.disconnect()
        self.link.forget_namespace()
        self.cgroups.remove()
        if self._instance.run.is_dir():
            for entry in self._instance.run.iterdir():
                if entry.name != "checkout":
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def _unmount(self) -> None:
        """Take away mounts on the host's side, below which nothing can be used or removed.

        The node makes none there; whoever looked into it may have.
        """
        for place in reversed(self._mounts()):  # a later one may lie on an earlier one
            command = [str(installed("umount", "mount")), "--lazy", place]
            subprocess.run(command, check=False, capture_output=True, timeout=KILL_SECONDS)  # noqa: S603 - our own words

    def _mounts(self) -> list[str]:
        folders = (str(self._layout.root), str(self._instance.run))
        places = (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())
        unescaped = (place.replace("\\040", " ") for place in places)
        return [place for place in unescaped if any(_within(place, folder) for folder in folders)]

    def forget(self) -> None:
        """Remove the folder under /run, and its parent with the last instance."""
        shutil.rmtree(self._instance.run, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._instance.run.parent.rmdir()

    def leftovers(self) -> list[str]:
        """What the machine still holds, by the kernel's lists rather than our records."""
        name = self._instance.namespace
        found = [f"process {pid}: {_command(pid)}" for pid in sorted(self._processes())]
        found += [f"control group {folder}" for folder in self.cgroups.folders()]
        if self.link.exists():
            found.append(f"network interface {self._instance.interface}")
        if self.link.named_namespace.exists():
            found.append(f"network namespace {name}")
        found += [f"mount {place}" for place in self._mounts()]
        if self._instance.run.exists():
            found.append(f"folder {self._instance.run}")
        return found

    def _processes(self) -> set[int]:
        """In the cgroup, or in other namespaces than ours with this node's folders in the arguments."""
        found = self.cgroups.processes()
        needle, own = str(self._layout.root), _mount_namespace("self")
        for process in psutil.process_iter(["pid", "cmdline"]):
            words, pid = process.info["cmdline"] or [], process.info["pid"]
            if any(needle in word for word in words) and _mount_namespace(pid) not in {own, ""}:
                found.add(pid)
        return found

    def _specification(self, supervisor: tuple[str, ...]) -> Specification:
        instance, layout = self._instance, self._layout
        return Specification(
            hostname=instance.name,
            cgroup=instance.namespace,
            lib=str(layout.lib),
            log=str(layout.log),
            kept=(
                str(instance.checkout),
                str(CHECKOUT),
                str(instance.cache),
                sys.prefix,
                sys.base_prefix,
            ),
            run=str(instance.run),
            host_address=instance.host_address,
            node_address=f"{instance.node_address}/{instance.link.prefixlen}",
            service_network=str(SERVICE_NETWORK),
            supervisor=supervisor,
        )


def _within(place: str, folder: str) -> bool:
    return place == folder or place.startswith(f"{folder}/")


def _tail(log: Path, lines: int = 5) -> str:
    return " / ".join(log.read_text(errors="replace").splitlines()[-lines:])


def _command(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())[:120]
    except psutil.Error:
        return "?"


def _mount_namespace(pid: int | str) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/mnt").readlink())
    except OSError:
        return ""
