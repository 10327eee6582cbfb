"""Looks for a secret in plain: in files, in process arguments, and in what other users may read."""

from __future__ import annotations

import base64
import gzip
import os
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

SAMPLE_SECONDS = 0.02
LARGEST_BYTES = 256 * 2**20
"""Larger files are databases of other things; none of those that are looked at is as large."""


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
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError):
            return False
    return any(needle in content for needle in wanted)


def in_files(folders: Iterable[Path], wanted: Iterable[bytes]) -> list[str]:
    """Files below the folders that hold it, whoever may read them."""
    looked_for = tuple(wanted)
    return [str(path) for path in _files(folders) if _read_holds(path, looked_for)]


def in_readable_files(folders: Iterable[Path], wanted: Iterable[bytes]) -> list[str]:
    """The same, but only what a user who is neither owner nor in the group can get at."""
    looked_for = tuple(wanted)
    readable = (path for path in _files(folders, others=True) if _mode(path) & 0o004)
    return [str(path) for path in readable if _read_holds(path, looked_for)]


def _read_holds(path: Path, wanted: tuple[bytes, ...]) -> bool:
    try:
        return path.stat().st_size <= LARGEST_BYTES and holds(path.read_bytes(), wanted)
    except OSError:
        return False  # it has just gone


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except OSError:
        return 0


def _files(folders: Iterable[Path], *, others: bool = False) -> Iterator[Path]:
    """Plain files; with `others`, only through folders that others may pass."""
    for folder in folders:
        if others and not all(_mode(parent) & 0o001 for parent in (folder, *folder.parents)):
            continue
        for parent, names, files in os.walk(folder):
            if others:
                names[:] = [name for name in names if _mode(Path(parent) / name) & 0o001]
            for name in files:
                path = Path(parent) / name
                if stat.S_ISREG(path.lstat().st_mode) if path.exists() else False:
                    yield path


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
