"""A process and its number."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from local import process
from local.process import started

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_live_process_has_one_start_and_another_has_another() -> None:
    assert started(os.getpid()) == started(os.getpid())
    assert started(os.getpid()) != started(1)


def test_a_process_that_ended_has_none_whether_it_was_waited_for_or_not() -> None:
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert started(ended.pid) is None, "it is a zombie"
    ended.wait()
    assert started(ended.pid) is None


def test_a_name_that_looks_like_fields_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text("7 (a) Z 1 (b)) S " + " ".join(map(str, range(4, 53))))
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("boot\n")
    monkeypatch.setattr(process, "PROC", tmp_path)
    assert started(7) == "boot:22"
