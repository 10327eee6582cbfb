"""Builds with Docker, where an engine answers; the base image then comes from where that engine pulls."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from local.images import archives, base

if TYPE_CHECKING:
    from pathlib import Path

    from local.images.base import Platform
    from local.images.cache import ImageCache
    from local.images.commands import Commands
    from local.images.orders import Order

BASE_IMAGE_VARIABLE = "PLINTH_BASE_IMAGE"
"""Names another base: one with the suite's Python and venv, best by digest."""

DEFAULT_BASE_IMAGE = f"python:{base.PYTHON}-slim-{base.SUITE}"


def base_image() -> str:
    """The base that Docker builds start from."""
    return os.environ.get(BASE_IMAGE_VARIABLE) or DEFAULT_BASE_IMAGE


class Docker:
    """The engine keeps its own layers and images; only the archive that it gives out is ours."""

    def __init__(self, cache: ImageCache, platform: Platform, commands: Commands) -> None:
        self._cache = cache
        self._platform = platform
        self._commands = commands

    def prepare(self) -> None:
        """Have the base image, so that it is pulled once and not by every build."""
        self._commands.run(
            "pull the base image",
            ["docker", "pull", "--platform", f"linux/{self._platform.architecture}", base_image()],
            log="base",
        )

    def build(self, order: Order, context: Path, layout: Path) -> None:
        """Build, save, and turn what was saved into an OCI layout."""
        identity, archive = layout.with_suffix(".id"), layout.with_suffix(".docker")
        log = order.name.path
        self._commands.run(
            f"build image {order.name}",
            self.build_command(order.target, context, identity),
            log=log,
            # BuildKit dates the image by SOURCE_DATE_EPOCH; PIP_NO_INDEX holds if the Dockerfile declares it.
            environment={**os.environ, "DOCKER_BUILDKIT": "1", "SOURCE_DATE_EPOCH": "0", "PIP_NO_INDEX": "1"},
        )
        self._commands.run(
            f"export image {order.name}",
            ["docker", "save", "--output", archive, identity.read_text().strip()],
            log=log,
        )
        archives.layout_of_docker(archive, layout)
        archive.unlink()

    def build_command(self, target: str | None, context: Path, identity: Path) -> list[str]:
        """The command that builds one stage of a context's Dockerfile.

        Build arguments without a value take it from the environment, which no list of processes shows.

        Args:
            target: stage, or None for the last.
            context: folder with a `Dockerfile`.
            identity: file that gets the image's id.
        """
        return [
            *("docker", "build", "--platform", f"linux/{self._platform.architecture}"),
            *("--build-context", f"wheels={self._cache.wheels}"),
            *("--build-arg", f"BASE_IMAGE={base_image()}"),
            *("--build-arg", "PIP_NO_INDEX", "--build-arg", "PIP_INDEX_URL", "--build-arg", "PIP_CERT"),
            *(("--target", target) if target else ()),
            *("--iidfile", str(identity)),
            str(context),
        ]
