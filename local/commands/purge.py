"""`make purge`: remove everything of Plinth's that this user has outside of checkouts, and nothing else."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import filelock

from local import disk, images
from local.claims import NAME_FILE, NOTES, claims
from local.cluster import place
from local.cluster.layout import Layout
from local.cluster.lone_emulator import LoneEmulator
from local.cluster.machine import Machine
from local.errors import LocalError
from local.toolchain.gocaches import GoCaches, remove_tree
from local.toolchain.store import Store, running_programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.claims import Claim
    from local.instance import Instance
    from local.progress import Progress

PARTS = ("tools", "images", "go", NOTES)
"""All that Plinth ever makes in its cache folder."""


def purge(instance: Instance, progress: Progress) -> None:
    """Remove the caches, and what environments whose checkouts are gone have left on the machine.

    Packages that were installed and the caches of pip, uv and Go belong to other programs: they stay.

    Raises:
        LocalError: an environment uses them, a build is under way, or something can't be removed. Unless it
            is the last, nothing was removed.
    """
    found = claims(instance)
    _refuse_while_needed(instance, found)
    before = disk.use(instance)
    for words in images.clean(instance.cache):
        progress.say(f"removed {words}")
    with _nobody_builds(instance.cache):
        for claim in found:
            _bury(claim, instance, progress)
        try:
            for part in PARTS:
                if (instance.cache / part).is_dir():
                    remove_tree(instance.cache / part)
        except OSError as error:
            raise LocalError(f"{error.filename} can't be removed: {error.strerror}.") from error
    left = sorted(entry.name for entry in instance.cache.iterdir()) if instance.cache.is_dir() else []
    if left:
        progress.say(f"{instance.cache} stays, because it holds what Plinth did not make: {', '.join(left)}")
    else:
        _remove_empty(instance.cache)
    _remove_empty(instance.runs)
    freed = before.tools + sum(before.images.values()) + before.go
    progress.say(f"purged: {disk.gigabytes(freed)} freed; the next `make up` builds everything anew")


def _refuse_while_needed(instance: Instance, found: list[Claim]) -> None:
    users = [f"{claim.name} in {claim.checkout}" for claim in found if claim.checkout.is_dir()]
    if not users and (instance.state / NAME_FILE).exists():
        users = [f"{instance.name} in {instance.checkout}"]
    if users:
        raise LocalError(
            "The caches are in use by\n"
            + "\n".join(f"  {user}" for user in users)
            + "\nNothing was removed. Run `make down` there, then `make purge` again."
        )
    running = sorted({program for program in running_programs() if program.is_relative_to(instance.cache)})
    if running:
        raise LocalError(
            f"A program of the cache still runs: {running[0]}. Nothing was removed. End it, then run again."
        )


@contextlib.contextmanager
def _nobody_builds(cache: Path) -> Iterator[None]:
    """Hold every lock of the cache, so that no other run is building and none begins.

    A lock's file goes with its folder while it is held: whoever waits for it finds it gone and makes another.
    """
    store = Store(cache)
    folders = [path for path in store.root.glob("*") if path.is_dir() and path != store.logs]
    locks = [folder / ".lock" for folder in folders]
    if (cache / "images").is_dir():
        locks.append(cache / "images" / "lock")
    with contextlib.ExitStack() as held:
        for path in locks:
            try:
                held.enter_context(filelock.FileLock(path, timeout=0))
            except filelock.Timeout as error:
                raise LocalError(
                    f"Another run is building in {path.parent}. Nothing was removed. Wait for it, run again."
                ) from error
        if not GoCaches(cache).drop():
            raise LocalError(
                f"Another run is compiling in {cache / 'go'}. Nothing was removed. Wait for it, run again."
            )
        yield


def _bury(claim: Claim, instance: Instance, progress: Progress) -> None:
    """End what an environment whose checkout is gone has left: nobody can run `make down` there any more."""
    dead = claim.instance(instance.cache)
    LoneEmulator(dead, place.folder(dead) / "emulator", dead.node_address).stop()
    machine = Machine(Layout(dead))
    machine.clean()
    machine.forget()
    progress.say(f"removed what {claim.name} has left, whose checkout {claim.checkout} is gone")


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
