"""Long commands: what they leave behind in logs, errors and processes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.images.commands import Commands, KilledError

if TYPE_CHECKING:
    from pathlib import Path


def test_output_goes_to_the_log_under_the_step(tmp_path: Path, sh: str) -> None:
    Commands(tmp_path).run("say it", [sh, "-c", "echo out; echo err >&2"], log="a")
    text = (tmp_path / "a.log").read_text()
    assert text.startswith("== say it: ")
    assert text.endswith("out\nerr\n")


def test_a_failure_names_step_status_and_the_end_of_the_log(tmp_path: Path, sh: str) -> None:
    script = "i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done; exit 7"
    with pytest.raises(LocalError) as caught:
        Commands(tmp_path).run("count", [sh, "-c", script], log="a")
    message = str(caught.value)
    assert "count failed: it ended with status 7" in message
    assert "line 99" in message
    assert "line 10\n" not in message
    assert not isinstance(caught.value, KilledError)


@pytest.mark.parametrize("script", ["kill -9 $$", "exit 137"])
def test_a_kill_is_told_from_a_failure(tmp_path: Path, sh: str, script: str) -> None:
    with pytest.raises(KilledError, match="SIGKILL"):
        Commands(tmp_path).run("die", [sh, "-c", script], log="a")


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"build: .*/nothing can't be started"):
        Commands(tmp_path).run("build", [tmp_path / "nothing"], log="a")


def test_stop_ends_what_runs_and_lets_nothing_start(tmp_path: Path, sh: str) -> None:
    commands = Commands(tmp_path)
    failures: list[LocalError] = []

    def run() -> None:
        try:
            commands.run("wait", [sh, "-c", "echo begun; while :; do :; done"], log="a")
        except LocalError as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 5
    while "begun\n" not in ((tmp_path / "a.log").read_text() if (tmp_path / "a.log").exists() else ""):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    commands.stop()
    thread.join(timeout=5)
    assert isinstance(failures[0], KilledError)
    with pytest.raises(KilledError, match="stopped"):
        commands.run("more", [sh, "-c", "true"], log="a")


def test_the_output_of_a_short_command_is_given_back(tmp_path: Path, sh: str) -> None:
    assert Commands(tmp_path).output("ask", [sh, "-c", "echo answer"]) == "answer"
    with pytest.raises(LocalError, match=r"ask failed: .*status 2: no"):
        Commands(tmp_path).output("ask", [sh, "-c", "echo no >&2; exit 2"])
