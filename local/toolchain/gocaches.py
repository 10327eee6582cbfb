"""Go's module and build caches while tools are built; nothing of them afterwards.

    cache/go/modules   sources, as GOMODCACHE
    cache/go/build     compiled packages, as GOCACHE
    cache/go/doomed-*  either, on its way out
    cache/go/lock      shared by everybody who builds, exclusive for who removes

They lie in Plinth's own cache folder, so that no other Go program shares them and removing them is exact.
Until the last tool is built they are what lets a killed or failed run go on where it was. After that they
only wait for another version, and take several times the space of all the tools together; so they go. A
GOMODCACHE or GOCACHE that the person sets is used instead and never touched.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from local.toolchain.store import explained

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDERS = {"GOMODCACHE": "modules", "GOCACHE": "build"}
ASIDE = "doomed-"


class GoCaches:
    """The two caches below one cache folder."""

    def __init__(self, cache: Path) -> None:
        self.folder = cache / "go"
        self._lock = self.folder / "lock"

    def variables(self, given: Mapping[str, str] = os.environ) -> dict[str, str]:
        """What to set for `go`: nothing for a cache that the person has named already."""
        return {name: str(self.folder / part) for name, part in FOLDERS.items() if not given.get(name)}

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep them from being removed; any number of builds may hold this at once.

        Raises:
            LocalError: the cache can't be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = self._lock.open("a")
        except OSError as error:
            raise explained(error, self.folder) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield

    def drop(self) -> bool:
        """Remove both, unless somebody builds right now, who will do it when done; whether they are gone."""
        aside = self.put_aside()
        self.bury()
        return aside

    def put_aside(self) -> bool:
        """Take both away at once, for `bury` to remove; False while somebody builds, who will do it."""
        if not self._present():
            return True
        with self._lock.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            for part in self._present():
                part.rename(self.folder / f"{ASIDE}{part.name}-{os.getpid()}-{time.time_ns()}")
        return True

    def bury(self) -> None:
        """Remove what was put aside, by a killed run as well; a minute or two of the disk's, and no lock."""
        for aside in self.folder.glob(f"{ASIDE}*"):
            with suppress(FileNotFoundError):  # another run is at the same
                remove_tree(aside)

    def _present(self) -> list[Path]:
        return [folder for part in FOLDERS.values() if (folder := self.folder / part).is_dir()]


def remove_tree(folder: Path) -> None:
    """Remove a folder that Go has made read-only.

    Raises:
        OSError: the file system refuses.
    """
    for parent, _, _ in os.walk(folder):
        mode = stat.S_IMODE(os.lstat(parent).st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            Path(parent).chmod(mode | stat.S_IRWXU)
    shutil.rmtree(folder)
