"""A real emulator process on loopback, which a test may end in any way it likes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REGION = "eu-central-1"


class Emulator:
    """One memory folder, and the process that currently serves it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self._clients: dict[tuple[str, str], Any] = {}

    def start(self) -> Emulator:
        command = [sys.executable, "-m", "local.emulator.server", "--host", "127.0.0.1", "--port", "0"]
        self._process = subprocess.Popen(
            [*command, "--memory", str(self.folder), "--settle", "1"],
            stdout=subprocess.PIPE,
            stderr=(self.folder.parent / "emulator.log").open("a"),
            text=True,
            cwd=Path(__file__).resolve().parents[3],
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("serving on "), (self.folder.parent / "emulator.log").read_text()
        self.url = line.removeprefix("serving on ").strip()
        return self

    def end(self, how: signal.Signals = signal.SIGTERM) -> Emulator:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None
        return self

    def restart(self, how: signal.Signals = signal.SIGTERM) -> Emulator:
        return self.end(how).start()

    def client(self, service: str) -> Any:
        """One for each service and process: making a client is slower than most calls of it."""
        known = self._clients.get((self.url, service))
        if known is None:
            known = self._clients[self.url, service] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106 - the emulator has no secrets
            )
        return known

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/_plinth/health", timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    def resident_bytes(self) -> int:
        assert self._process is not None
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def settle(self) -> None:
        """Wait until every change is on disk."""
        deadline = time.monotonic() + 30
        while self.health()["snapshot"]["unsaved_changes"]:
            assert time.monotonic() < deadline, "the snapshot never settled"
            time.sleep(0.1)


def _made(folder: Path) -> Emulator:
    memory = folder / "memory"
    memory.mkdir(mode=0o700)
    return Emulator(memory).start()


@pytest.fixture(scope="session")
def make_emulator() -> Callable[[Path], Emulator]:
    """For a module that shares one emulator between its tests, and ends it itself."""
    return _made


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    """A fresh emulator, running."""
    emulator = _made(tmp_path)
    yield emulator
    emulator.end(signal.SIGKILL)
