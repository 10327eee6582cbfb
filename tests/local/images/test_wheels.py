"""Packages are downloaded once, and a damaged one again. pip is the real one, on a folder, not an index."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.images import wheels
from local.images.commands import Commands

if TYPE_CHECKING:
    from pathlib import Path

    from local.images.base import Platform


def make_wheel(folder: Path) -> Path:
    folder.mkdir()
    wheel = folder / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        archive.writestr(
            "tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny-1.dist-info/RECORD", "")
    return wheel


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    wheel = make_wheel(tmp_path / "index")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return wheel


def lock(tmp_path: Path, digest: str) -> Path:
    file = tmp_path / "serving.txt"
    file.write_text(f"tiny==1 --hash=sha256:{digest}\n")
    return file


def test_a_locked_wheel_is_downloaded_kept_and_verified(
    tmp_path: Path, index: Path, platform: Platform
) -> None:
    requirements = lock(tmp_path, hashlib.sha256(index.read_bytes()).hexdigest())
    folder, commands = tmp_path / "wheels", Commands(tmp_path / "logs")
    first = wheels.ensure(requirements, folder, platform, commands)
    assert [wheel.name for wheel in first] == [index.name]
    log = tmp_path / "logs" / "wheels-serving.log"
    once = log.read_text()
    assert wheels.ensure(requirements, folder, platform, commands) == first
    assert log.read_text() == once
    first[0].write_bytes(b"damaged")
    assert wheels.ensure(requirements, folder, platform, commands) == first
    assert first[0].read_bytes() == index.read_bytes()


@pytest.mark.usefixtures("index")
def test_a_wheel_with_another_hash_is_refused(tmp_path: Path, platform: Platform) -> None:
    with pytest.raises(LocalError, match=r"packages of serving\.txt failed(?s:.)*HASHES"):
        wheels.ensure(lock(tmp_path, "0" * 64), tmp_path / "wheels", platform, Commands(tmp_path / "logs"))
    assert list((tmp_path / "wheels").glob("*.whl")) == []
