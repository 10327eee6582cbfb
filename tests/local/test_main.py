from __future__ import annotations

import pytest

from local import __main__ as commands
from local.errors import LocalError


def _run(monkeypatch: pytest.MonkeyPatch, outcome: object) -> int:
    def app(*, standalone_mode: bool) -> object:
        assert not standalone_mode
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(commands, "app", app)
    return commands.main()


def test_an_error_for_a_person_has_no_traceback_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, LocalError("the disk is full")) == 1
    assert capsys.readouterr().err == "error: the disk is full\n"


@pytest.mark.parametrize("outcome", [KeyboardInterrupt(), 130])
def test_an_interrupt_is_not_success_and_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outcome: object
) -> None:
    assert _run(monkeypatch, outcome) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_a_command_that_ends_well_has_status_0(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, None) == 0
