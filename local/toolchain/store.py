"""The cache of built tools: one folder per version and key, whole or absent, checked at each use.

Layout below the cache folder: `tools/<tool>/<version>-<key>/` holds the tool's files and
`record.json` with the SHA-256 of each; `tools/<tool>/.lock` is held by whoever builds; `tools/logs/` has
the builds' output.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from local.progress import Progress

RECORD = "record.json"
BUILDING = ".building-"
CONDEMNED = ".condemned-"
UNUSED_DAYS = 14
"""A version that no command of any checkout has used for this long goes, unless it runs or is linked."""

LOCK_POLL_SECONDS = 0.5
WAIT_MESSAGE_SECONDS = 20.0
ELSEWHERE = "XDG_CACHE_HOME=/path/with/space make up"


@dataclass(frozen=True)
class Slot:
    """The place of one version of one tool.

    Attributes:
        tool: folder name of the tool.
        version: for people.
        key: digest of what the content is made from.
    """

    tool: str
    version: str
    key: str

    @property
    def name(self) -> str:
        """Folder name inside the tool's folder."""
        return f"{self.version}-{self.key}"


@dataclass(frozen=True)
class Usage:
    """Disk space of one cached version.

    Attributes:
        slot_name: `<version>-<key>`.
        size_bytes: apparent size of its files.
        current: whether this checkout's recipes name it.
    """

    tool: str
    slot_name: str
    path: Path
    size_bytes: int
    current: bool


class Store:
    """The versions under one cache folder."""

    def __init__(self, cache: Path) -> None:
        self.root = cache / "tools"
        self.logs = self.root / "logs"

    def path(self, slot: Slot) -> Path:
        """Where a slot's content is, or will be."""
        return self.root / slot.tool / slot.name

    def fault(self, slot: Slot) -> str | None:
        """What is wrong with a slot's content, or None if every recorded file is as it was built."""
        path = self.path(slot)
        try:
            recorded: dict[str, str] = json.loads((path / RECORD).read_text())["files"]
        except FileNotFoundError:
            return "its record is missing"
        except (ValueError, KeyError, TypeError):
            return "its record is not readable"
        found = fingerprints(path)
        differing = sorted(
            name for name in recorded.keys() | found.keys() if recorded.get(name) != found.get(name)
        )
        return f"{differing[0]} is not as it was built" if differing else None

    def obtain(self, slot: Slot, fill: Callable[[Path], None], progress: Progress) -> Path:
        """Give the slot's folder; build it first where it is absent or damaged.

        Args:
            slot: what is wanted.
            fill: writes the content into the empty folder it is given; an exception leaves nothing behind.
            progress: told of waiting and of damage.

        Raises:
            LocalError: the cache can't be written.
        """
        path = self.path(slot)
        if path.is_dir() and self.fault(slot) is None:
            self.note_use(slot)
            return path
        try:
            with self.lock(slot.tool, progress):
                self._sweep(slot.tool)
                if path.is_dir():
                    fault = self.fault(slot)
                    if fault is None:
                        return path
                    progress.say(f"{slot.tool} {slot.version}: {fault} in {path}; making it again")
                    self._remove(path)
                self._publish(path, fill)
        except OSError as error:
            raise explained(error, self.root) from error
        return path

    def note_use(self, slot: Slot) -> None:
        """Date a slot's record, by which `prune` knows what has not been used for long."""
        with suppress(OSError):  # a cache that can't be written can still be used
            os.utime(self.path(slot) / RECORD)

    def _publish(self, path: Path, fill: Callable[[Path], None]) -> None:
        building = Path(tempfile.mkdtemp(prefix=BUILDING, dir=path.parent))
        try:
            building.chmod(0o755)
            fill(building)
            record = {
                "files": fingerprints(building),
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
            (building / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True))
            building.rename(path)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise

    def _sweep(self, tool: str) -> None:
        """Remove what killed builds left. Call with the tool's lock held, so that nobody is at work there."""
        for folder in (self.root / tool).iterdir():
            if folder.name.startswith((BUILDING, CONDEMNED)):
                shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _remove(path: Path) -> None:
        # The rename comes first so that a kill half-way leaves no version with half of its files.
        condemned = path.with_name(f"{CONDEMNED}{os.getpid()}-{path.name}")
        path.rename(condemned)
        shutil.rmtree(condemned, ignore_errors=True)

    @contextmanager
    def lock(self, tool: str, progress: Progress) -> Iterator[None]:
        """Hold the right to write one tool's folder; say who holds it while waiting."""
        folder = self.root / tool
        folder.mkdir(parents=True, exist_ok=True)
        holder = folder / ".holder"
        lock = FileLock(folder / ".lock")
        next_message = 0.0
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                if time.monotonic() >= next_message:
                    progress.say(f"{tool}: {_holder(holder)} is making it; waiting for that")
                    next_message = time.monotonic() + WAIT_MESSAGE_SECONDS
                time.sleep(LOCK_POLL_SECONDS)
        try:
            holder.write_text(json.dumps({"process": os.getpid(), "folder": str(Path.cwd())}))
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()

    def usage(self, current: set[tuple[str, str]]) -> list[Usage]:
        """Every cached version with its size, largest first.

        Args:
            current: (tool, slot name) of the versions that the recipes name.
        """
        if not self.root.is_dir():
            return []
        found = [
            Usage(
                tool=folder.parent.name,
                slot_name=folder.name,
                path=folder,
                size_bytes=tree_size(folder),
                current=(folder.parent.name, folder.name) in current,
            )
            for tool in self.root.iterdir()
            if tool.is_dir() and tool != self.logs
            for folder in tool.iterdir()
            if folder.is_dir()
        ]
        return sorted(found, key=lambda usage: -usage.size_bytes)

    def prune(self, current: set[tuple[str, str]], progress: Progress, in_use: Iterable[Path] = ()) -> int:
        """Remove the versions that nobody has any use for; give the bytes freed.

        What a recipe of this checkout names stays, and so do a program that runs, one that an environment's
        links lead to, and whatever was used within `UNUSED_DAYS`: another checkout may have other recipes.

        Args:
            current: (tool, slot name) of the versions that the recipes name.
            progress: told of waiting.
            in_use: files that some environment would miss.
        """
        needed = [*running_programs(), *in_use]
        freed = 0
        for usage in self.usage(current):
            if usage.current or any(file.is_relative_to(usage.path) for file in needed):
                continue
            if time.time() - _last_use(usage.path) < UNUSED_DAYS * 86400:
                continue
            try:
                with self.lock(usage.tool, progress):
                    if usage.path.is_dir():
                        self._remove(usage.path)
                        freed += usage.size_bytes
            except OSError as error:
                raise explained(error, self.root) from error
        return freed


def _last_use(path: Path) -> float:
    """Seconds since the epoch; the folder's own time where it has no record."""
    try:
        return (path / RECORD).stat().st_mtime
    except OSError:
        return path.stat().st_mtime


def fingerprints(folder: Path) -> dict[str, str]:
    """SHA-256 of each file below a folder, and the target of each link; the record itself is left out."""
    result: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            result[name] = f"link:{path.readlink()}"
        elif path.is_file() and name != RECORD:
            with path.open("rb") as file:
                # The mode counts: a program that lost its executable bit is damaged, too.
                executable = "x" if path.stat().st_mode & 0o100 else "-"
                result[name] = f"{executable}:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    return result


def tree_size(folder: Path) -> int:
    """Bytes of all files below a folder, links not followed; files that vanish meanwhile count nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(Path(parent) / name).st_size
            except FileNotFoundError:
                continue
    return total


def free_bytes(folder: Path) -> int:
    """Free bytes on the disk that a folder is on, or will be on once it is made."""
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def _holder(file: Path) -> str:
    try:
        words = json.loads(file.read_text())
        return f"process {words['process']} (started in {words['folder']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def running_programs() -> list[Path]:
    """Files from which processes run, as far as this user may see them."""
    programs = []
    for link in Path("/proc").glob("[0-9]*/exe"):
        try:
            programs.append(link.readlink())
        except OSError:
            continue  # a kernel thread, another user's process, or one that has just ended
    return programs


def explained(error: OSError, folder: Path) -> LocalError:
    """Turn what the file system refused into words with a remedy."""
    place = error.filename or folder
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return disk_full(folder)
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return LocalError(
            f"The tool cache {folder} can't be written: {error.strerror} at {place}. Make it writable, or "
            f"name another folder: {ELSEWHERE}."
        )
    return LocalError(
        f"The tool cache {folder} is not usable: {error.strerror} at {place}. Repair or remove what is "
        f"there, or name another folder: {ELSEWHERE}."
    )


def disk_full(*folders: Path) -> LocalError:
    """The error for a full disk; names the fullest of the folders that were written to."""
    free, folder = min((free_bytes(folder), folder) for folder in folders)
    return LocalError(
        f"No space left while making tools: {free / 1e9:.1f} GB are free where {folder} lies. Free some (`go "
        f"clean -cache` empties Go's own build cache), or name a larger disk: {ELSEWHERE}."
    )
