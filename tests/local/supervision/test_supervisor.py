"""A real supervisor over small real programs: what comes back, what must not die with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from local.supervision.control import Supervisor
from local.supervision.program import Program, supervisor_configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class Stage:
    """A folder short enough for a socket's name, and a supervisor in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.supervisor = Supervisor(folder / "s")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, programs: Sequence[Program]) -> None:
        text = supervisor_configuration(
            programs, socket=self.folder / "s", folder=self.folder, logs=self.folder, path="/usr/bin:/bin"
        )
        (self.folder / "conf").write_text(text)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.folder / "conf")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self.supervisor.alive)

    def kill_supervisor(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def pid(self, name: str) -> int:
        return next(state.pid for state in self.supervisor.processes() if state.name == name)

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="pl", dir="/tmp") as folder:
        stage = Stage(Path(folder))
        yield stage
        if stage.process is not None:
            stage.process.terminate()
            stage.process.wait(30)


def test_a_killed_program_comes_back_by_itself(stage: Stage) -> None:
    stage.start([Program("sleeper", SLEEP)])
    eventually(lambda: stage.pid("sleeper"))
    first = stage.pid("sleeper")
    time.sleep(1.2)  # a program that ends within its first second is taken for a failed start
    os.kill(first, signal.SIGKILL)
    eventually(lambda: stage.pid("sleeper") not in {0, first})


def test_a_program_dies_with_its_supervisor_and_its_own_children_do_not(stage: Stage) -> None:
    code = (
        "import subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    stage.start([Program("parent", (sys.executable, "-c", code))])
    eventually(lambda: stage.log("parent").strip())
    parent, orphan = psutil.Process(stage.pid("parent")), psutil.Process(int(stage.log("parent").split()[-1]))
    stage.kill_supervisor()
    eventually(lambda: not parent.is_running() or parent.status() == psutil.STATUS_ZOMBIE)
    assert orphan.is_running()
    orphan.kill()


def test_a_program_may_ask_for_a_signal_it_can_answer(stage: Stage) -> None:
    kept = stage.folder / "kept"
    code = (
        "import pathlib, signal, sys, time;"
        f"signal.signal(signal.SIGTERM, lambda *_: sys.exit(pathlib.Path({str(kept)!r}).touch()));"
        "print('up', flush=True); time.sleep(600)"
    )
    stage.start([Program("careful", (sys.executable, "-c", code), ends_by="TERM")])
    eventually(lambda: "up" in stage.log("careful"))
    stage.kill_supervisor()
    eventually(kept.exists)


def test_a_program_starts_when_what_it_needs_answers(stage: Stage) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        target = f"tcp:127.0.0.1:{server.getsockname()[1]}"
        command = (sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(600)")
        stage.start([Program("needy", command, (target,), patience=30)])
        time.sleep(1)
        assert "begun" not in stage.log("needy")
        server.listen()
        eventually(lambda: "begun" in stage.log("needy"))


def test_a_program_starts_anyway_when_patience_ends(stage: Stage) -> None:
    command = (sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(600)")
    stage.start([Program("bold", command, (f"unix:{stage.folder}/nobody",), patience=0.3)])
    eventually(lambda: "begun" in stage.log("bold"))
    assert "starting anyway" in stage.log("bold")


def test_percent_signs_and_quotes_reach_the_program_unchanged(stage: Stage) -> None:
    word = '100% "sure" it\'s %(here)s'
    code = "import os, sys, time; print(sys.argv[1], os.environ['WORD'], flush=True); time.sleep(600)"
    program = Program("echo", (sys.executable, "-c", code, word), environment={"WORD": "50%"})
    stage.start([program])
    eventually(lambda: f"{word} 50%" in stage.log("echo"))


def test_programs_are_stopped_together_and_started_again(stage: Stage) -> None:
    stage.start([Program("a", SLEEP), Program("b", SLEEP)])
    eventually(lambda: stage.pid("a") and stage.pid("b"))
    stage.supervisor.stop("a", "b", "unknown", seconds=15)
    assert {state.state for state in stage.supervisor.processes()} == {"STOPPED"}
    stage.supervisor.start("a", "b")
    eventually(lambda: stage.pid("a") and stage.pid("b"))


def test_a_supervisor_that_is_not_there_is_no_error_to_ask(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "nobody")
    assert not supervisor.alive()
    assert supervisor.processes() == []
    supervisor.stop("a", seconds=1)


def test_only_the_owner_may_control_it(stage: Stage) -> None:
    stage.start([Program("sleeper", SLEEP)])
    assert (stage.folder / "s").stat().st_mode & 0o077 == 0
