"""Rehearsals beside the environment: short ones, which start everything there is and ask the engine once."""

from __future__ import annotations

import subprocess
import tempfile
from typing import TYPE_CHECKING

import psutil
import pytest

from local.commands.rehearse import traces
from local.instance import CHECKOUT, STACK, Instance
from local.progress import Progress
from local.rehearsal.processes import mentioning
from local.rehearsal.rehearsal import rehearsing

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.environment


def _ports() -> dict[int, int | None]:
    """Ports on which something listens, and the process that does."""
    connections = psutil.net_connections("tcp")
    return {found.laddr.port: found.pid for found in connections if found.status == psutil.CONN_LISTEN}


def _files(folder: Path) -> set[Path]:
    """What lies in a folder; what dates or locks it goes by other names."""
    return {path for path in folder.rglob("*") if not path.name.startswith(".")}


def _checkout() -> str:
    command = [
        "git",
        "status",
        "--porcelain",
        "--ignored",
        "--",
        "app",
        "components",
        "data",
        "policies",
        "stacks",
    ]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout


def _rehearse_shortly() -> set[int]:
    """Start the emulators and an engine with all its plugins; gives the ports of what is the rehearsal's."""
    with rehearsing(STACK, Progress()) as rehearsal:
        folder = rehearsal.project.folder
        assert rehearsal.preview().status == 0
        own = {process.pid for process in mentioning(folder)}
        used = {port for port, process in _ports().items() if process in own}
    assert traces(folder) == []
    return used


def test_two_rehearsals_in_a_row_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cache = Instance.of_checkout().cache
    ports = _rehearse_shortly()  # may find tools to build, or bytecode to write
    known, checkout = _files(cache), _checkout()
    ports |= _rehearse_shortly()
    assert _files(cache) ^ known == set(), "only while nobody else builds here does this say something"
    assert _checkout() == checkout
    assert list(tmp_path.iterdir()) == []
    assert len(ports) >= 2
    assert not ports & _ports().keys()
