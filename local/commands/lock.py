"""`make lock`: resolve the dependency groups anew and pin them by hash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    from local.instance import Instance

# Images take their versions from the development lock, so that what is tested is what runs there.
CONSTRAINED = {
    "dev": False,
    "serving": True,
    "pipeline": True,
    "envoy": False,
    "checkov": False,
    "go": False,
    "bootstrap": False,
}


def lock(instance: Instance) -> None:
    """Write requirements/<group>.txt for every group, without the address of any registry.

    Raises:
        LocalError: a group can't be resolved.
    """
    uv = str(Path(sys.executable).parent / "uv")
    common = ["--generate-hashes", "--universal", "--python-version", "3.11", "--no-header", "--no-annotate"]
    for group, constrained in CONSTRAINED.items():
        target = f"requirements/{group}.txt"
        command = [uv, "pip", "compile", "-q", *common, "--upgrade", "--group", group, "-o", target]
        if constrained:
            command += ["-c", "requirements/dev.txt"]
        if subprocess.run(command, cwd=instance.checkout, check=False).returncode != 0:  # noqa: S603 - our own words
            raise LocalError(f"The dependency group {group!r} can't be resolved; uv says why above.")
