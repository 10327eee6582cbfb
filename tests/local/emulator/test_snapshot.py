"""Which snapshots are believed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from local.emulator.snapshot import Header, SnapshotError, read, runtime, write

if TYPE_CHECKING:
    from pathlib import Path

HEADER = Header("generation", 7, "boot", final=True, written=1.0, excluded={}, runtime=runtime())
PAYLOAD = bytes(range(256)) * 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir(mode=0o700)
    write(folder / "memory", HEADER, PAYLOAD)
    return folder / "memory"


def test_what_was_written_is_read(path: Path) -> None:
    assert read(path) == (HEADER, PAYLOAD)


def test_writing_replaces_and_leaves_nothing_else(path: Path) -> None:
    write(path, replace(HEADER, sequence=8), b"")
    assert read(path) == (replace(HEADER, sequence=8), b"")
    assert [entry.name for entry in path.parent.iterdir()] == ["memory"]


@pytest.mark.parametrize("position", [0, 70, 100, -1])
def test_a_single_flipped_bit_is_noticed(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(SnapshotError, match="SHA-256"):
        read(path)


@pytest.mark.parametrize("length", [0, 64, 300])
def test_a_file_cut_short_is_noticed(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(SnapshotError, match="SHA-256"):
        read(path)


def test_a_foreign_pickle_is_never_loaded(path: Path) -> None:
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(SnapshotError):
        read(path)


def test_a_file_that_others_can_read_is_refused(path: Path) -> None:
    path.chmod(0o640)
    with pytest.raises(SnapshotError, match="open to others"):
        read(path)


def test_a_folder_that_others_can_write_is_refused(path: Path) -> None:
    path.parent.chmod(0o777)
    with pytest.raises(SnapshotError, match="open to others"):
        read(path)


def test_a_link_to_elsewhere_is_not_followed(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        read(path)


def test_another_motos_memory_is_refused(path: Path) -> None:
    write(path, replace(HEADER, runtime="format 1, Python 3.11, moto 4.0.0"), PAYLOAD)
    with pytest.raises(SnapshotError, match=r"moto 4\.0\.0"):
        read(path)
