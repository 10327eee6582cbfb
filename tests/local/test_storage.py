from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local.instance import CHECKOUT
from local.storage import is_unfinished, link, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_gets_its_text_and_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "file"
    write_atomically(file, "text", mode=0o600)
    assert file.read_text() == "text"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_the_old_text_and_no_temporary_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_atomically(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(file, "\ud800")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """What a writer of `file` has left that was killed just before the end."""
    writing = (
        "import os, pathlib, signal, sys\n"
        "from local.storage import write_atomically\n"
        "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomically(pathlib.Path(sys.argv[1]), 'of the killed')\n"
    )
    ended = subprocess.run([sys.executable, "-c", writing, tmp_path / "file"], check=False, cwd=CHECKOUT)
    assert ended.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    return left


def test_what_a_killed_writer_left_goes_with_the_next_write_of_the_same_file(
    tmp_path: Path, killed: Path
) -> None:
    assert is_unfinished(killed)
    write_atomically(tmp_path / "another", "text")
    assert killed.exists(), "it is not another file's"
    write_atomically(tmp_path / "file", "text")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "another", tmp_path / "file"]


def test_what_a_living_writer_writes_stays(tmp_path: Path) -> None:
    unfinished = tmp_path / f".file.{os.getpid()}.abcdefgh"
    unfinished.write_text("half of it")
    write_atomically(tmp_path / "file", "text")
    assert unfinished.exists()


@pytest.mark.parametrize("name", ["file", ".file.swp", ".file.1", "file.1.abcdefgh", ".file.x.abcdefgh"])
def test_files_of_other_names_are_none_that_are_being_written(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a person's")
    assert not is_unfinished(tmp_path / name)
    write_atomically(tmp_path / "file", "text")
    assert (tmp_path / name).exists()


def test_a_link_is_replaced_when_its_target_changes(tmp_path: Path) -> None:
    path = tmp_path / "bin" / "tool"
    link(path, tmp_path / "one")
    link(path, tmp_path / "two")
    assert path.readlink() == tmp_path / "two"
    assert [entry.name for entry in path.parent.iterdir()] == ["tool"]
