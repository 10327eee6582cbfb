"""The Python packages of the images, downloaded once by this machine's pip and kept.

The builds themselves need no network, no company certificate and no index: they install from this folder,
and check every file against the hashes in `requirements/*.txt` once more.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.images import oci

if TYPE_CHECKING:
    from pathlib import Path

    from local.images.base import Platform
    from local.images.commands import Commands

PATIENCE = {"PIP_DEFAULT_TIMEOUT": "20", "PIP_RETRIES": "2"}
"""An index that does not answer is given up within two minutes; whoever sets these decides otherwise."""

HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


def ensure(requirements: Path, folder: Path, platform: Platform, commands: Commands) -> list[Path]:
    """Have every wheel that a lock file names, for the images' Python rather than this machine's.

    Args:
        requirements: lock file with hashes, complete, so that nothing is resolved.
        folder: where wheels are kept, from one build to the next and for all images.
        platform: what they have to run on.
        commands: runs pip, with this machine's own settings for index, proxy and certificates.

    Returns:
        The wheels of this lock file, verified.

    Raises:
        LocalError: pip could not get them; the text ends with its words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = platform.wheel_options
    record = (
        folder / f"{hashlib.sha256(requirements.read_bytes() + repr(options).encode()).hexdigest()[:16]}.json"
    )
    if wheels := _recorded(record):
        return wheels
    commands.run(
        f"download the packages of {requirements.name}",
        [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps"),
            *("--require-hashes", "--only-binary", ":all:", *options),
            *("--dest", folder, "--requirement", requirements),
        ],
        log=f"wheels-{requirements.stem}",
        environment={**PATIENCE, **os.environ},
    )
    hashes = set(HASH.findall(requirements.read_text()))
    found = {
        wheel.name: digest for wheel in folder.glob("*.whl") if (digest := oci.digest_of(wheel)) in hashes
    }
    if not found:
        raise LocalError(
            f"pip downloaded nothing that {requirements} names by hash. Write the lock anew: `make lock`."
        )
    partial = record.with_suffix(".partial")
    partial.write_text(json.dumps(found, indent=1, sort_keys=True))
    partial.replace(record)
    return [folder / name for name in sorted(found)]


def _recorded(record: Path) -> list[Path]:
    """The wheels that a record names, if all are whole; a damaged one is removed, for pip to get it anew."""
    try:
        named = json.loads(record.read_bytes())
    except (OSError, ValueError):
        return []
    wheels = []
    for name, digest in sorted(named.items()):
        wheel = record.parent / name
        try:
            whole = oci.digest_of(wheel) == digest
        except OSError:
            whole = False
        if not whole:
            wheel.unlink(missing_ok=True)
            record.unlink()
            return []
        wheels.append(wheel)
    return wheels
