"""Start a node's first process in namespaces of its own.

`python -m local.cluster.birth SPECIFICATION CGROUP` enters the cgroups, leaves the host's namespaces, forks,
prints the child's process id as the host sees it, and ends. The child is process 1 of the node. It waits for
a line on its standard input, by which time the host has made the link, and then becomes `local.cluster.init`.
"""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from local.cluster.cgroups import Cgroups

NEW_NAMESPACES = {
    "mount": 0x00020000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "network": 0x40000000,
    "process": 0x20000000,
}
"""CLONE_NEW* of linux/sched.h."""


@dataclass(frozen=True)
class Specification:
    """What the first process has to know.

    Attributes:
        hostname: of the node.
        cgroup: its control group.
        lib: folder that becomes /var/lib.
        log: folder that becomes /var/log.
        kept: host folders that stay visible at their place.
        run: the one folder of the host's /run that stays visible.
        host_address: the only peer that may reach the node over the link.
        node_address: the node's own, with its prefix length.
        service_network: routed to the node itself, where kube-proxy redirects it.
        supervisor: command of the supervisor.
    """

    hostname: str
    cgroup: str
    lib: str
    log: str
    kept: tuple[str, ...]
    run: str
    host_address: str
    node_address: str
    service_network: str
    supervisor: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """For the file that is handed over."""
        return asdict(self)


def leave_host() -> None:
    """Detach from the host's namespaces; the next child is the first process of the new one."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(sum(NEW_NAMESPACES.values())) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"the kernel refuses new namespaces: {os.strerror(number)}")


def main(specification: str, cgroup: str) -> None:
    """See the module's own words."""
    Cgroups(cgroup).enter()
    leave_host()
    child = os.fork()
    if child:
        print(child, flush=True)  # noqa: T201 - the starter reads it
        os._exit(0)
    os.setsid()
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.close(quiet)
    if sys.stdin.readline().strip() != "go":
        os._exit(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir("/")
    init = Path(__file__).with_name("init.py")
    os.execv(sys.executable, [sys.executable, "-I", "-S", str(init), specification])  # noqa: S606 - it becomes init


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
