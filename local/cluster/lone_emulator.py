"""The AWS emulator under a supervisor of its own, for a cluster that is not the embedded node."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

from local.cluster.readiness import tail
from local.cluster.recollection import Recollection
from local.cluster.services import EMULATOR_STOP_SECONDS, emulator_program
from local.errors import LocalError
from local.instance import CHECKOUT, EMULATOR_PORT
from local.storage import write_atomically
from local.supervision.control import Supervisor
from local.supervision.program import supervisor_configuration

if TYPE_CHECKING:
    from pathlib import Path

    from local.instance import Instance

READY_SECONDS = 60.0
POLL_SECONDS = 0.1


class LoneEmulator:
    """One instance's emulator; needs no root."""

    def __init__(self, instance: Instance, folder: Path, address: str) -> None:
        """Take the folder that keeps its memory, and the address of this machine to bind."""
        self._instance = instance
        self._folder = folder
        self._address = address
        self._configuration = folder / "supervisord.conf"
        self._fingerprint = folder / "fingerprint"
        self._socket = instance.run / "supervisor.sock"
        self._supervisor = Supervisor(self._socket)
        self.memory = Recollection(f"http://{address}:{EMULATOR_PORT}", folder)

    def start(self) -> None:
        """Start it, or anew if it is another one that runs, and return when it answers.

        Raises:
            LocalError: its port is taken, or it did not answer in time.
        """
        text, wanted = self._text(), self._digest()
        processes = self.processes()
        if processes and (not self._supervisor.alive() or _read(self._fingerprint) != wanted):
            self.stop()
            processes = []
        if processes:
            self._supervisor.start("emulator")
        else:
            self._refuse_a_taken_port()
            self._make_folders()
            write_atomically(self._configuration, text, mode=0o600)
            write_atomically(self._fingerprint, wanted)
            self._launch()
        self._wait()

    def stop(self) -> None:
        """End it in order: its last snapshot is written first."""
        processes = self.processes()
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(processes, timeout=EMULATOR_STOP_SECONDS + 5)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=5)

    def destroy(self) -> None:
        """End it and forget everything that it stored."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.rmtree(self._instance.run, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._instance.run.parent.rmdir()  # the last instance's

    def leftovers(self) -> list[str]:
        """Processes and folders that are still there."""
        found = [f"process {process.pid}" for process in self.processes()]
        return found + [f"folder {path}" for path in (self._folder, self._instance.run) if path.exists()]

    def fault(self) -> str:
        """Why it is not well; empty when it is."""
        return self.memory.fault() if self.processes() else "not running"

    def processes(self) -> list[psutil.Process]:
        """The supervisor, found by its configuration's path: a pid file might name somebody else by now."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            words = process.info["cmdline"] or []
            if str(self._configuration) in words and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def _text(self) -> str:
        program = emulator_program(self._address, self._folder / "memory")
        return supervisor_configuration(
            [program],
            socket=self._socket,
            folder=self._instance.run,
            logs=self._instance.logs,
            path=os.environ.get("PATH", os.defpath),
        )

    def _digest(self) -> str:
        """Everything that the running one depends on."""
        program = emulator_program(self._address, self._folder / "memory")
        digest = hashlib.sha256(repr((program, sys.executable)).encode())
        for file in sorted((CHECKOUT / "local" / "emulator").rglob("*.py")):
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def _make_folders(self) -> None:
        for folder in (self._folder, self._folder / "memory", self._instance.logs, self._instance.run):
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        if self._instance.run.stat().st_uid != os.geteuid():
            raise LocalError(
                f"{self._instance.run} belongs to another user. Choose another name: `make up INSTANCE=name`."
            )

    def _refuse_a_taken_port(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._address, EMULATOR_PORT))
            except OSError as error:
                raise LocalError(
                    f"The AWS emulator can't be bound to {self._address}:{EMULATOR_PORT}: {error.strerror}. "
                    "End what listens there, or give another address of this machine: "
                    "`make up EMULATOR_ADDRESS=...`."
                ) from error

    def _launch(self) -> None:
        with (self._instance.logs / "supervisor-start.log").open("w") as log:
            subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._configuration)],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while reason := self.memory.fault():
            if time.monotonic() >= deadline:
                raise LocalError(
                    f"The AWS emulator did not answer within {READY_SECONDS:.0f} s: {reason}\n"
                    f"Last lines of its log:\n{tail(self._instance.logs / 'emulator.log')}"
                )
            time.sleep(POLL_SECONDS)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
