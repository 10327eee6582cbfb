from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from local.toolchain.golang import Go, parse_version
from local.toolchain.recipes import RECIPES, Tool

SUBREAPER = 36

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="compiles a small Go program")


@pytest.fixture(scope="module")
def pause(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = RECIPES[Tool.PAUSE]
    output = tmp_path_factory.mktemp("pause") / "pause"
    go = Go(Path(shutil.which("go") or ""), (1, 0, 0))
    result = go.run(recipe.folder, "build", "-ldflags", recipe.link_flags, "-o", str(output), recipe.package)
    assert result.returncode == 0, result.stdout
    return output


def test_it_says_its_version(pause: Path) -> None:
    answer = subprocess.run([pause, "-v"], capture_output=True, text=True, check=True).stdout
    assert parse_version(answer) == parse_version(RECIPES[Tool.PAUSE].version)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_waits_until_it_is_told_to_end(pause: Path, number: signal.Signals) -> None:
    process = subprocess.Popen([pause])
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(number)
    assert process.wait(5) == 0


def test_it_reaps_what_its_children_leave_behind(pause: Path) -> None:
    def adopt() -> None:
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)

    # The shell leaves orphans and becomes pause, which adopts them: as in a pod with one PID namespace.
    script = f"(sleep 0.2 & sleep 0.2 & sleep 0.4 &) ; exec {pause}"
    process = subprocess.Popen(["/bin/sh", "-c", script], preexec_fn=adopt)  # noqa: PLW1509 - no threads here
    try:
        deadline = time.monotonic() + 10
        seen = 0
        while time.monotonic() < deadline:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            seen = max(seen, len(children))
            if seen and not children:
                break
            time.sleep(0.02)
        assert seen
        assert children == []
    finally:
        process.terminate()
        process.wait(5)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
