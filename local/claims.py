"""Every environment of this user on this machine, by the claims they lay to their names.

A claim is a folder below /run (see `Instance.run`) that names the checkout. It is there from the beginning of
the first command to `make down`, and goes with a reboot, or with a command that fails before it has started
anything. A note in the cache names the checkout as well, so that what its environment uses stays there after
a reboot, too.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.cluster import place
from local.cluster.layout import Layout
from local.errors import LocalError
from local.instance import NAME_PATTERN, STACK, Instance
from local.storage import text_or_nothing, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHECKOUT_FILE = "checkout"
NAME_FILE = "instance"
"""In a checkout's state folder: the name of the one environment that it holds."""
NOTES = "environments"
"""Folder of the cache, with a note of each checkout that has an environment."""
PATIENCE_SECONDS = 1.0
"""How long a command waits for a name's lock: another may hold it for a moment, to look at the claim."""
POLL_SECONDS = 0.05
_REFERENCE = re.compile(r"@(sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Claim:
    """One name in use.

    Attributes:
        name: of the instance.
        checkout: to which it belongs; the folder may be gone.
        folder: the claim's own.
    """

    name: str
    checkout: Path
    folder: Path

    def instance(self, cache: Path) -> Instance:
        """The instance as that checkout knows it."""
        return Instance(name=self.name, checkout=self.checkout, cache=cache)

    def tools(self) -> set[Path]:
        """Files to which its own links lead."""
        links = self.instance(Path()).bin
        return {link.resolve() for link in links.iterdir()} if links.is_dir() else set()

    def images(self) -> set[str]:
        """Digests of the images that it was last brought up with."""
        file = self.checkout / "stacks" / "releases" / f"{STACK}.images.yaml"
        try:
            return set(_REFERENCE.findall(file.read_text()))
        except OSError:
            return set()


class BusyError(Exception):
    """Another command of the same checkout is at work under the name."""


@contextlib.contextmanager
def claimed(instance: Instance) -> Iterator[None]:
    """Claim an instance's name, and hold it for one command.

    The kernel's lock on the claim's folder makes this one step, and lets go however the command ends. The
    claim itself stays when the command has started something; a dead one that started nothing binds nobody.

    Raises:
        BusyError: another command of this checkout holds it.
        LocalError: the name belongs to another checkout.
    """
    _refuse_another(instance, at_work=False)
    try:
        folder = _lock(instance)
    except BlockingIOError as error:
        _refuse_another(instance, at_work=True)
        raise BusyError from error
    file, own = instance.run / CHECKOUT_FILE, str(instance.checkout)
    try:
        _refuse_another(instance, at_work=False)
        if text_or_nothing(file) != own:
            write_atomically(file, own)
        # A cache on a full or read-only disk must not keep anybody from `make down`.
        with contextlib.suppress(OSError):
            if text_or_nothing(_note(instance)) != own:
                write_atomically(_note(instance), own)
        yield
    finally:
        if not _keeps_something(instance):
            with contextlib.suppress(OSError):
                _note(instance).unlink()
        if _is(instance.run, folder) and text_or_nothing(file) == own and not _started(instance):
            file.unlink()
            with contextlib.suppress(OSError):  # what else is there is not a claim's
                instance.run.rmdir()
                instance.runs.rmdir()
        os.close(folder)


def _note(instance: Instance) -> Path:
    digest = hashlib.sha256(str(instance.checkout).encode()).hexdigest()
    return instance.cache / NOTES / digest[:16]


def _refuse_another(instance: Instance, *, at_work: bool) -> None:
    """Two checkouts under one name would share interface, namespace and cgroup: refuse the second."""
    owner = text_or_nothing(instance.run / CHECKOUT_FILE)
    if not owner or owner == str(instance.checkout) or not Path(owner).is_dir():
        return
    if at_work or _started(Instance(name=instance.name, checkout=Path(owner), cache=instance.cache)):
        raise LocalError(
            f"The instance name {instance.name} is in use by the checkout {owner}. "
            "Choose another: `make up INSTANCE=name`, or run `make down` there first."
        )


def _started(instance: Instance) -> bool:
    """Whether there is an environment of this name: it has a record below /run, or its checkout keeps it."""
    if Layout(instance).record.exists():
        return True
    own = text_or_nothing(instance.state / NAME_FILE) == instance.name  # a checkout holds one environment
    return own and _keeps_something(instance)


def _keeps_something(instance: Instance) -> bool:
    """Whether the checkout holds an environment, of whichever name."""
    return Layout(instance).root.exists() or place.folder(instance).exists()


def _lock(instance: Instance) -> int:
    """The claim's folder, open and locked.

    Raises:
        BlockingIOError: another command holds it.
        LocalError: the folder can't be made, or is another user's.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        folder = _open(instance)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(instance.run, folder):
                return folder
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(folder)
                raise
        os.close(folder)
        time.sleep(POLL_SECONDS)


def _open(instance: Instance) -> int:
    while True:
        try:
            instance.runs.mkdir(mode=0o755, parents=True, exist_ok=True)
            instance.run.mkdir(mode=0o700, exist_ok=True)
            return os.open(instance.run, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            time.sleep(POLL_SECONDS)  # it has just gone with an environment that another command removes
        except OSError as error:
            raise LocalError(
                f"{instance.run}, which says whose the name {instance.name} is, can't be made: "
                f"{error.strerror}. See to whom {instance.runs} belongs; it has to be yours and writable."
            ) from error


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def claims(instance: Instance) -> list[Claim]:
    """All claims, those of environments that a reboot has ended included, in the order of their names.

    Args:
        instance: any one of this user's.
    """
    found = {(claim.name, claim.checkout): claim for claim in [*_noted(instance), *_laid(instance)]}
    return [found[key] for key in sorted(found)]


def _laid(instance: Instance) -> Iterator[Claim]:
    for entry in instance.runs.iterdir() if instance.runs.is_dir() else ():
        if checkout := text_or_nothing(entry / CHECKOUT_FILE):
            yield Claim(entry.name, Path(checkout), entry)


def _noted(instance: Instance) -> Iterator[Claim]:
    """By the notes. Whoever removes an environment by hand leaves its note; the checkout itself decides."""
    notes = instance.cache / NOTES
    for note in notes.iterdir() if notes.is_dir() else ():
        if checkout := text_or_nothing(note):
            name = text_or_nothing(Instance(instance.name, Path(checkout), instance.cache).state / NAME_FILE)
            if NAME_PATTERN.fullmatch(name):
                yield Claim(name, Path(checkout), instance.runs / name)


def tools_in_use(found: Iterable[Claim]) -> set[Path]:
    """Files of the tool cache to which any claim's links lead."""
    return set().union(*(claim.tools() for claim in found))


def images_in_use(found: Iterable[Claim]) -> set[str]:
    """Digests of images that any claim names."""
    return set().union(*(claim.images() for claim in found))
