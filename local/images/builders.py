"""Docker, or buildah: whichever can build here."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Protocol

from local.errors import LocalError
from local.images.buildah import Buildah
from local.images.docker import Docker

if TYPE_CHECKING:
    from pathlib import Path

    from local.images.base import Platform
    from local.images.cache import ImageCache
    from local.images.commands import Commands
    from local.images.orders import Order

ENGINE_SECONDS = 15
"""How long `docker info` may take: a client may have an engine set that is out of reach."""

BUILDAH_PROGRAMS = ("buildah", "mmdebstrap", "setpriv", "unshare")


class Builder(Protocol):
    """Makes images from Dockerfiles."""

    def prepare(self) -> None:
        """Have the base image; called once, before any build.

        Raises:
            LocalError: it can't be had.
        """
        ...

    def build(self, order: Order, context: Path, layout: Path) -> None:
        """Build one image into an OCI layout. May be called from several threads at once.

        Raises:
            LocalError: a step failed; the text names it and ends with the log.
        """
        ...


def docker_answers() -> bool:
    """Whether there is a Docker client here whose engine answers; each is asked once in a command's life."""
    client = shutil.which("docker")
    return client is not None and _answers(client)


@functools.cache
def _answers(client: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - whichever the user has on PATH
            [client, "info", "--format", "{{.ServerVersion}}"],
            check=False,
            capture_output=True,
            timeout=ENGINE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    # Some versions report a missing engine on standard output only, and end well.
    return done.returncode == 0 and done.stdout.strip() not in {b"", b"<no value>"}


def choose(cache: ImageCache, platform: Platform, commands: Commands) -> Builder:
    """Docker where an engine answers, else buildah.

    Raises:
        LocalError: neither can build here; the text names both remedies.
    """
    if docker_answers():
        return Docker(cache, platform, commands)
    missing = [program for program in BUILDAH_PROGRAMS if shutil.which(program) is None]
    if missing or os.geteuid() != 0:
        reasons = [f"not installed: {', '.join(missing)}"] if missing else []
        reasons += ["it takes root"] if os.geteuid() != 0 else []
        raise LocalError(
            "Nothing here can build images: no Docker engine answers `docker info`, and buildah can't be "
            f"used ({'; '.join(reasons)}). Either start a Docker engine, or, on Debian as root: "
            "`apt-get install buildah mmdebstrap util-linux`; then run again."
        )
    return Buildah(cache, platform, commands)
