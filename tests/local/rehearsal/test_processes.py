from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from local.commands import rehearse
from local.rehearsal.processes import Processes, mentioning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is told of the folder in a variable only, as the engine's plugins are."""
    environment = {**os.environ, "PULUMI_HOME": str(tmp_path / "project" / ".plinth" / "pulumi-home")}
    with subprocess.Popen([sys.executable, "-c", SLEEP], env=environment) as process:
        yield process
        process.kill()


def test_a_process_that_knows_a_rehearsal_by_its_environment_only_is_found(
    tmp_path: Path, plugin: subprocess.Popen[bytes]
) -> None:
    assert [process.pid for process in mentioning(tmp_path)] == [plugin.pid]


def test_what_a_rehearsal_left_is_named(
    tmp_path: Path, plugin: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearse, "ENDING_SECONDS", 0.2)
    process, folder = rehearse.traces(tmp_path)
    assert f"process {plugin.pid} (python" in process
    assert folder == f"folder {tmp_path}"


def test_a_process_that_is_just_ending_is_waited_for(
    tmp_path: Path, plugin: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearse.time, "sleep", lambda _seconds: (plugin.kill(), plugin.wait()))
    assert rehearse.traces(tmp_path / "project") == []


def test_temporary_files_of_a_rehearsals_processes_go_with_it(tmp_path: Path, logs: Path) -> None:
    processes = Processes(logs, tmp_path)
    program = "import tempfile; tempfile.mkstemp(prefix='made-'); open('/dev/null').read()"
    processes.start("writer", [sys.executable, "-c", program], environment={})
    processes.start("other", [sys.executable, "-c", program])
    deadline = time.monotonic() + 20
    while len(list(tmp_path.glob("made-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    processes.end()
    assert len(list(tmp_path.glob("made-*"))) == 2
