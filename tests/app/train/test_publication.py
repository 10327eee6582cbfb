from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from app.contract import artifact_key, manifest_key
from app.storage import FolderStore, StorageError
from app.train.publication import Outcome, PublicationError, publish

if TYPE_CHECKING:
    from pathlib import Path

ARTIFACT = b"an artifact"


class Recording(FolderStore):
    """Counts what is written, and can fail at a write as a killed run would."""

    def __init__(self, folder: Path, fail_at: int = 0) -> None:
        super().__init__(folder)
        self.written: list[str] = []
        self.fail_at = fail_at

    def create(self, key: str, content: bytes, content_type: str) -> None:
        if self.fail_at and len(self.written) + 1 == self.fail_at:
            raise StorageError("killed")
        super().create(key, content, content_type)
        self.written.append(key)


@pytest.fixture
def manifest() -> dict[str, Any]:
    return {"model": "m", "version": "v1", "artifact": {"sha256": hashlib.sha256(ARTIFACT).hexdigest()}}


def test_the_manifest_is_written_last(tmp_path: Path, manifest: dict[str, Any]) -> None:
    store = Recording(tmp_path)
    assert publish(store, manifest, ARTIFACT) is Outcome.PUBLISHED
    assert store.written == [artifact_key("m", "v1"), manifest_key("m", "v1")]
    assert json.loads(store.read(manifest_key("m", "v1"))) == manifest


def test_the_same_run_again_writes_nothing(tmp_path: Path, manifest: dict[str, Any]) -> None:
    publish(FolderStore(tmp_path), manifest, ARTIFACT)
    store = Recording(tmp_path)
    assert publish(store, {**manifest, "created": "later"}, ARTIFACT) is Outcome.UNCHANGED
    assert store.written == []
    assert json.loads(store.read(manifest_key("m", "v1"))) == manifest


def test_a_run_killed_between_the_two_is_completed_by_the_next(
    tmp_path: Path, manifest: dict[str, Any]
) -> None:
    with pytest.raises(StorageError):
        publish(Recording(tmp_path, fail_at=2), manifest, ARTIFACT)
    store = Recording(tmp_path)
    assert publish(store, manifest, ARTIFACT) is Outcome.PUBLISHED
    assert store.written == [manifest_key("m", "v1")]


def test_another_artifact_for_the_same_version_is_refused_and_changes_nothing(
    tmp_path: Path, manifest: dict[str, Any]
) -> None:
    publish(FolderStore(tmp_path), manifest, ARTIFACT)
    store = Recording(tmp_path)
    with pytest.raises(PublicationError, match="never overwritten"):
        publish(store, {**manifest, "artifact": {"sha256": "f" * 64}}, b"another")
    assert store.written == []
    assert store.read(artifact_key("m", "v1")) == ARTIFACT


def test_a_manifest_without_its_artifact_gets_it_back(tmp_path: Path, manifest: dict[str, Any]) -> None:
    publish(FolderStore(tmp_path), manifest, ARTIFACT)
    (tmp_path / artifact_key("m", "v1")).unlink()
    assert publish(FolderStore(tmp_path), manifest, ARTIFACT) is Outcome.UNCHANGED
    assert FolderStore(tmp_path).read(artifact_key("m", "v1")) == ARTIFACT


def test_an_unreadable_manifest_is_refused(tmp_path: Path, manifest: dict[str, Any]) -> None:
    FolderStore(tmp_path).create(manifest_key("m", "v1"), b"{}", "application/json")
    with pytest.raises(PublicationError, match="can't be read"):
        publish(FolderStore(tmp_path), manifest, ARTIFACT)
