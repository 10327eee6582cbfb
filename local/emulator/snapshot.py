"""One file that holds the emulator's memory, and the rules under which it is believed.

The payload is a pickle, and loading a pickle runs code. That is acceptable here, and only here, because
the file is this program's own private state: it is read only if it is a regular file of this very user,
in a folder of this user that nobody else can write, with no permission for anybody else, and its SHA-256
is right. Whoever can forge that already is this user. No service of the blueprint ever reads it.

Layout: the SHA-256 of everything after the first line, in hexadecimal; one line of JSON; the payload.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1


class SnapshotError(Exception):
    """A snapshot that must not be believed; the text says why."""


@dataclass(frozen=True)
class Header:
    """What is known about a snapshot without loading it.

    Attributes:
        generation: identity of the memory; a new one whenever something was lost.
        sequence: number of changing requests that it includes.
        boot: the kernel's boot id when it was written.
        final: written at an orderly end, with nothing after it.
        written: seconds since the epoch.
        excluded: services that could not be kept, with the reason.
        runtime: format, Python and moto that wrote it; a pickle is only for the code that wrote it.
    """

    generation: str
    sequence: int
    boot: str
    final: bool
    written: float
    excluded: dict[str, str]
    runtime: str


def runtime() -> str:
    """What a payload depends on: another moto has other classes, and their instances would not work."""
    return f"format {FORMAT}, Python {sys.version_info[0]}.{sys.version_info[1]}, moto {version('moto')}"


def write(path: Path, header: Header, payload: bytes) -> int:
    """Replace the snapshot at `path`, all or nothing, readable by its owner only.

    Returns:
        Bytes written.
    """
    content = json.dumps(asdict(header)).encode() + b"\n" + payload
    digest = hashlib.sha256(content).hexdigest().encode() + b"\n"
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(digest)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    return len(digest) + len(content)


def read(path: Path) -> tuple[Header, bytes]:
    """Read and verify the snapshot at `path`.

    Raises:
        FileNotFoundError: there is none.
        SnapshotError: it is not to be believed.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        _require_private(os.fstat(descriptor), path, stat.S_ISREG)
        _require_private(path.parent.stat(), path.parent, stat.S_ISDIR)
        digest = file.readline().strip().decode("ascii", "replace")
        content = file.read()
    actual = hashlib.sha256(content).hexdigest()
    if actual != digest:
        raise SnapshotError(f"its SHA-256 is {actual}, and its first line says {digest[:64] or 'nothing'}")
    line, _, payload = content.partition(b"\n")
    try:
        header = Header(**json.loads(line))
    except (TypeError, ValueError) as error:
        raise SnapshotError(f"its header is not one of this program's: {error}") from error
    if header.runtime != runtime():
        raise SnapshotError(f"it was written by {header.runtime}, and this is {runtime()}")
    return header, payload


def _require_private(status: os.stat_result, path: Path, kind: object) -> None:
    if not callable(kind) or not kind(status.st_mode):
        raise SnapshotError(f"{path} is not of the expected kind")
    if status.st_uid != os.geteuid():
        raise SnapshotError(f"{path} belongs to user {status.st_uid}, and this is user {os.geteuid()}")
    if status.st_mode & 0o077:
        raise SnapshotError(f"{path} is open to others (mode {stat.S_IMODE(status.st_mode):04o})")


def _sync_folder(folder: Path) -> None:
    """Make a rename durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
