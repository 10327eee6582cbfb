"""The right to do something alone, held by the kernel's lock on a folder that is there anyway."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def alone(folder: Path, waiting: Callable[[], None] | None = None) -> Iterator[int]:
    """Hold a folder's lock, so that no file of ours has to stay anywhere for it; it goes however we end.

    Args:
        folder: what is locked.
        waiting: called before somebody else's end is waited for.

    Yields:
        The descriptor. A program that inherits it goes on holding the lock when we are killed.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is not None:
                waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
