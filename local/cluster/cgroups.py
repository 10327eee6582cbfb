"""The node's control groups, on version 1, version 2 and the hybrid of both."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    import signal

MOUNTS = Path("/proc/self/mounts")
SYSTEM = "system"
"""Child group of the node's own processes; pods get their own beside it, as version 2 demands."""
PODS = "kubepods"
"""Child group that the kubelet makes for pods."""
REMOVAL_SECONDS = 10.0
V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")


class Cgroups:
    """One group of one name in every hierarchy that is mounted."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create(self) -> None:
        """Make the group and its child for the node's own processes.

        Raises:
            LocalError: the hierarchies can't be written.
        """
        try:
            for hierarchy, kind in hierarchies():
                for group in (hierarchy / self.name, hierarchy / self.name / SYSTEM):
                    group.mkdir(exist_ok=True)
                    _inherit_cpus(group)
                if kind == "cgroup2":
                    _delegate(hierarchy)
                    _delegate(hierarchy / self.name)
        except OSError as error:
            raise LocalError(
                f"The control group {self.name} can't be made ({error}). The embedded node needs writable "
                "cgroups: run as root on the machine itself or in a privileged container, or use a cluster "
                "that you have: `make up KUBECONFIG=/path/to/kubeconfig`."
            ) from error

    def enter(self) -> None:
        """Move this process in."""
        for hierarchy, _ in hierarchies():
            (hierarchy / self.name / SYSTEM / "cgroup.procs").write_text(str(os.getpid()))

    def folders(self) -> list[Path]:
        """Every group of the tree in every hierarchy, children before parents."""
        found: list[Path] = []
        for hierarchy, _ in hierarchies():
            root = hierarchy / self.name
            for folder, _, _ in os.walk(root, topdown=False):
                found.append(Path(folder))
        return found

    def processes(self, below: str = "") -> set[int]:
        """Host process ids in the tree, or in one child's tree."""
        pids: set[int] = set()
        for hierarchy, _ in hierarchies():
            for folder, _, _ in os.walk(hierarchy / self.name / below):
                with contextlib.suppress(OSError):
                    pids.update(int(word) for word in (Path(folder) / "cgroup.procs").read_text().split())
        return pids - {0}

    def signal(self, which: signal.Signals, below: str = "") -> None:
        """Send a signal to every process of the tree, or of one child's tree."""
        for pid in self.processes(below):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, which)

    def wait_until_empty(self, seconds: float, below: str = "") -> bool:
        """Whether all processes of the tree ended within the time."""
        deadline = time.monotonic() + seconds
        while self.processes(below):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        return True

    def remove(self) -> None:
        """Remove the tree; a group that is still busy stays, and `folders` tells."""
        deadline = time.monotonic() + REMOVAL_SECONDS
        while True:
            for folder in self.folders():
                with contextlib.suppress(OSError):
                    folder.rmdir()
            if not self.folders() or time.monotonic() >= deadline:
                return
            time.sleep(0.1)


def hierarchies() -> list[tuple[Path, str]]:
    """Mount points of all hierarchies with their kind, `cgroup` or `cgroup2`; each once."""
    found: dict[str, tuple[Path, str]] = {}
    for line in MOUNTS.read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind in {"cgroup", "cgroup2"}:
            found.setdefault(os.path.realpath(place), (Path(place), kind))
    return list(found.values())


def _inherit_cpus(group: Path) -> None:
    """On version 1 a new cpuset is empty, and nothing can enter it."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        file = group / name
        if file.exists() and not (group / "cgroup.controllers").exists() and not file.read_text().strip():
            file.write_text((group.parent / name).read_text())


def _delegate(group: Path) -> None:
    available = (group / "cgroup.controllers").read_text().split()
    wanted = " ".join(f"+{name}" for name in V2_CONTROLLERS if name in available)
    if wanted:
        (group / "cgroup.subtree_control").write_text(wanted)
