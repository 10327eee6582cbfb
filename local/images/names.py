"""Which images there are, and what a built one is known by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

REPOSITORY_PREFIX = "plinth.internal"
"""No registry answers to it: what bears this name came from this checkout, or it isn't there at all."""


class ImageName(StrEnum):
    """The images that an environment needs; the values are the keys of `stacks/releases/*.images.yaml`."""

    SERVING = "serving"
    PIPELINE = "pipeline"
    ENVOY = "envoy"
    ENVOY_GATEWAY = "envoy_gateway"
    PAUSE = "pause"

    @property
    def path(self) -> str:
        """The name as a repository's last part."""
        return self.value.replace("_", "-")

    @property
    def repository(self) -> str:
        """The name without a digest."""
        return f"{REPOSITORY_PREFIX}/{self.path}"


@dataclass(frozen=True)
class BuiltImage:
    """An image in the cache, verified.

    Attributes:
        name: which one.
        reference: `plinth.internal/<name>@sha256:<digest of the manifest>`; containerd knows the image by it
            as soon as the archive is imported.
        archive: OCI layout in a tar file.
        key: digest of everything that went into it.
        compressed_bytes: size of its layers as stored and pushed.
        layers: digests of the layers, lowest first; what two images have in common is stored once.
    """

    name: ImageName
    reference: str
    archive: Path
    key: str
    compressed_bytes: int
    layers: tuple[str, ...]


class Binaries(Protocol):
    """Where the platform's programs are; `local.toolchain.Toolchain` is one."""

    def binary(self, name: str) -> Path:
        """Path of a program that is there and verified."""
        ...
