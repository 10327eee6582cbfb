from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from app.storage import (
    BucketStore,
    FolderStore,
    ObjectExistsError,
    ObjectMissingError,
    StorageError,
    Store,
    write_atomically,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["bucket", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    if request.param == "folder":
        yield FolderStore(tmp_path)
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield BucketStore("bucket")


def test_what_is_created_is_read_back(store: Store) -> None:
    store.create("a/b.bin", b"\x00content", "application/octet-stream")
    assert store.read("a/b.bin") == b"\x00content"


def test_nothing_is_ever_overwritten(store: Store) -> None:
    store.create("a/b.bin", b"first", "application/octet-stream")
    with pytest.raises(ObjectExistsError, match=r"a/b\.bin"):
        store.create("a/b.bin", b"second", "application/octet-stream")
    assert store.read("a/b.bin") == b"first"


def test_a_missing_object_is_named(store: Store) -> None:
    with pytest.raises(ObjectMissingError, match=r"a/none\.bin"):
        store.read("a/none.bin")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("store", ["bucket"], indirect=True)
def test_a_missing_bucket_is_a_storage_error_with_a_remedy() -> None:
    with pytest.raises(StorageError, match="no-such-bucket") as refusal:
        BucketStore("no-such-bucket").read("key")
    assert not isinstance(refusal.value, ObjectMissingError)
    assert "granted" in str(refusal.value)


def test_a_store_that_does_not_answer_is_a_storage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # the discard port: refused at once
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr("app.storage.ATTEMPTS", 1)
    with pytest.raises(StorageError, match="Can't read key"):
        BucketStore("bucket").read("key")


def test_an_impossible_endpoint_is_a_storage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "not a url")
    with pytest.raises(StorageError):
        BucketStore("bucket").read("key")


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
