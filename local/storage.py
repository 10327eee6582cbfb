"""Small files that must never be seen half-written."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from local.process import started

UNFINISHED = re.compile(r"\.(?P<name>.+)\.(?P<pid>[0-9]+)\.[a-z0-9_]{8}")
"""Name of a file that is being written: of which one, by which process, and a word of `tempfile`'s."""


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file so that a reader, or a kill at any moment, sees the old text or the new one.

    What a killed writer of the same file has left beside it is removed.

    Args:
        path: the file; its folder is made if need be.
        text: what it shall hold.
        mode: its permissions; 0o600 for what others must not read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(path)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def text_or_nothing(path: Path) -> str:
    """What a file holds, without space around it; nothing where it can't be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def is_unfinished(path: Path) -> bool:
    """Whether a file is one that is being written, or whose writer was killed: nobody reads it."""
    return UNFINISHED.fullmatch(path.name) is not None


def remove_unfinished(path: Path) -> None:
    """Remove what killed writers of a file have left beside it."""
    for beside in list(path.parent.iterdir()) if path.parent.is_dir() else ():
        found = UNFINISHED.fullmatch(beside.name)
        if found and found["name"] == path.name and started(int(found["pid"])) is None:
            beside.unlink(missing_ok=True)


def link(path: Path, target: Path) -> None:
    """Make `path` a symbolic link to `target`, without a moment in which it is missing.

    Args:
        path: the link; its folder is made if need be.
        target: where it shall point.
    """
    if path.is_symlink() and path.readlink() == target:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(path)
