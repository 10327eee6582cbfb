"""Of the default tier: a kill that comes too late is not taken for one, on a `make up` of a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos import up
from tests.chaos.matrix import Matrix
from tests.chaos.plan import Kill, Plan, Scene, Victim
from tests.chaos.report import Case, Report, judge

if TYPE_CHECKING:
    from pathlib import Path

KILL = Kill(1, Scene.COMPLETE, Victim.MAKE, 0.9)


@pytest.fixture
def matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Matrix:
    monkeypatch.setattr(up, "CHECKOUT", tmp_path)
    return Matrix(Plan(1, (KILL,), (), short=True), Report(1, short=True))


def test_a_kill_whose_moment_came_too_late_is_tried_again_within_the_time_it_takes(
    matrix: Matrix, tmp_path: Path
) -> None:
    (tmp_path / "Makefile").write_text("up:\n\t@sleep 1\n")
    matrix.idle_seconds = 60
    case = Case("group", "name")
    matrix.kill_up(KILL, case)
    assert len(case.killed) == 1
    assert len(case.notes) == 1
    assert case.moment_seconds is not None
    assert case.moment_seconds < 1
    assert case.failed == {}


def test_a_case_in_which_nothing_was_killed_fails_though_all_is_well(matrix: Matrix, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("up:\n\t@true\n")
    case = Case("group", "name")
    matrix.kill_up(Kill(1, Scene.COMPLETE, Victim.ENGINE, 0.9), case)  # this one starts no engine
    assert case.failed == {}
    with pytest.raises(AssertionError, match="something was killed or damaged"):
        judge(case)


def test_a_make_up_that_fails_before_it_is_killed_is_told(matrix: Matrix, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("up:\n\t@exit 3\n")
    matrix.idle_seconds = 60
    case = Case("group", "name")
    matrix.kill_up(KILL, case)
    assert "a make up that nobody kills succeeds" in case.failed
