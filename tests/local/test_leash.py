from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from local.instance import CHECKOUT, Instance
from local.leash import MARK, end_remains, marked, remains

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTER = """
import signal, subprocess, sys
from local.leash import leashed
signal.signal(signal.SIGINT, {disposition})
child = subprocess.Popen(leashed([sys.executable, "-c", {program!r}]), start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""
SLEEPER = "import time; time.sleep(60)"
NOTING = """
import pathlib, signal, time
try:
    pathlib.Path({ready!r}).touch()
    time.sleep(60)
except KeyboardInterrupt:
    pathlib.Path({file!r}).write_text("put away")
"""
FOLLOWER = """
import os, pathlib, time
from local.leash import follow
follow(os.getppid(), {name!r})
pathlib.Path({ready!r}).touch()
time.sleep(60)
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {program!r}])
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(name="leash-test", checkout=tmp_path, cache=tmp_path / "cache")


@pytest.fixture
def marked_process(instance: Instance) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], env=marked(instance, os.environ)) as process:
        yield process
        process.kill()


def _start(program: str) -> tuple[subprocess.Popen[str], psutil.Process]:
    starter = subprocess.Popen(
        [sys.executable, "-c", program], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    return starter, psutil.Process(int(starter.stdout.readline()))


def _kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize(
    "disposition", ["signal.default_int_handler", "signal.SIG_IGN"], ids=["in the foreground", "with &"]
)
def test_a_leashed_engine_is_interrupted_when_its_command_is_killed(tmp_path: Path, disposition: str) -> None:
    ready, file = tmp_path / "ready", tmp_path / "note"
    program = NOTING.format(ready=str(ready), file=str(file))
    starter, child = _start(STARTER.format(program=program, disposition=disposition))
    _wait_for(ready)
    _kill(starter)
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()
    assert file.read_text() == "put away"


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("parent_is_make", [True, False])
def test_a_command_ends_with_make_and_with_nothing_else(
    tmp_path: Path,
    parent_is_make: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    name = Path(sys.executable).name if parent_is_make else "make"  # an interpreter stands in for make
    ready = tmp_path / "ready"
    parent, child = _start(PARENT.format(program=FOLLOWER.format(name=name, ready=str(ready))))
    _wait_for(ready)
    _kill(parent)
    psutil.wait_procs([child], timeout=10 if parent_is_make else 0.5)
    assert child.is_running() != parent_is_make
    if child.is_running():
        child.kill()


def test_what_changes_an_instance_is_known_by_its_mark(
    instance: Instance, tmp_path: Path, marked_process: subprocess.Popen[bytes]
) -> None:
    other = Instance(name="other", checkout=tmp_path / "other", cache=tmp_path)
    assert [process.pid for process in remains(instance)] == [marked_process.pid]
    assert remains(other) == []


def test_remains_that_end_by_themselves_are_waited_for(instance: Instance) -> None:
    with subprocess.Popen(["sleep", "1"], env={**os.environ, MARK: str(instance.state)}) as process:
        told = end_remains(instance)
        assert process.wait() == 0
    assert len(told) == 1
    assert f"waited {1}" in told[0] or "waited 0." in told[0]


def test_remains_that_stay_are_killed(instance: Instance, marked_process: subprocess.Popen[bytes]) -> None:
    told = end_remains(instance, patience=0.2)
    assert marked_process.wait() == -signal.SIGKILL
    assert f"sleep ({marked_process.pid})" in told[0]
    assert told[0].startswith("killed")


def test_nothing_is_told_where_nothing_remains(instance: Instance) -> None:
    assert end_remains(instance) == []
