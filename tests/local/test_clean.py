"""`make clean` by a list of everything before and after."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from local.clean import EnvironmentLeftError, clean

if TYPE_CHECKING:
    from pathlib import Path

TRACKED = (
    "Makefile",
    "app/contract.py",
    "local/clean.py",
    "stacks/releases/dev.yaml",
    "tests/local/test_clean.py",
)
THEIRS = (
    ".env",
    ".idea/workspace.xml",
    "build/model/model.onnx",
    "notes/__pycache__/x.pyc",
    "stacks/releases/mine.yaml",
    "stacks/releases/.local.yaml.swp",
    "app/new_feature.py",
)
OURS = (
    ".venv/.plinth-made-by",
    ".venv/lib/python3.11/site-packages/x/__pycache__/x.pyc",
    ".venv.lock",
    ".venv.aside/lib/x.py",
    "plinth.egg-info/PKG-INFO",
    ".mypy_cache/3.11/x.json",
    ".pytest_cache/v/x",
    ".ruff_cache/x",
    ".hypothesis/examples/x",
    "app/__pycache__/contract.pyc",
    "local/commands/__pycache__/up.pyc",
    "stacks/releases/local.yaml",
    "stacks/releases/local.images.yaml",
    "stacks/releases/.local.yaml.4711.k2_x91ab",
    "stacks/releases/.local.images.yaml.4711.k2_x91ab",
)


def write(checkout: Path, *names: str) -> None:
    for name in names:
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def listed(checkout: Path) -> set[str]:
    return {path.relative_to(checkout).as_posix() for path in checkout.rglob("*")}


def test_the_checkout_is_as_it_was_before_our_commands(tmp_path: Path) -> None:
    write(tmp_path, *TRACKED, *THEIRS)
    before = listed(tmp_path)
    write(tmp_path, *OURS)
    removed = clean(tmp_path)
    assert listed(tmp_path) - before <= {"local/commands"}, "an empty folder that only bytecode was in"
    assert before <= listed(tmp_path)
    assert removed[-1] == ".venv", "this may be running from it"
    assert clean(tmp_path) == []


def test_a_virtual_environment_of_the_persons_own_stays(tmp_path: Path) -> None:
    write(tmp_path, ".venv/pyvenv.cfg", ".venv/lib/x.py")
    before = listed(tmp_path)
    assert clean(tmp_path) == []
    assert listed(tmp_path) == before


def test_a_kill_while_our_virtual_environment_is_removed_does_not_make_it_the_persons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, *OURS)

    def removes_the_mark_and_is_killed(folder: Path) -> None:
        if (folder / ".plinth-made-by").exists():
            (folder / ".plinth-made-by").unlink()
            raise KeyboardInterrupt
        remove(folder)

    remove = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", removes_the_mark_and_is_killed)
    with pytest.raises(KeyboardInterrupt):
        clean(tmp_path)
    monkeypatch.undo()
    clean(tmp_path)
    assert list(tmp_path.glob(".venv*")) == []


def test_what_a_link_of_ours_leads_to_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, "file")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / ".mypy_cache").symlink_to(outside)
    assert clean(checkout) == [".mypy_cache"]
    assert (outside / "file").exists()


def test_nothing_goes_while_there_is_an_environment(tmp_path: Path) -> None:
    write(tmp_path, *OURS, ".plinth/instance")
    before = listed(tmp_path)
    with pytest.raises(EnvironmentLeftError, match="Run `make down` first"):
        clean(tmp_path)
    assert listed(tmp_path) == before
