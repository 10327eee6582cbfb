"""Looks for a secret in plain: in files, in process arguments, and in what other users may read."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import os
import stat
import tempfile
import threading
import time
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

SAMPLE_SECONDS = 0.02
CHUNK_BYTES = 2**24
GZIP = b"\x1f\x8b"

SHARED = tuple(
    dict.fromkeys(map(Path, ("/tmp", "/var/tmp", "/dev/shm", tempfile.gettempdir())))  # noqa: S108 - looked into only
)
"""Where every user of a machine may write, and programs leave what they forgot."""


def needles(secret: str) -> tuple[bytes, ...]:
    """The secret as it would stand in a file: as it is, in hexadecimal, and inside a base64 text.

    In base64 its letters depend on where in the text it begins, so there are three of them, each without the
    ends that its neighbours decide.
    """
    plain = secret.encode()
    found = [plain, plain.hex().encode()]
    for before in range(3):
        text = base64.b64encode(b"\0" * before + plain + b"\0" * 3)
        begin = 0 if before == 0 else 4
        whole = (before + len(plain)) // 3 * 4
        found.append(text[begin:whole])
    return tuple(found)


def holds(content: bytes, wanted: Iterable[bytes]) -> bool:
    """Whether any of the needles is there, in a compressed file as well."""
    return _file_holds(io.BytesIO(content), tuple(wanted))


def in_files(folders: Iterable[Path], wanted: Iterable[bytes], since: float = 0) -> list[str]:
    """Files below the folders that hold it, whoever may read them.

    Args:
        folders: to look into.
        wanted: needles.
        since: seconds since the epoch; files that were made and changed before are left out.
    """
    looked_for = tuple(wanted)
    return [str(path) for path, _ in _files(folders, since) if _read_holds(path, looked_for)]


def in_readable_files(folders: Iterable[Path], wanted: Iterable[bytes], since: float = 0) -> list[str]:
    """The same, but only what a user who is neither owner nor in the group can get at."""
    looked_for = tuple(wanted)
    readable = (path for path, mode in _files(folders, since, others=True) if mode & 0o004)
    return [str(path) for path in readable if _read_holds(path, looked_for)]


def _read_holds(path: Path, wanted: tuple[bytes, ...]) -> bool:
    try:
        with path.open("rb") as file:
            return _file_holds(file, wanted)
    except OSError:
        return False  # it has just gone


def _file_holds(file: IO[bytes], wanted: tuple[bytes, ...]) -> bool:
    if file.read(len(GZIP)) == GZIP:
        file.seek(0)
        with (
            contextlib.suppress(OSError, EOFError, zlib.error),  # it only looks like one, or is cut short
            gzip.GzipFile(fileobj=file) as unpacked,
        ):
            if _chunks_hold(unpacked, wanted):
                return True
    file.seek(0)
    return _chunks_hold(file, wanted)


def _chunks_hold(file: IO[bytes] | gzip.GzipFile, wanted: tuple[bytes, ...]) -> bool:
    """A part at a time, however large the file; what lies across two parts is found as well."""
    across = max(len(needle) for needle in wanted) - 1
    before = b""
    while chunk := file.read(CHUNK_BYTES):
        window = before + chunk
        if any(needle in window for needle in wanted):
            return True
        before = window[-across:]
    return False


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except OSError:
        return 0


def _files(folders: Iterable[Path], since: float, *, others: bool = False) -> Iterator[tuple[Path, int]]:
    """Plain files with their modes; with `others`, only through folders that others may pass."""
    for folder in folders:
        if others and not all(_mode(parent) & 0o001 for parent in (folder, *folder.parents)):
            continue
        for parent, names, files in os.walk(folder):
            if others:
                names[:] = [name for name in names if _mode(Path(parent) / name) & 0o001]
            for name in files:
                path = Path(parent) / name
                with contextlib.suppress(OSError):  # it has just gone
                    about = path.lstat()
                    # By the inode's own change: a copy may bear its original's other time.
                    if stat.S_ISREG(about.st_mode) and about.st_ctime >= since:
                        yield path, stat.S_IMODE(about.st_mode)


class ArgumentWatch:
    """Reads the arguments of every process again and again while something runs; anybody may read those."""

    def __init__(self, wanted: Iterable[bytes]) -> None:
        self._wanted = tuple(wanted)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.rounds = 0
        self.found: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    words = (folder / "cmdline").read_bytes()
                    if _mode(folder / "environ") & 0o044:
                        words += (folder / "environ").read_bytes()
                except OSError:
                    continue
                if any(needle in words for needle in self._wanted):
                    self.found.add(words.replace(b"\0", b" ").decode(errors="replace")[:200])
            self.rounds += 1
            time.sleep(SAMPLE_SECONDS)
