from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.storage import link, write_atomically

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


def test_a_link_is_replaced_when_its_target_changes(tmp_path: Path) -> None:
    path = tmp_path / "bin" / "tool"
    link(path, tmp_path / "one")
    link(path, tmp_path / "two")
    assert path.readlink() == tmp_path / "two"
    assert [entry.name for entry in path.parent.iterdir()] == ["tool"]
