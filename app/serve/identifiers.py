"""Identifiers that sort by time."""

from __future__ import annotations

import os
import time
from uuid import UUID

RANDOM_BYTES = 10
VERSION = 0x7 << 76
VARIANT = 0b10 << 62
TIME_MASK = (1 << 48) - 1
A_MASK = (1 << 12) - 1
B_MASK = (1 << 62) - 1


def uuid7() -> str:
    """A UUID of version 7 (RFC 9562): milliseconds of Unix time, then 74 random bits."""
    random = int.from_bytes(os.urandom(RANDOM_BYTES))
    milliseconds = time.time_ns() // 1_000_000 & TIME_MASK
    value = milliseconds << 80 | VERSION | (random >> 62 & A_MASK) << 64 | VARIANT | random & B_MASK
    return str(UUID(int=value))
