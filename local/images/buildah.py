"""Builds with buildah, from a Debian base of our own, in a storage of our own, without a network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.images import base
from local.images.commands import CONTAINED

if TYPE_CHECKING:
    from pathlib import Path

    from local.images.base import Platform
    from local.images.cache import ImageCache
    from local.images.commands import Commands
    from local.images.orders import Order

WHEELS = "/wheels"
"""Where the build finds the downloaded packages."""

PIP_CONFIG = f"[global]\nno-index = true\nfind-links = {WHEELS}\n"
"""Mounted over pip's system configuration: the build can't reach for anything that isn't locked."""

FOREIGN_SETTINGS = ("BUILDAH_", "STORAGE_", "CONTAINERS_", "REGISTRY_AUTH_FILE")
"""Variables by which a user's own buildah and podman are set up; they must not reach ours."""


class Buildah:
    """Isolation `chroot` needs no container runtime and works inside a container as well."""

    def __init__(self, cache: ImageCache, platform: Platform, commands: Commands) -> None:
        self._cache = cache
        self._platform = platform
        self._commands = commands
        self._driver = ""
        self._base = ""

    @staticmethod
    def storage(folder: Path, driver: str) -> list[str]:
        """How every buildah command begins: isolated, and with a storage that is nobody else's."""
        return [
            *(*CONTAINED, "buildah", "--root", str(folder / "root"), "--runroot", str(folder / "run")),
            *("--storage-driver", driver),
        ]

    def prepare(self) -> None:
        """Have the base in the storage."""
        self._driver = self._working_driver()
        kept = base.ensure(self._cache, self._platform, self._commands)
        self._base = self._commands.output(
            "load the base image into buildah",
            self._command("pull", "--quiet", f"oci-archive:{kept.archive}"),
            self._environment(),
        ).splitlines()[-1]
        self._pip_config.write_text(PIP_CONFIG)

    def build(self, order: Order, context: Path, layout: Path) -> None:
        """Build, then write the result as an OCI layout."""
        identity = layout.with_suffix(".id")
        log = order.name.path
        self._commands.run(
            f"build image {order.name}",
            self.build_command(order.target, context, identity),
            log=log,
            environment=self._environment(),
        )
        self._commands.run(
            f"export image {order.name}",
            self._command(
                "push", "--quiet", "--format", "oci", identity.read_text().strip(), f"oci:{layout}"
            ),
            log=log,
            environment=self._environment(),
        )

    def build_command(self, target: str | None, context: Path, identity: Path) -> list[str]:
        """The command that builds one stage of a context's Dockerfile.

        Args:
            target: stage, or None for the last.
            context: folder with a `Dockerfile`.
            identity: file that gets the image's id.
        """
        return self._command(
            "build",
            *("--layers", "--force-rm", "--timestamp", "0", "--format", "oci", "--pull-never"),
            *("--isolation", "chroot", "--network", "host"),
            *("--volume", f"{self._cache.wheels}:{WHEELS}:ro"),
            *("--volume", f"{self._pip_config}:/etc/pip.conf:ro"),
            *("--build-context", f"wheels={self._cache.wheels}"),
            *("--build-arg", f"BASE_IMAGE={self._base}"),
            *(("--target", target) if target else ()),
            *("--iidfile", str(identity)),
            str(context),
        )

    @property
    def _pip_config(self) -> Path:
        return self._cache.work / "pip.conf"

    def _command(self, *words: str, driver: str = "") -> list[str]:
        return [*self.storage(self._cache.layers, driver or self._driver), *words]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)}
        return {**kept, "TMPDIR": str(self._cache.work), "BUILDAH_ISOLATION": "chroot"}

    def _working_driver(self) -> str:
        """`overlay` if the kernel and the cache's file system can, else `vfs`, which always works."""
        try:
            self._commands.output(
                "try overlay mounts", self._command("info", driver="overlay"), self._environment()
            )
        except LocalError:
            return "vfs"
        return "overlay"
