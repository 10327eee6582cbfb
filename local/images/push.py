"""Take the images to a registry, for a cluster that is not the embedded one."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Protocol

from local.errors import LocalError
from local.images import archives, builders
from local.images.base import Platform
from local.images.buildah import Buildah
from local.images.cache import ImageCache
from local.images.commands import Commands

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from local.images.names import BuiltImage, ImageName
    from local.progress import Progress

REGISTRY = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
"""Host, perhaps a port, perhaps a path; as in an image's name, so without a scheme."""

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Pusher(Protocol):
    """Pushes one image under a name with a tag; gives the digest under which the registry has it."""

    def push(self, image: BuiltImage, destination: str) -> str:
        """Push.

        Raises:
            LocalError: the registry refused, or is out of reach.
        """
        ...


def push(
    images: Iterable[BuiltImage],
    registry: str,
    cache: Path,
    progress: Progress,
    *,
    verify_tls: bool = True,
) -> dict[ImageName, str]:
    """Push images to a registry that the user is logged in to (`docker login`, `buildah login`).

    Args:
        images: what to push.
        registry: `host[:port][/path]`; the image's own name is added.
        cache: the instance's cache folder.
        progress: told about each image.
        verify_tls: False allows plain HTTP and unknown certificates, with buildah; Docker's engine has its
            own list of such registries.

    Returns:
        References by digest, as the cluster has to name them.

    Raises:
        LocalError: the registry's name is malformed, nothing here can push, or a push failed.
    """
    if not REGISTRY.fullmatch(registry):
        raise LocalError(
            f"The registry {registry!r} can't be part of an image's name. Give host, port and path only, "
            "in lower case and without https://, as in registry.example.org:5000/team."
        )
    room = ImageCache.of(cache)
    references: dict[ImageName, str] = {}
    with room.exclusively(progress):
        pusher = _choose(room, verify_tls=verify_tls)
        for image in images:
            repository = f"{registry}/{image.name.path}"
            with progress.step(f"push image {image.name}"):
                digest = pusher.push(
                    image, f"{repository}:{archives.tag(image.reference.rpartition('@')[2])}"
                )
            references[image.name] = f"{repository}@{digest}"
    return references


def _choose(cache: ImageCache, *, verify_tls: bool) -> Pusher:
    commands = Commands(cache.logs)
    builder = builders.choose(cache, Platform.of_this_machine(), commands)
    if isinstance(builder, Buildah):
        return _BuildahPusher(cache, commands, verify_tls=verify_tls)
    return _DockerPusher(commands)


class _BuildahPusher:
    """Through a storage of its own, which goes with the work folder."""

    def __init__(self, cache: ImageCache, commands: Commands, *, verify_tls: bool) -> None:
        self._cache = cache
        self._commands = commands
        self._verify_tls = verify_tls

    def push(self, image: BuiltImage, destination: str) -> str:
        storage = Buildah.storage(self._cache.work / "push", "vfs")
        identity = self._commands.output(
            f"read the archive of {image.name}", [*storage, "pull", "--quiet", f"oci-archive:{image.archive}"]
        ).splitlines()[-1]
        written = self._cache.work / "digest"
        self._commands.run(
            f"push image {image.name}",
            [
                *(
                    *storage,
                    "push",
                    "--quiet",
                    "--format",
                    "oci",
                    f"--tls-verify={str(self._verify_tls).lower()}",
                ),
                *("--digestfile", str(written), identity, f"docker://{destination}"),
            ],
            log=f"push-{image.name.path}",
        )
        return _required(written.read_text().strip(), destination)


class _DockerPusher:
    """Through the engine, which has the user's logins."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def push(self, image: BuiltImage, destination: str) -> str:
        log = f"push-{image.name.path}"
        loaded = f"{image.name.repository}:{archives.tag(image.reference.rpartition('@')[2])}"
        for step, words in (
            (f"load image {image.name} into the engine", ("load", "--input", str(image.archive))),
            (f"name image {image.name}", ("tag", loaded, destination)),
            (f"push image {image.name}", ("push", destination)),
        ):
            self._commands.run(step, ["docker", *words], log=log, environment=dict(os.environ))
        known = self._commands.output(
            f"ask for the digest of {image.name}",
            ["docker", "image", "inspect", "--format", '{{join .RepoDigests "\n"}}', destination],
        )
        repository = destination.rpartition(":")[0]
        digests = [
            line.rpartition("@")[2] for line in known.splitlines() if line.startswith(f"{repository}@")
        ]
        return _required(digests[0] if digests else "", destination)


def _required(digest: str, destination: str) -> str:
    if not DIGEST.fullmatch(digest):
        raise LocalError(
            f"{destination} was pushed, but the registry's digest for it is unknown ({digest or 'none'}). "
            "Push again; images are used by digest only."
        )
    return digest
