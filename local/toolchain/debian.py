"""Debian packages that the node and the image builds need, installed where root may do so."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.alone import alone
from local.errors import LocalError
from local.toolchain.golang import without_credentials
from local.toolchain.installed import version_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from local.progress import Progress

APT_LOCK_SECONDS = 600
"""How long another apt on the machine (an unattended upgrade) may keep us waiting."""

LOCK_POLL_SECONDS = 2.0

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# Plinth installs packages whose services it runs itself, elsewhere.\nexit 101\n"

LOCKED = Path("/run")
"""Locked itself while packages are installed, so that no file of ours has to be left anywhere for it."""

SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Searched besides PATH: on Debian they aren't on an ordinary user's."""


CNI_PLUGINS = tuple(
    ":".join(f"{folder}/{plugin}" for folder in ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"))
    for plugin in ("bridge", "host-local", "loopback", "portmap")
)


@dataclass(frozen=True)
class Oldest:
    """The oldest version of a program that will do.

    Attributes:
        program: as it is called; `--version` makes it say its version.
        version: major and minor.
        reason: what an older one can't do.
    """

    program: str
    version: tuple[int, int]
    reason: str

    def fault(self) -> str:
        """What is wrong with the one that is there; empty if nothing is, or if it doesn't say."""
        path = _which(self.program)
        found = version_of(Path(path), ("--version",)) if path else None
        if found is None or found[:2] >= self.version:
            return ""
        wanted = ".".join(map(str, self.version))
        return f"{path} is {'.'.join(map(str, found))} and {wanted} or later is needed: {self.reason}"


@dataclass(frozen=True)
class Package:
    """A Debian package, and how to tell that what we need from it is there, whoever installed it.

    Attributes:
        name: as apt knows it.
        needed: programs on PATH, or files by any of their usual places separated by a colon.
        services: units that the package would start; the system needs none of them.
        oldest: of its programs, where an older one is known not to do.
    """

    name: str
    needed: tuple[str, ...]
    services: tuple[str, ...] = ()
    oldest: Oldest | None = None

    def missing(self) -> list[str]:
        """Which of the needed programs and files aren't there."""
        return [need for need in self.needed if not _present(need)]


NODE = (
    Package(
        "etcd-server",
        ("etcd",),
        ("etcd.service",),
        Oldest("etcd", (3, 4), "an older one does not know the option --logger"),
    ),
    Package(
        "containerd",
        ("containerd", "containerd-shim-runc-v2", "ctr"),
        ("containerd.service",),
        Oldest("containerd", (1, 6), "an older one does not speak CRI v1, and the kubelet speaks no other"),
    ),
    Package("runc", ("runc",)),
    Package("containernetworking-plugins", CNI_PLUGINS),
    Package("iptables", ("iptables",)),
    Package("conntrack", ("conntrack",)),
    Package("iproute2", ("ip",)),
    Package("util-linux", ("nsenter", "unshare", "setpriv")),
    Package("mount", ("mount", "umount")),
)
"""What the embedded node runs on."""

IMAGES = (
    Package(
        "buildah",
        ("buildah",),
        oldest=Oldest("buildah", (1, 27), "an older one does not know the option --build-context"),
    ),
    Package("mmdebstrap", ("mmdebstrap",)),
)
"""What builds images where no Docker engine answers."""


def ensure(packages: Sequence[Package], progress: Progress) -> None:
    """Install the packages of which something is missing; do nothing where nothing is.

    No service is started or enabled, and the system is otherwise left as it was.

    Raises:
        LocalError: something is missing and can't be installed, or is there and too old; names all of it at
            once.
    """
    _refuse_what_is_too_old(packages)
    absent = _absent(packages)
    if not absent:
        if os.geteuid() == 0 and _policy_is_ours():
            # A killed run left it, or another run installs right now: then this waits, and finds it gone.
            with _alone(progress):
                _remove_our_policy()
        return
    names = [package.name for package in absent]
    programs = ", ".join(Path(need.split(":")[0]).name for package in absent for need in package.missing())
    command = f"apt-get install --no-install-recommends {' '.join(names)}"
    if shutil.which("apt-get") is None:
        raise LocalError(
            f"This machine lacks {programs}, and has no apt-get to install them by. Install what your "
            f"distribution calls the Debian packages {', '.join(names)}, then run again."
        )
    if os.geteuid() != 0:
        raise LocalError(
            f"This machine lacks {programs}, and only root may install packages. Run `sudo {command}`, then "
            "run again."
        )
    with _alone(progress) as lock:
        # Another run may have installed them meanwhile.
        if absent := _absent(absent):
            names = [package.name for package in absent]
            step = progress.step(f"debian packages: installing {', '.join(names)}")
            with step, _services_kept_down(absent):
                _install(names, lock)
        else:
            _remove_our_policy()
    still = [f"{need} ({package.name})" for package in absent for need in package.missing()]
    if still:
        raise LocalError(
            f"The packages {', '.join(names)} are installed, and still there is no {', '.join(still)}. This "
            "distribution's packages differ from Debian's; install these programs by hand."
        )
    _refuse_what_is_too_old(absent)


def _refuse_what_is_too_old(packages: Sequence[Package]) -> None:
    faults = [fault for package in packages if package.oldest and (fault := package.oldest.fault())]
    if faults:
        raise LocalError(
            f"{'. '.join(faults)}. Install a later version, or put one in front on PATH, then run again; "
            "Debian 12 and its successors have what is needed."
        )


def _absent(packages: Sequence[Package]) -> list[Package]:
    return [package for package in packages if package.missing()]


def _alone(progress: Progress) -> AbstractContextManager[int]:
    """Hold the right to install, of all checkouts on this machine: they share one policy.

    apt-get inherits the descriptor: it goes on when the command that started it is killed, and needs the
    policy until it is done.
    """
    words = "debian packages: another run is installing some; waiting for it"
    return alone(LOCKED, lambda: progress.say(words))


def _policy_is_ours() -> bool:
    try:
        return POLICY.read_text() == POLICY_TEXT
    except (OSError, ValueError):
        return False


def _remove_our_policy() -> None:
    if _policy_is_ours():
        POLICY.unlink(missing_ok=True)


def _which(program: str) -> str | None:
    return shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS)))


def _present(need: str) -> bool:
    if need.startswith("/"):
        return any(Path(place).is_file() for place in need.split(":"))
    return _which(need) is not None


def _install(names: Sequence[str], lock: int) -> None:
    # Package lists that are fresh enough save half a minute; only if they aren't are they fetched.
    first = _apt(lock, "install", "--no-install-recommends", *names)
    if first.returncode == 0:
        return
    if "dpkg --configure -a" in first.stdout:
        # An earlier run was killed inside dpkg; this finishes what that one began.
        _run("dpkg", "--configure", "-a")
    updated = _apt(lock, "update")
    last = _apt(lock, "install", "--no-install-recommends", *names)
    if last.returncode != 0:
        words = [line for line in (updated.stdout + last.stdout).splitlines() if line.strip()]
        complaints = [line for line in words if line.startswith(("E:", "W:", "Err:", "dpkg: "))] or words
        excerpt = "\n".join(f"  {without_credentials(line)}" for line in complaints[-8:])
        raise LocalError(
            f"The Debian packages {', '.join(names)} can't be installed. Check /etc/apt/sources.list, the "
            f"network and the disk, or install them by hand, then run again. apt-get said:\n{excerpt}"
        )


def _apt(lock: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run apt-get, waiting for another one to end. `update` has no waiting of its own, so it is repeated."""
    deadline = time.monotonic() + APT_LOCK_SECONDS
    while True:
        options = ("-y", "-q", "-o", f"DPkg::Lock::Timeout={APT_LOCK_SECONDS}")
        result = _run("apt-get", *options, *words, keep_open=(lock,))
        locked = "Could not get lock" in result.stdout
        if result.returncode == 0 or not locked or time.monotonic() > deadline:
            return result
        time.sleep(LOCK_POLL_SECONDS)


def _run(*words: str, keep_open: Sequence[int] = ()) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "DEBIAN_FRONTEND": "noninteractive",
        "LC_ALL": "C.UTF-8",
        "NEEDRESTART_SUSPEND": "1",  # Ubuntu's needrestart would restart other people's services
    }
    return subprocess.run(  # noqa: S603 - our own words
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        pass_fds=keep_open,
    )


@contextmanager
def _services_kept_down(packages: Sequence[Package]) -> Iterator[None]:
    """Let no service of a package start, now or at the next boot.

    Where the administrator has a policy-rc.d, it decides, and what it let start is stopped afterwards.
    """
    if not POLICY.exists() or _policy_is_ours():
        POLICY.write_text(POLICY_TEXT)
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        _remove_our_policy()
        services = [service for package in packages for service in package.services]
        if services and Path("/run/systemd/system").is_dir():
            _run("systemctl", "disable", "--now", *services)
