"""What Plinth takes on this user's disk, part by part, and what is free."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local import images, toolchain
from local.claims import claims, images_in_use, tools_in_use
from local.errors import LocalError
from local.images.housekeeping import disk_usage
from local.toolchain.gocaches import GoCaches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from local.images import BuiltImage
    from local.instance import Instance
    from local.progress import Progress


@dataclass(frozen=True)
class DiskUse:
    """Bytes on disk.

    Attributes:
        tools: built programs and the compiler, of all checkouts.
        images: by part of the image cache, of all checkouts.
        go: Go's caches, which are there only until the last tool is built.
        environment: what this checkout's environment keeps.
        free: on the disk of the cache.
    """

    tools: int
    images: Mapping[str, int]
    go: int
    environment: int
    free: int

    def __str__(self) -> str:
        """One line for people."""
        largest = max(self.images, key=lambda part: self.images[part], default="")
        detail = f" ({largest} {gigabytes(self.images[largest])})" if largest else ""
        parts = [
            f"tools {gigabytes(self.tools)}",
            f"images {gigabytes(sum(self.images.values()))}{detail}",
            *([f"Go's caches {gigabytes(self.go)}"] if self.go else []),
            f"this environment {gigabytes(self.environment)}",
        ]
        return f"{', '.join(parts)}; {gigabytes(self.free)} free"


def use(instance: Instance) -> DiskUse:
    """Look at the disk; takes some tenths of a second for an environment that is up."""
    return DiskUse(
        tools=sum(found.size_bytes for found in toolchain.usage(instance.cache)),
        images=images.size(instance.cache),
        go=disk_usage(GoCaches(instance.cache).folder),
        environment=disk_usage(instance.state),
        free=shutil.disk_usage(existing(instance.cache)).free,
    )


def keep_within_bounds(instance: Instance, built: Iterable[BuiltImage], progress: Progress) -> None:
    """Take from the shared cache what nobody needs any more and what goes beyond its bounds.

    Args:
        instance: whose `make up` has just succeeded.
        built: its images.
        progress: told what was freed, or why nothing could be. Everything is up by now, and a cache that
            can't be written, such as a read-only one that machines share, serves all the same.
    """
    others = claims(instance)
    freed = 0
    try:
        freed += images.prune(instance.cache, built, progress, images_in_use(others))
        freed += toolchain.prune(instance.cache, progress, in_use=tools_in_use(others))
    except (LocalError, OSError) as error:
        progress.say(f"cache: not kept within its bounds, which costs nothing but space: {error}")
    if freed:
        progress.say(f"cache: {gigabytes(freed)} freed that nothing needs any more")


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there already."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def gigabytes(size: float) -> str:
    """Bytes as people read them, in steps of a tenth."""
    return f"{size / 1e9:.1f} GB"
