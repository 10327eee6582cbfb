"""Which process a number stands for: numbers are given again, and the clock may be set at any time."""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")

DEAD = frozenset("ZX")
"""States of a process that has ended and only waits to be counted."""


def started(pid: int) -> str | None:
    """When a process started, in a word that stays the same and that no other of its number ever has.

    The kernel counts from the boot, so the word stays right when the clock is set; psutil's `create_time`
    is a time of day by the present clock, and moves with it.

    Returns:
        The boot and the clock ticks from there to its start; None if there is no such process, or a dead one.
    """
    try:
        # The name, in parentheses, may hold anything; the state follows it, and the start is field 22.
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return None if fields[0] in DEAD else f"{_boot()}:{fields[19]}"
    except (OSError, IndexError):
        return None


def _boot() -> str:
    try:
        return (PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
    except OSError:
        return ""  # some sandboxes have none; records there end with the sandbox
