"""Go's caches: where builds find them, and that they go when the last tool is built and no earlier."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.toolchain import Tool, ensure
from local.toolchain.gocaches import ASIDE, GoCaches, remove_tree
from local.toolchain.toolchain import BURIAL

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.toolchain.conftest import Workshop

HOLDS = """
import sys
from pathlib import Path
from local.toolchain.gocaches import GoCaches
with GoCaches(Path(sys.argv[1])).in_use():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOMODCACHE", raising=False)
    monkeypatch.delenv("GOCACHE", raising=False)


def get(workshop: Workshop) -> None:
    recipe = workshop.recipe()
    try:
        ensure(workshop.cache, [Tool.HELM], workshop.progress, {Tool.HELM: recipe})
    finally:
        for thread in threading.enumerate():
            if thread.name == BURIAL:
                thread.join()


def seen_by_go(workshop: Workshop) -> dict[str, str]:
    lines = workshop.calls.with_name("calls.environment").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def filled(workshop: Workshop) -> Path:
    """Both caches as Go leaves them: modules are read-only."""
    folder = GoCaches(workshop.cache).folder
    module = folder / "modules" / "example.org" / "x@v1"
    module.mkdir(parents=True)
    (module / "x.go").write_text("package x")
    (folder / "build").mkdir()
    module.chmod(0o555)
    return folder


def test_a_build_keeps_modules_and_objects_in_our_own_cache(workshop: Workshop) -> None:
    get(workshop)
    seen = seen_by_go(workshop)
    assert seen["GOMODCACHE"] == str(workshop.cache / "go" / "modules")
    assert seen["GOCACHE"] == str(workshop.cache / "go" / "build")


def test_a_cache_that_the_person_names_is_used_and_left_alone(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    monkeypatch.setenv("GOMODCACHE", str(theirs))
    get(workshop)
    seen = seen_by_go(workshop)
    assert seen["GOMODCACHE"] == str(theirs)
    assert seen["GOCACHE"] == str(workshop.cache / "go" / "build")
    assert theirs.is_dir()


def test_they_go_when_nothing_is_missing_any_more(workshop: Workshop) -> None:
    folder = filled(workshop)
    get(workshop)
    assert [entry.name for entry in folder.iterdir()] == ["lock"]


def test_what_a_killed_removal_left_goes_with_the_next(workshop: Workshop) -> None:
    folder = filled(workshop)
    (folder / "modules").rename(folder / f"{ASIDE}modules-1-1")
    get(workshop)
    assert [entry.name for entry in folder.iterdir()] == ["lock"]


def test_they_stay_for_the_next_try_when_a_build_fails(workshop: Workshop) -> None:
    folder = filled(workshop)
    workshop.fail_with("boom")
    with pytest.raises(LocalError, match="boom"):
        get(workshop)
    assert (folder / "modules" / "example.org" / "x@v1" / "x.go").is_file()


def test_they_stay_while_another_run_builds(workshop: Workshop) -> None:
    folder = filled(workshop)
    command = [sys.executable, "-c", HOLDS, workshop.cache]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        get(workshop)
        assert (folder / "modules").is_dir()
        assert "another run is building" in workshop.output.getvalue()
        other.communicate("")
    get(workshop)
    assert not (folder / "modules").exists()


def test_what_lies_outside_of_a_removed_tree_is_not_touched(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(outside)
    remove_tree(tree)
    assert not tree.exists()
    assert (outside / "file").exists()
