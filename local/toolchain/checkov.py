"""Checkov, apart from every other package: it brings a hundred of its own, some of them in older versions."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from local.errors import LocalError
from local.instance import CHECKOUT
from local.toolchain.golang import without_credentials
from local.toolchain.store import Slot, Store

if TYPE_CHECKING:
    from local.progress import Progress

LOCK: Final = CHECKOUT / "requirements" / "checkov.txt"
START: Final = """#!/bin/sh
# Without the site packages of the Python that runs it, so that only what lies here is imported.
here=$(cd "$(dirname "$0")/.." && pwd)
PYTHONPATH="$here/lib" exec {python} -S -B -m checkov.main "$@"
"""


def slot() -> Slot:
    """Where the locked version is kept; another Python is another slot, as some packages are compiled.

    Raises:
        LocalError: the lock pins none.
    """
    text = LOCK.read_text()
    pin = re.search(r"^checkov==(\S+)", text, re.MULTILINE)
    if pin is None:
        raise LocalError(f"{LOCK} pins no checkov. Restore the file from git.")
    key = hashlib.sha256(f"{sys.executable}{sys.version_info[:2]}{START}{text}".encode())
    return Slot("checkov", f"v{pin[1]}", key.hexdigest()[:12])


def ensure(cache: Path, progress: Progress) -> Path:
    """Give the program, installed from the lock if need be.

    Raises:
        LocalError: the packages can't be had.
    """
    wanted = slot()

    def fill(folder: Path) -> None:
        with progress.step(f"checkov {wanted.version}: fetching it from PyPI (270 MB installed)"):
            _install(folder / "lib")
        program = folder / "bin" / "checkov"
        program.parent.mkdir()
        program.write_text(START.format(python=sys.executable))
        program.chmod(0o755)

    return Store(cache).obtain(wanted, fill, progress) / "bin" / "checkov"


def _install(folder: Path) -> None:
    uv = str(Path(sys.executable).parent / "uv")
    command = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder)]
    command += ["--no-deps", "--require-hashes", "--requirement", str(LOCK)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if result.returncode != 0:
        last = "\n".join(without_credentials(result.stderr).strip().splitlines()[-4:])
        raise LocalError(
            "Checkov's packages can't be had from PyPI. Let uv reach its index (UV_INDEX_URL, HTTPS_PROXY, "
            f"SSL_CERT_FILE). uv said:\n{last}"
        )
