"""What `make up` needs of the machine, asked before anything is built or started.

A disk or a memory that runs out half-way gives errors in a dozen places; here it is one sentence with the
figure that was found, the one that is needed, and what to do.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from local.disk import existing, gigabytes
from local.errors import LocalError
from local.toolchain.gocaches import GoCaches

if TYPE_CHECKING:
    from local.instance import Instance

GO_BYTES = 8_000_000_000
"""Go's modules and objects while every tool is built; they go afterwards."""
IMAGES_BYTES = 4_000_000_000
"""Base, packages, layers and archives of a first build: 3.1 GB measured, Envoy's and a margin on top."""
ENVIRONMENT_BYTES = 2_500_000_000
"""A fresh environment keeps 1.6 GB: its images unpacked, the cluster's state, logs."""
LEAST_BYTES = 500_000_000
"""What an environment that is all there still writes: snapshots, logs, etcd."""

MEMORY_BYTES = 2_000_000_000
"""Of an environment that is to start: control plane, Envoy, two serving pods, and the engine beside them."""

CGROUP_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
"""Limit, use, file and word for the cache that the kernel gives back when asked; version 2, then 1."""


@dataclass(frozen=True)
class Need:
    """Space on one disk.

    Attributes:
        folder: what lies there.
        size_bytes: how much it may grow by.
        purpose: what for, for people.
    """

    folder: Path
    size_bytes: int
    purpose: str


def require_room(instance: Instance) -> None:
    """Refuse to begin what the disk can't hold.

    Raises:
        LocalError: a disk has too little free; names it, what is free, what is needed and for what.
    """
    by_disk: dict[int, list[Need]] = {}
    for need in needs(instance):
        by_disk.setdefault(existing(need.folder).stat().st_dev, []).append(need)
    for found in by_disk.values():
        free = shutil.disk_usage(existing(found[0].folder)).free
        wanted = sum(need.size_bytes for need in found)
        if free < wanted:
            purposes = "; ".join(
                f"{gigabytes(need.size_bytes)} in {need.folder} for {need.purpose}" for need in found
            )
            raise LocalError(
                f"Too little disk: {gigabytes(free)} are free and {gigabytes(wanted)} are needed: "
                f"{purposes}. Free some (`make status` shows what Plinth takes, `make purge` gives caches "
                "back), or name another folder for the caches: `XDG_CACHE_HOME=/path/with/space make up`. "
                "Nothing was begun."
            )


def needs(instance: Instance) -> list[Need]:
    """What is missing here, and so will be written."""
    found = [Need(instance.state, LEAST_BYTES, "state and logs")]
    if not any((instance.cache / "tools").glob("kubernetes/*/record.json")):
        found.append(
            Need(GoCaches(instance.cache).folder, GO_BYTES, "building the tools, until they are built")
        )
    if not any((instance.cache / "images" / "built").glob("*/*.json")):
        found.append(Need(instance.cache / "images", IMAGES_BYTES, "building the images"))
    if not (instance.state / "node" / "etcd" / "member").exists():
        found.append(Need(instance.state, ENVIRONMENT_BYTES, "the environment"))
    return found


def require_memory(available: int | None = None) -> None:
    """Refuse to start an environment that the kernel would soon have to kill parts of.

    Args:
        available: bytes; asked of the machine unless given.

    Raises:
        LocalError: too little is available.
    """
    found = available_memory() if available is None else available
    if found < MEMORY_BYTES:
        raise LocalError(
            f"Too little memory: {gigabytes(found)} are available and an environment needs "
            f"{gigabytes(MEMORY_BYTES)} to start. End something (`make stop` in another checkout ends its "
            "environment and keeps it), or give this machine or container more. Nothing was begun."
        )


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that can be had without swapping, by the machine or by the container's limit, whichever is less.

    Args:
        root: where the control groups' files are looked for.
    """
    found = [psutil.virtual_memory().available]
    for limit, use, statistics, word in CGROUP_FILES:
        folder = root / "sys" / "fs" / "cgroup"
        try:
            most, used = (int((folder / name).read_text()) for name in (limit, use))
            lines = (line.split() for line in (folder / statistics).read_text().splitlines())
            spare = sum(int(value) for name, value in lines if name == word)
        except (OSError, ValueError):
            continue  # the other version of control groups, or no limit
        # Files that were read once count as used, and go as soon as somebody needs the room.
        found.append(max(0, most - used + spare))
    return min(found)
