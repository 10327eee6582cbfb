"""What is kept between builds, where, and how much of it.

    cache/images/base      the Debian root file system that images start from
    cache/images/built     one archive and one record for each image and key
    cache/images/wheels    Python packages, as downloaded
    cache/images/layers    the builder's own storage; never anybody else's
    cache/images/work      what is in the making; nothing in it outlives a build
    cache/images/logs      one file for each step

Archives appear by renaming, with the digest of their bytes beside them; what doesn't match is built anew.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import filelock

from local.errors import LocalError
from local.images import archives, oci
from local.images.commands import KilledError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.progress import Progress

UNFINISHED = "unfinished"
"""Stands in the builder's storage while a build uses it; found at a start, it means a killed build."""


class BusyError(LocalError):
    """Another run holds the cache."""


@dataclass(frozen=True)
class Kept:
    """An archive on a shelf, its bytes verified."""

    archive: Path
    contents: archives.Contents


class Shelf:
    """Archives by key. An archive without its record, or with other bytes than recorded, isn't there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str) -> Kept | None:
        """The archive of a key, if its bytes are the recorded ones. Changes no content: another may write."""
        archive, record = self._paths(key)
        try:
            if json.loads(record.read_bytes())["sha256"] == oci.digest_of(archive):
                contents = archives.read(archive)
                with suppress(OSError):  # a cache that can't be written can still be used
                    os.utime(record)
                return Kept(archive, contents)
        except (OSError, ValueError, KeyError, TypeError, LocalError):
            return None
        return None

    def keep(self, key: str, archive: Path) -> Kept:
        """Take a finished archive onto the shelf; it leaves the place where it was."""
        target, record = self._paths(key)
        self._folder.mkdir(parents=True, exist_ok=True)
        contents = archives.read(archive)
        words = json.dumps(
            {"sha256": oci.digest_of(archive), "name": contents.name, "digest": contents.digest}
        )
        _flush(archive)
        archive.replace(target)
        partial = record.with_suffix(".partial")
        partial.write_text(words)
        _flush(partial)
        partial.replace(record)
        return Kept(target, contents)

    def entries(self) -> list[Entry]:
        """What lies here, whole or not."""
        found = []
        for key in {file.stem for file in self._folder.glob("*")}:
            files = [file for file in self._paths(key) if file.exists()]
            if files:
                stats = [file.stat() for file in files]
                found.append(
                    Entry(
                        shelf=self,
                        key=key,
                        digest=self._digest(key),
                        size_bytes=sum(stat.st_blocks * 512 for stat in stats),
                        used=max(stat.st_mtime for stat in stats),
                    )
                )
        return found

    def drop(self, key: str) -> None:
        """Remove an archive, its record first: without it the archive counts for nothing."""
        archive, record = self._paths(key)
        for file in (record, record.with_suffix(".partial"), archive):
            file.unlink(missing_ok=True)

    def _digest(self, key: str) -> str:
        try:
            return str(json.loads(self._paths(key)[1].read_bytes())["digest"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _paths(self, key: str) -> tuple[Path, Path]:
        return self._folder / f"{key}.tar", self._folder / f"{key}.json"


@dataclass(frozen=True)
class Entry:
    """An archive on a shelf, not verified.

    Attributes:
        shelf: where it lies.
        key: of what it was made from.
        digest: of the image; empty where its record is lost.
        size_bytes: on disk.
        used: when it was last written or found, in seconds since the epoch.
    """

    shelf: Shelf
    key: str
    digest: str
    size_bytes: int
    used: float


@dataclass(frozen=True)
class ImageCache:
    """The folder for images below the cache of an instance."""

    folder: Path

    @classmethod
    def of(cls, cache: Path) -> ImageCache:
        """The part of the user's cache that is ours."""
        return cls(cache / "images")

    @property
    def base(self) -> Shelf:
        """Root file systems that images start from."""
        return Shelf(self.folder / "base")

    def built(self, name: str) -> Shelf:
        """Finished images of one name."""
        return Shelf(self.folder / "built" / name)

    @property
    def wheels(self) -> Path:
        """Downloaded Python packages."""
        return self.folder / "wheels"

    @property
    def layers(self) -> Path:
        """The builder's own storage."""
        return self.folder / "layers"

    @property
    def work(self) -> Path:
        """For what is in the making."""
        return self.folder / "work"

    @property
    def logs(self) -> Path:
        """One file for each step."""
        return self.folder / "logs"

    @contextmanager
    def exclusively(self, progress: Progress, *, wait: bool = True) -> Iterator[None]:
        """One build at a time on this machine; starts with an empty work folder and a sound storage.

        Args:
            progress: told of waiting.
            wait: for a run that builds right now.

        Raises:
            BusyError: another run builds, and it is not to be waited for.
            LocalError: the cache can't be written, or the disk is full.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.folder / "lock")
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout as error:
                if not wait:
                    raise BusyError(f"Another run is building images in {self.folder}.") from error
                progress.say("images: another run is building them; waiting for it")
                lock.acquire()
            try:
                self.repair()
                self.work.mkdir(parents=True, exist_ok=True)
                yield
            finally:
                shutil.rmtree(self.work, ignore_errors=True)
                lock.release()
        except OSError as error:
            raise explained(error, self.folder) from error

    def repair(self) -> None:
        """Remove what a killed build left behind: its work folder, and a storage that it was writing to."""
        shutil.rmtree(self.work, ignore_errors=True)
        if (self.layers / UNFINISHED).exists():
            self.drop_layers()

    def drop_layers(self) -> None:
        """Empty the builder's storage. What it mounted is in a namespace that ended with it."""
        self.doom_layers()
        self.bury()

    def doom_layers(self) -> None:
        """Put the builder's storage aside, at once, so that half a removal is never taken for a storage."""
        if self.layers.exists():
            self.layers.rename(self.folder / f"doomed-{os.getpid()}-{time.time_ns()}")

    def bury(self) -> None:
        """Remove what was put aside, which takes minutes on a busy disk; needs no lock."""
        for left in self.folder.glob("doomed-*"):
            shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def layers_in_use(self) -> Iterator[Path]:
        """The builder's storage, marked as in use; only builds that ended by themselves take the mark away.

        A step that failed is such an end; one that was killed or interrupted is not.
        """
        self.layers.mkdir(parents=True, exist_ok=True)
        mark = self.layers / UNFINISHED
        mark.touch()
        try:
            yield self.layers
        except Exception as error:
            if not isinstance(error, KilledError):
                mark.unlink(missing_ok=True)
            raise
        mark.unlink(missing_ok=True)


def explained(error: OSError, folder: Path) -> LocalError:
    """What the file system refused, in words with a remedy."""
    remedy = "or name another folder for the cache: XDG_CACHE_HOME=/another/folder"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(existing).free / 1e9
        return LocalError(
            f"No space left for images: {free:.1f} GB are free where {folder} lies. Free some, {remedy}."
        )
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return LocalError(
            f"{error.filename or folder} can't be written: {error.strerror}. Make it writable, {remedy}."
        )
    return LocalError(f"The image cache {folder} is not usable: {error}. Repair it, {remedy}.")


def _flush(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
