"""Images as OCI layouts, written so that the same content gives the same digest.

See https://github.com/opencontainers/image-spec: a layout is a folder of blobs named by their digests, of
which a manifest names the configuration and the layers, and an index names the manifest.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"

EPOCH = "1970-01-01T00:00:00Z"
"""Every image says that it was made then: a real time would change the digest of equal content."""

CHUNK_BYTES = 1 << 20
GZIP_LEVEL = 6


@dataclass(frozen=True)
class Entry:
    """A file or a folder in a layer; owned by root, dated by the epoch.

    Attributes:
        path: where in the image, without the leading slash.
        source: file on this machine whose bytes it gets; None makes a folder.
        mode: permission bits.
    """

    path: str
    source: Path | None = None
    mode: int = 0o755


@dataclass(frozen=True)
class RunConfig:
    """How a container of the image starts, as far as our own images need it."""

    entrypoint: tuple[str, ...] = ()
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The `config` object of the image configuration; what isn't set isn't written."""
        values: dict[str, Any] = {}
        if self.user:
            values["User"] = self.user
        if self.environment:
            values["Env"] = [f"{name}={value}" for name, value in sorted(self.environment.items())]
        if self.entrypoint:
            values["Entrypoint"] = list(self.entrypoint)
        return values


def digest_of(file: Path) -> str:
    """SHA-256 of a file, as `sha256:<hex>`."""
    with file.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def write_layer(entries: Iterable[Entry], target: Path) -> None:
    """Write an uncompressed layer of the given files and folders, in the given order."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            info = tarfile.TarInfo(entry.path)
            info.mode = entry.mode
            if entry.source is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                info.size = entry.source.stat().st_size
                with entry.source.open("rb") as stream:
                    tar.addfile(info, stream)


class Layout:
    """An OCI layout folder in the making: blobs first, then one manifest."""

    def __init__(self, folder: Path) -> None:
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True)
        self._folder = folder

    def add(self, data: bytes, media_type: str) -> dict[str, Any]:
        """Store bytes, give their descriptor."""
        digest = hashlib.sha256(data).hexdigest()
        (self._blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def add_layer(self, layer: Path, *, compress: bool) -> tuple[dict[str, Any], str]:
        """Store an uncompressed layer.

        Returns:
            Its descriptor, and the digest of its uncompressed bytes, which the configuration names.
        """
        temporary = self._blobs / "layer.partial"
        if compress:
            with (
                layer.open("rb") as source,
                temporary.open("wb") as raw,
                gzip.GzipFile(
                    filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=raw, mtime=0
                ) as target,
            ):
                shutil.copyfileobj(source, target, CHUNK_BYTES)
        else:
            shutil.copyfile(layer, temporary)
        digest = digest_of(temporary)
        size = temporary.stat().st_size
        temporary.rename(self._blobs / digest.removeprefix("sha256:"))
        media_type = f"{LAYER_TYPE}+gzip" if compress else LAYER_TYPE
        return {"mediaType": media_type, "digest": digest, "size": size}, digest_of(layer)

    def finish(self, config: dict[str, Any], layers: Sequence[dict[str, Any]]) -> str:
        """Write the manifest and the index; gives the manifest's digest."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self.add(compact(config), CONFIG_TYPE),
            "layers": list(layers),
        }
        descriptor = self.add(compact(manifest), MANIFEST_TYPE)
        (self._folder / "index.json").write_bytes(index(descriptor))
        return str(descriptor["digest"])


def write_layout(
    folder: Path,
    layers: Sequence[Path],
    run: RunConfig,
    *,
    architecture: str,
    compress: bool = True,
) -> str:
    """Make an image of uncompressed layers, in a folder that doesn't exist yet.

    Args:
        folder: becomes an OCI layout.
        layers: uncompressed tar files, lowest first.
        run: how a container starts.
        architecture: in Go's words: amd64, arm64.
        compress: gzip the layers; worth it for what is kept or pushed, not for what a builder reads next.

    Returns:
        The manifest's digest.
    """
    layout = Layout(folder)
    stored = [layout.add_layer(layer, compress=compress) for layer in layers]
    config = {
        "created": EPOCH,
        "architecture": architecture,
        "os": "linux",
        "config": run.as_json(),
        "rootfs": {"type": "layers", "diff_ids": [identity for _, identity in stored]},
        # One line for each layer: buildah refuses to build on an image whose history is shorter.
        "history": [{"created": EPOCH, "created_by": "plinth"} for _ in stored],
    }
    return layout.finish(config, [descriptor for descriptor, _ in stored])


def compact(value: object) -> bytes:
    """JSON in the one way that gives equal bytes for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def index(descriptor: Mapping[str, Any]) -> bytes:
    """The index of a layout with one image."""
    return compact({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [descriptor]})
