"""Objects by key: in a bucket where there is one, in a folder on a person's own machine."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.errors import AppError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MISSING_CODES = frozenset({"NoSuchKey", "404"})
EXISTS_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
CONNECT_SECONDS = 5
READ_SECONDS = 30
ATTEMPTS = 4


class StorageError(AppError):
    """The store doesn't answer, or refuses."""


class ObjectMissingError(StorageError):
    """There is no object of that key."""


class ObjectExistsError(StorageError):
    """There is an object of that key already; nothing here is ever overwritten."""


class Store(Protocol):
    """What training and serving need of a store."""

    def read(self, key: str) -> bytes:
        """The object's content.

        Raises:
            ObjectMissingError: there is none.
            StorageError: the store doesn't answer or refuses.
        """

    def create(self, key: str, content: bytes, content_type: str) -> None:
        """Write an object whole or not at all.

        Raises:
            ObjectExistsError: there is one already.
            StorageError: the store doesn't answer or refuses.
        """


class BucketStore:
    """An S3 bucket. Encryption is the bucket's default, so no key is named here."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    @cached_property
    def _client(self) -> S3Client:
        """Made at first use: whoever has a verified local copy needs no credentials."""
        return boto3.client(
            "s3",
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "max_attempts": ATTEMPTS},
            ),
        )

    def read(self, key: str) -> bytes:
        """See `Store.read`."""
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING_CODES:
                raise ObjectMissingError(f"There is no object {key} in the bucket {self._bucket}.") from error
            raise self._refused("read", key, error) from error
        except (BotoCoreError, OSError, ValueError) as error:  # ValueError: an impossible endpoint
            raise self._refused("read", key, error) from error

    def create(self, key: str, content: bytes, content_type: str) -> None:
        """See `Store.create`; the store itself verifies the content's SHA-256 and the key's absence."""
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=content,
                ContentType=content_type,
                ChecksumSHA256=base64.b64encode(hashlib.sha256(content).digest()).decode(),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in EXISTS_CODES:
                raise ObjectExistsError(
                    f"The object {key} is in the bucket {self._bucket} already."
                ) from error
            raise self._refused("write", key, error) from error
        except (BotoCoreError, OSError, ValueError) as error:  # ValueError: an impossible endpoint
            raise self._refused("write", key, error) from error

    def _refused(self, verb: str, key: str, error: Exception) -> StorageError:
        return StorageError(
            f"Can't {verb} {key} in the bucket {self._bucket}: {error}. Check that the store answers, and "
            "that this workload's role is granted it (a missing object looks like this too where listing the "
            "bucket isn't granted)."
        )


class FolderStore:
    """The same keys as files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: str) -> bytes:
        """See `Store.read`."""
        try:
            return (self._folder / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ObjectMissingError(f"There is no file {self._folder / key}.") from error
        except OSError as error:
            raise StorageError(f"Can't read {self._folder / key}: {error}.") from error

    def create(self, key: str, content: bytes, content_type: str) -> None:  # noqa: ARG002 - a file has none
        """See `Store.create`."""
        path = self._folder / key
        if path.exists():
            raise ObjectExistsError(f"The file {path} exists already.")
        try:
            write_atomically(path, content)
        except OSError as error:
            raise StorageError(f"Can't write {path}: {error}. Check its permissions and the disk.") from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that whoever reads it sees all of it or nothing, whenever this is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
