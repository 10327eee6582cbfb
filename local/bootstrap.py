"""Prepare the Python environment, with nothing but the standard library.

Every `make` command starts here, on whatever Python the machine has. The packages come from
`requirements/dev.txt`, where each is pinned by hash; a stamp in the environment tells whether they are
the ones already installed, so a second call costs milliseconds and an interrupted one starts over cleanly.
"""

from __future__ import annotations

import csv
import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TextIO

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
STAMP = VENV / ".plinth-stamp"
MADE_BY = VENV / ".plinth-made-by"
"""In a `.venv` of ours from its first moment to its last; one without it is the person's."""
MAKING = "making"
"""What it holds until the environment can be used; afterwards, from what it was made."""
ASIDE = CHECKOUT / ".venv.aside"
"""A `.venv` of ours on its way in or out, so that a kill leaves none without its mark."""
PLACE = CHECKOUT / ".plinth" / "existing" / "place.json"
"""Written by an earlier `make up KUBECONFIG=...`; later ones need not repeat it."""
REQUIREMENTS = CHECKOUT / "requirements"
LOCKS = ("bootstrap.txt", "dev.txt")
MINIMUM_PYTHON = (3, 11)
PATIENCE = {"PIP_DEFAULT_TIMEOUT": "20", "PIP_RETRIES": "2", "UV_HTTP_TIMEOUT": "20", "UV_HTTP_RETRIES": "2"}
"""An index that does not answer is given up within two minutes; whoever sets these decides otherwise."""

VENV_BYTES = 1_500_000_000
"""A whole `.venv` takes 1.2 GB; the rest is for what the installers unpack meanwhile."""
UPDATE_BYTES = 300_000_000
"""Must be free even where a `.venv` is only brought up to date: its largest package takes 270 MB."""


class BootstrapError(Exception):
    """Something that the person at the keyboard has to change; its text says what."""


def require_a_place_for_the_cluster(*, user_id: int, kubeconfig: str | None, recorded: bool = False) -> None:
    """Refuse to go on where neither an embedded nor an existing cluster is possible.

    This runs before anything is installed or written, so that a refusal leaves no trace.

    Raises:
        BootstrapError: no root for the embedded cluster and no KUBECONFIG for an existing one, or a
            KUBECONFIG that names no file.
    """
    if kubeconfig:
        missing = [part for part in kubeconfig.split(os.pathsep) if not Path(part).is_file()]
        if missing:
            raise BootstrapError(
                f"KUBECONFIG names {missing[0]}, which is not a file. "
                "Give the path of a kubeconfig, or unset KUBECONFIG to use the embedded cluster as root."
            )
        return
    if user_id != 0 and not recorded:
        raise BootstrapError(
            f"The embedded Kubernetes needs root (namespaces, mounts), and this is user {user_id}. "
            "Either run `sudo make up`, or use a cluster of yours: `make up KUBECONFIG=/path/to/kubeconfig`."
        )


def require_python(version: tuple[int, int]) -> None:
    """Refuse a Python that the packages do not support.

    Raises:
        BootstrapError: the version is older than the packages support.
    """
    if version < MINIMUM_PYTHON:
        raise BootstrapError(
            f"Python {version[0]}.{version[1]} is too old: Plinth needs "
            f"{MINIMUM_PYTHON[0]}.{MINIMUM_PYTHON[1]} or later. Name another: `make up PYTHON=python3.12`."
        )


def wanted_stamp() -> str:
    """Digest of everything that decides what the environment should hold."""
    digest = hashlib.sha256(f"{sys.version_info[:2]}{CHECKOUT}".encode())
    import tomllib  # noqa: PLC0415 - an older Python has to get as far as being refused

    for lock in LOCKS:
        digest.update((REQUIREMENTS / lock).read_bytes())
    # Of the project itself only what decides where its packages are found: the rest is read in place.
    packages = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["setuptools"]
    digest.update(repr(packages).encode())
    return digest.hexdigest()


def _run(*command: str | Path, lock: TextIO | None = None) -> None:
    """Run an installer. With the lock, for it goes on when we are killed: the next run waits for its end."""
    try:
        subprocess.run(  # noqa: S603 - our own words
            [str(part) for part in command],
            check=True,
            cwd=CHECKOUT,
            env={**PATIENCE, **os.environ},
            pass_fds=(lock.fileno(),) if lock else (),
        )
    except subprocess.CalledProcessError as error:
        words = " ".join(str(part) for part in command[:4])
        raise BootstrapError(
            f"`{words} ...` ended with status {error.returncode}; its own words stand above. If the package "
            "index is what it can't reach: check the network, HTTPS_PROXY and SSL_CERT_FILE, or name another "
            f"index by UV_DEFAULT_INDEX and PIP_INDEX_URL. If it lacks space: there are {_spaces()}; free "
            "some, or name other places for the last two by UV_CACHE_DIR and TMPDIR."
        ) from error


def _spaces() -> str:
    """What is free where installers write: the packages, uv's cache, and what is there for a moment."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    places = (VENV, Path(os.environ.get("UV_CACHE_DIR") or Path(caches) / "uv"), Path(tempfile.gettempdir()))
    return ", ".join(f"{_free(place) / 1e9:.1f} GB free where {place} lies" for place in places)


def _free(place: Path) -> int:
    return shutil.disk_usage(next(path for path in (place, *place.absolute().parents) if path.exists())).free


def _require_room() -> None:
    """Refuse to begin what the checkout's disk can't hold; a `.venv` that is there counts for what it has."""
    taken = sum(
        os.lstat(os.path.join(folder, name)).st_blocks * 512  # noqa: PTH118 - tens of thousands of files
        for folder, _, names in os.walk(VENV)
        for name in names
    )
    needed, free = max(UPDATE_BYTES, VENV_BYTES - taken), _free(VENV)
    if free < needed:
        raise BootstrapError(
            f"Too little disk: {free / 1e9:.1f} GB are free and {needed / 1e9:.1f} GB are needed in {VENV} "
            "for the Python packages. Free some, or clone to a larger disk. Nothing was begun."
        )


def _explained(error: OSError) -> str:
    """What the file system refused, in words with a remedy."""
    place = Path(str(error.filename or CHECKOUT))
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return (
            f"No space left for the Python packages: {_free(place) / 1e9:.1f} GB are free where {place} "
            "lies. Free some, then run again: it goes on from there."
        )
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return (
            f"{place} can't be written by user {os.geteuid()}: {error.strerror}. Run as the checkout's owner "
            f"(user {CHECKOUT.stat().st_uid}), or make it writable: the Python packages go into {VENV}."
        )
    return (
        f"{place} is not usable: {error.strerror}. Repair or remove it, then run again; after `make down`, "
        "`make clean` takes back all that was put into this checkout."
    )


def _made_from() -> str:
    return f"{VENV}-{sys.version_info[:2]}"


def _require_our_venv() -> None:
    """Refuse a `.venv` that the person made: what is in it can't be had back."""
    if MADE_BY.is_file() and (not VENV.is_symlink() or MADE_BY.read_text() == _made_from()):
        return
    if os.path.lexists(VENV) and not (VENV.is_dir() and not any(VENV.iterdir())):
        raise BootstrapError(
            f"{VENV} is not of our making (there is no {MADE_BY.name} in it), and our Python packages belong "
            "there. Move it, or remove it if it is of no use to you, then run again. Nothing was changed."
        )


def _create_venv(lock: TextIO) -> None:
    """A venv that works is brought up to date in place: commands that run from it meanwhile go on."""
    if MADE_BY.is_file() and MADE_BY.read_text() == _made_from() and (VENV / "bin" / "python").exists():
        return
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian leaves it out of python3; asking is the only way to know
    except ImportError:
        package = f"python3.{sys.version_info[1]}-venv"
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise BootstrapError(
                f"This Python can't make virtual environments. Install its package ({package} on Debian), "
                "then run again."
            ) from None
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package)
    if ASIDE.exists():  # a killed run's
        shutil.rmtree(ASIDE)
    if MADE_BY.is_file():
        VENV.rename(ASIDE)
        shutil.rmtree(ASIDE)
    ASIDE.mkdir()
    (ASIDE / MADE_BY.name).write_text(MAKING)
    ASIDE.rename(VENV)
    _run(sys.executable, "-m", "venv", VENV, lock=lock)
    MADE_BY.write_text(_made_from())


def _holds(stamp: str) -> bool:
    return STAMP.is_file() and STAMP.read_text() == stamp


def _works(program: Path) -> bool:
    """Whether it was installed to its end."""
    try:
        return subprocess.run([str(program), "--version"], check=False, capture_output=True).returncode == 0  # noqa: S603 - our own
    except OSError:
        return False


def _forget_half_installed() -> None:
    """Have packages installed anew that lack a file: uv never looks further than whether one has a record."""
    for about in VENV.glob("lib/python*/site-packages/*.dist-info"):
        try:
            files = csv.reader((about / "RECORD").read_text().splitlines())
            whole = all((about.parent / name).stat().st_size == int(size) for name, _, size in files if size)
        except (OSError, ValueError):
            whole = False
        if not whole:
            shutil.rmtree(about)


def _hold(lock: TextIO) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("python packages: another run is installing them; waiting for it", flush=True)  # noqa: T201
        fcntl.flock(lock, fcntl.LOCK_EX)


def install() -> None:
    """Bring `.venv` to exactly what the locks say; do nothing where it already is.

    Raises:
        BootstrapError: an installer failed, a virtual environment can't be made here, one that is not ours is
            in the way, or there is too little space.
        OSError: the checkout can't be written.
    """
    stamp = wanted_stamp()
    if _holds(stamp):  # without the lock: who may not write here may well use what is there
        return
    lock = (CHECKOUT / ".venv.lock").open("w")
    try:
        _hold(lock)
        if _holds(stamp):
            return
        _require_our_venv()
        _require_room()
        started = time.monotonic()
        print("python packages: installing (about a minute on a new machine)", flush=True)  # noqa: T201
        interrupted = not STAMP.is_file()
        STAMP.unlink(missing_ok=True)
        _create_venv(lock)
        if interrupted:
            _forget_half_installed()
        python, uv = VENV / "bin" / "python", VENV / "bin" / "uv"
        locks = [REQUIREMENTS / name for name in LOCKS]
        if not _works(uv):
            # Over what is there: half of one can't be uninstalled.
            pip = (python, "-m", "pip", "install", "-q", "--ignore-installed", "--require-hashes")
            _run(*pip, "-r", locks[0], lock=lock)
        _run(uv, "pip", "sync", "-q", "--python", python, "--require-hashes", *locks, lock=lock)
        _run(
            uv,
            "pip",
            "install",
            "-q",
            "--python",
            python,
            "--no-deps",
            "--no-build-isolation",
            "-e",
            CHECKOUT,
            lock=lock,
        )
        STAMP.write_text(stamp)
        print(f"python packages: ready after {time.monotonic() - started:.0f} s", flush=True)  # noqa: T201
    finally:
        lock.close()


def main(arguments: list[str]) -> int:
    """Check the machine, then install; `--for-environment` also asks for a place to run a cluster."""
    try:
        require_python(sys.version_info[:2])
        if "--for-environment" in arguments:
            require_a_place_for_the_cluster(
                user_id=os.geteuid(), kubeconfig=os.environ.get("KUBECONFIG"), recorded=PLACE.is_file()
            )
        install()
    except BootstrapError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except OSError as error:
        print(f"error: {_explained(error)}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
