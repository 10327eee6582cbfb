"""A counter of changing requests that survives the process, so that a loss is known exactly.

Each changing request adds one before it is handled. The number lies in the page cache, so it outlives a
SIGKILL; a power cut may take it back, and that is recognised by the kernel's boot id.
"""

from __future__ import annotations

import os
import struct
import uuid
from pathlib import Path

RECORD = struct.Struct("<36s36sQ")


def boot_id() -> str:
    """The kernel's name for this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Journal:
    """The open counter."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.fchmod(self._descriptor, 0o600)
        content = os.pread(self._descriptor, RECORD.size, 0)
        self.generation = ""
        self.boot = ""
        self.sequence = 0
        if len(content) == RECORD.size:
            generation, boot, self.sequence = RECORD.unpack(content)
            self.generation = generation.decode("ascii", "replace")
            self.boot = boot.decode("ascii", "replace")

    def begin(self, generation: str, sequence: int) -> None:
        """Go on counting from `sequence`, in this boot."""
        self.generation, self.boot, self.sequence = generation, boot_id(), sequence
        self._write()

    def count(self) -> int:
        """Add one changing request and return its number."""
        self.sequence += 1
        self._write()
        return self.sequence

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _write(self) -> None:
        record = RECORD.pack(self.generation.encode(), self.boot.encode(), self.sequence)
        os.pwrite(self._descriptor, record, 0)


def new_generation() -> str:
    """A name for a memory that never was before."""
    return str(uuid.uuid4())
