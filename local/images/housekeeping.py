"""How much disk the images take, and how it is given back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from local.images import base
from local.images.cache import UNFINISHED, BusyError, ImageCache

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from local.images.names import BuiltImage
    from local.progress import Progress

LAYERS_LIMIT_BYTES = 6_000_000_000
"""The builder's storage is emptied beyond this: it only saves time, and has no bound of its own."""

SPARE_LIMIT_BYTES = 2_000_000_000
"""For archives that no environment names: going back to an earlier edit then builds nothing."""

UNRECORDED_SECONDS = 3600
"""What was used within the last hour may belong to a `make up` that has not yet recorded what it uses."""

BASE_UNUSED_DAYS = 14
"""Another checkout may have another recipe for the base."""

WHEELS_LIMIT_BYTES = 2_000_000_000
"""Downloads of locks that have long changed add up; beyond this all go, and the current ones come again."""


def size(cache: Path) -> dict[str, int]:
    """Bytes of each part of the image cache.

    Args:
        cache: the instance's cache folder.
    """
    images = ImageCache.of(cache)
    folder = images.folder
    parts = sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    return {part.name: layers_size(images) if part == images.layers else disk_usage(part) for part in parts}


def prune(cache: Path, keep: Iterable[BuiltImage], progress: Progress, in_use: Collection[str] = ()) -> int:
    """Bring the cache within its bounds; what is needed stays in any case.

    Archives that no environment names go from the least recently used on, once they take more than
    `SPARE_LIMIT_BYTES`; so do bases that nobody used for long, and a builder's storage and downloads that
    grew too large. Where another run builds right now, nothing is done: that one prunes when it ends.

    Args:
        cache: the instance's cache folder, shared by all instances of this user.
        keep: what this run has made or found.
        progress: for the lock.
        in_use: digests of images that some environment names.

    Returns:
        Bytes freed on disk.

    Raises:
        LocalError: the cache can't be written.
    """
    images = ImageCache.of(cache)
    try:
        with images.exclusively(progress, wait=False):
            freed = _prune(images, {(image.name.path, image.key) for image in keep}, in_use)
    except BusyError:
        return 0
    if any(images.folder.glob("doomed-*")):
        with progress.step("give back the space of the image builder's layers"):
            images.bury()
    return freed


def _prune(images: ImageCache, keep: set[tuple[str, str]], in_use: Collection[str]) -> int:
    freed = 0
    shelves = sorted((images.folder / "built").glob("*"))
    spare = [
        entry
        for shelf in shelves
        for entry in images.built(shelf.name).entries()
        if (shelf.name, entry.key) not in keep and entry.digest not in in_use
    ]
    kept = 0
    for entry in sorted(spare, key=lambda entry: -entry.used):
        kept += entry.size_bytes
        if kept > SPARE_LIMIT_BYTES and time.time() - entry.used > UNRECORDED_SECONDS:
            entry.shelf.drop(entry.key)
            freed += entry.size_bytes
    current = base.key(base.Platform.of_this_machine())
    for entry in images.base.entries():
        if entry.key != current and time.time() - entry.used > BASE_UNUSED_DAYS * 86400:
            images.base.drop(entry.key)
            freed += entry.size_bytes
    if (taken := layers_size(images)) > LAYERS_LIMIT_BYTES:
        images.doom_layers()
        freed += taken
    if images.wheels.is_dir() and (taken := disk_usage(images.wheels)) > WHEELS_LIMIT_BYTES:
        shutil.rmtree(images.wheels)
        freed += taken
    return freed


def layers_size(images: ImageCache) -> int:
    """Bytes of the builder's layers, by its own record: walking half a million files takes many seconds."""
    total = 0
    for record in images.layers.glob("root/*-layers/layers.json"):
        try:
            total += sum(int(layer.get("diff-size", 0)) for layer in json.loads(record.read_bytes()))
        except (OSError, ValueError, AttributeError, TypeError):
            return disk_usage(images.layers)
    return total


def disk_usage(folder: Path) -> int:
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
