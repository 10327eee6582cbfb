from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import bootstrap

if TYPE_CHECKING:
    from pathlib import Path


def test_no_root_and_no_kubeconfig_is_one_error_that_names_both_remedies() -> None:
    with pytest.raises(bootstrap.BootstrapError) as caught:
        bootstrap.require_a_place_for_the_cluster(user_id=1000, kubeconfig=None)
    text = str(caught.value)
    assert "sudo make up" in text
    assert "make up KUBECONFIG=" in text
    assert "user 1000" in text


def test_root_needs_no_kubeconfig() -> None:
    bootstrap.require_a_place_for_the_cluster(user_id=0, kubeconfig=None)


def test_a_kubeconfig_replaces_root(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("{}")
    bootstrap.require_a_place_for_the_cluster(user_id=1000, kubeconfig=str(file))


def test_a_kubeconfig_that_is_no_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(bootstrap.BootstrapError, match=str(missing)):
        bootstrap.require_a_place_for_the_cluster(user_id=0, kubeconfig=str(missing))


def test_a_python_that_is_too_old_is_refused_with_its_version() -> None:
    with pytest.raises(bootstrap.BootstrapError, match=r"Python 3\.10 is too old"):
        bootstrap.require_python((3, 10))


def test_an_ordinary_user_need_not_repeat_the_kubeconfig_that_an_earlier_up_recorded() -> None:
    bootstrap.require_a_place_for_the_cluster(user_id=1000, kubeconfig=None, recorded=True)


def test_the_refusal_comes_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    installed = []
    monkeypatch.setattr(bootstrap, "PLACE", tmp_path / "place.json")
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(bootstrap, "install", lambda: installed.append(True))
    assert bootstrap.main(["--for-environment"]) == 1
    assert installed == []
    assert capsys.readouterr().err.startswith("error: ")


def test_the_stamp_changes_with_the_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("bootstrap.txt", "dev.txt"):
        (tmp_path / name).write_text("a==1")
    monkeypatch.setattr(bootstrap, "REQUIREMENTS", tmp_path)
    before = bootstrap.wanted_stamp()
    (tmp_path / "dev.txt").write_text("a==2")
    assert bootstrap.wanted_stamp() != before
