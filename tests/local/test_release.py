from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from local.errors import LocalError
from local.instance import Instance
from local.release import Release, ReleaseFile

if TYPE_CHECKING:
    from pathlib import Path

ONE = Release("support2-mortality", "one", "1" * 64)
TWO = Release("support2-mortality", "two", "2" * 64)
THREE = Release("support2-mortality", "three", "3" * 64)


@pytest.fixture
def file(tmp_path: Path) -> ReleaseFile:
    return ReleaseFile(Instance(name="test", checkout=tmp_path, cache=tmp_path / "cache"))


def test_without_a_file_nothing_is_released(file: ReleaseFile) -> None:
    assert file.read() is None


def test_what_is_written_is_read_back(file: ReleaseFile) -> None:
    file.write(ONE)
    assert file.read() == ONE
    assert yaml.safe_load(file.path.read_text())["artifact_sha256"] == "1" * 64


def test_rollback_walks_back_release_by_release(file: ReleaseFile) -> None:
    for release in (ONE, TWO, THREE):
        file.write(release)
    assert file.step_back() == TWO
    assert file.read() == TWO
    assert file.step_back() == ONE
    assert file.read() == ONE


def test_a_rollback_with_nothing_before_is_refused_and_changes_nothing(file: ReleaseFile) -> None:
    file.write(ONE)
    with pytest.raises(LocalError, match="no earlier release"):
        file.step_back()
    assert file.read() == ONE


def test_writing_the_same_release_again_adds_no_history(file: ReleaseFile) -> None:
    file.write(ONE)
    file.write(ONE)
    with pytest.raises(LocalError, match="no earlier release"):
        file.step_back()


def test_a_hash_that_is_none_is_refused() -> None:
    with pytest.raises(LocalError, match="not a SHA-256"):
        Release("m", "v", "latest")


@pytest.mark.parametrize(
    "text", ["[]", "model: m", "model: m\nversion: v\nartifact_sha256: x\nextra: 1", "{"]
)
def test_a_file_that_is_no_release_is_refused_with_its_path(file: ReleaseFile, text: str) -> None:
    file.path.parent.mkdir(parents=True)
    file.path.write_text(text)
    with pytest.raises(LocalError):
        file.read()


def test_removing_forgets_the_history_too(file: ReleaseFile) -> None:
    file.write(ONE)
    file.write(TWO)
    file.remove()
    assert file.read() is None
    with pytest.raises(LocalError, match="no earlier release"):
        file.step_back()
