"""How much disk the images take, and how it is given back."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from local.images import base
from local.images.cache import UNFINISHED, ImageCache

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.images.names import BuiltImage
    from local.progress import Progress

LAYERS_LIMIT_BYTES = 6_000_000_000
"""The builder's storage is emptied beyond this: it only saves time, and has no bound of its own."""

WHEELS_LIMIT_BYTES = 2_000_000_000
"""Downloads of locks that have long changed add up; beyond this all go, and the current ones come again."""


def size(cache: Path) -> dict[str, int]:
    """Bytes on disk of each part of the image cache.

    Args:
        cache: the instance's cache folder.
    """
    folder = ImageCache.of(cache).folder
    parts = sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    return {part.name: _disk_usage(part) for part in parts}


def prune(cache: Path, keep: Iterable[BuiltImage], progress: Progress) -> int:
    """Remove every image but those named, other bases, and a builder's storage that grew too large.

    Args:
        cache: the instance's cache folder, shared by all instances of this user.
        keep: what is to stay.
        progress: told when another run has to be waited for.

    Returns:
        Bytes freed on disk.

    Raises:
        LocalError: the cache can't be written.
    """
    images = ImageCache.of(cache)
    before = sum(size(cache).values())
    wanted: dict[str, set[str]] = {}
    for image in keep:
        wanted.setdefault(image.name.path, set()).add(image.key)
    with images.exclusively(progress):
        built = images.folder / "built"
        for shelf in built.iterdir() if built.is_dir() else ():
            images.built(shelf.name).drop_all_but(wanted.get(shelf.name, ()))
        images.base.drop_all_but({base.key(base.Platform.of_this_machine())})
        if images.layers.is_dir() and _disk_usage(images.layers) > LAYERS_LIMIT_BYTES:
            images.drop_layers()
        if images.wheels.is_dir() and _disk_usage(images.wheels) > WHEELS_LIMIT_BYTES:
            shutil.rmtree(images.wheels)
    return max(0, before - sum(size(cache).values()))


def purge(cache: Path, progress: Progress) -> int:
    """Remove the whole image cache; gives the bytes freed on disk.

    Raises:
        LocalError: the cache can't be written.
    """
    images = ImageCache.of(cache)
    freed = sum(size(cache).values())
    with images.exclusively(progress):
        for part in images.folder.iterdir():
            if part.is_dir():
                shutil.rmtree(part)
    return freed


def _disk_usage(folder: Path) -> int:
    """Bytes that a folder's files take on disk; hard links count once, links aren't followed."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                stat = os.lstat(os.path.join(parent, name))  # noqa: PTH118 - tens of thousands of files
            except FileNotFoundError:
                continue
            if stat.st_nlink > 1:
                if (stat.st_dev, stat.st_ino) in seen:
                    continue
                seen.add((stat.st_dev, stat.st_ino))
            total += stat.st_blocks * 512
    return total


def clean(cache: Path) -> list[str]:
    """Remove what a killed build left behind, unless one runs right now.

    Builds mount in namespaces of their own, so there should be no mount to find; one that is found (an older
    version's, a person's) is taken away all the same, because nothing below it could be removed.

    Args:
        cache: the instance's cache folder.

    Returns:
        What was found and removed, in words.
    """
    images = ImageCache.of(cache)
    if not images.folder.is_dir():
        return []
    lock = filelock.FileLock(images.folder / "lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return []
    try:
        found = [f"mount {point}" for point in _mounts_below(images.folder) if _unmounted(point)]
        if images.work.exists():
            found.append(f"unfinished work in {images.work}")
        if (images.layers / UNFINISHED).exists():
            found.append(f"builder's storage in {images.layers}, in use when its build was killed")
        images.repair()
    finally:
        lock.release()
    return found


def _mounts_below(folder: Path) -> list[str]:
    """Mount points below a folder, innermost first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    # The kernel writes a blank as \\040.
    below = [point for point in points if point.startswith(f"{str(folder).replace(' ', chr(92) + '040')}/")]
    return sorted(below, key=len, reverse=True)


def _unmounted(point: str) -> bool:
    words = ["umount", "--lazy", point.replace("\\040", " ")]
    return subprocess.run(words, check=False, capture_output=True).returncode == 0  # noqa: S603 - our own words
