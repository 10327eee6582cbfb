"""Images as archives in the OCI layout, written so that the same content gives the same digest.

A reference `name@sha256:...` is only worth something if the digest is known before a node imports the
archive and is the one that the node then finds. Docker's own archive carries no manifest at all (each
reader makes one up), so whatever a builder hands over ends here, in one format: a tar of an OCI layout
(https://github.com/opencontainers/image-spec) whose index also carries the full reference in the
annotation by which containerd names what it imports.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"

NAME_ANNOTATION = "io.containerd.image.name"
"""containerd names an imported image by this; see `pkg containerd/images/annotations.go`."""

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
            "config": self.add(_compact(config), CONFIG_TYPE),
            "layers": list(layers),
        }
        descriptor = self.add(_compact(manifest), MANIFEST_TYPE)
        (self._folder / "index.json").write_bytes(_index(descriptor))
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


def layout_of_docker_archive(archive: Path, folder: Path) -> str:
    """Turn what `docker save` wrote, in any of its versions, into an OCI layout.

    Old engines write the layers as `<id>/layer.tar`, newer ones as `blobs/sha256/...`; both name them,
    and the configuration, in `manifest.json`, which is all that is read here.

    Returns:
        The digest of the manifest made for it; equal content gives an equal one.

    Raises:
        LocalError: the archive holds no image or more than one.
    """
    layout = Layout(folder)
    with tarfile.open(archive) as tar:
        images = json.loads(_member(tar, "manifest.json"))
        if len(images) != 1:
            raise LocalError(
                f"The archive {archive} holds {len(images)} images where one is expected. "
                "Remove it and build again."
            )
        layers = []
        for name in images[0]["Layers"]:
            temporary = folder / "layer.tar"
            stream = tar.extractfile(_followed(tar, name))
            if stream is None:
                raise LocalError(f"The layer {name} in {archive} is not a file. Remove it and build again.")
            with stream, temporary.open("wb") as target:
                shutil.copyfileobj(stream, target, CHUNK_BYTES)
            descriptor, _ = layout.add_layer(temporary, compress=True)
            layers.append(descriptor)
            temporary.unlink()
        config = json.loads(_member(tar, images[0]["Config"]))
    return layout.finish(config, layers)


def pack(layout: Path, archive: Path, repository: str) -> str:
    """Write a layout folder as the archive that nodes import.

    Args:
        layout: an OCI layout with one image.
        archive: file to write; only the blobs that the image refers to go in. Docker's own index stands
            beside OCI's, so that `docker load` reads it, too.
        repository: name without digest; with the digest it becomes the name that containerd gives it.

    Returns:
        The manifest's digest.

    Raises:
        LocalError: the layout has other than one image, or a blob's bytes don't match its name.
    """
    manifests = json.loads((layout / "index.json").read_bytes())["manifests"]
    if len(manifests) != 1:
        raise LocalError(f"{layout} holds {len(manifests)} images where one is expected. Build again.")
    descriptor = {key: manifests[0][key] for key in ("mediaType", "digest", "size")}
    digest = str(descriptor["digest"])
    descriptor["annotations"] = {NAME_ANNOTATION: f"{repository}@{digest}"}
    manifest = json.loads(_blob(layout, digest).read_bytes())
    names = [digest, manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        _add_bytes(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add_bytes(tar, "index.json", _index(descriptor))
        _add_bytes(tar, "manifest.json", _docker_manifest(manifest, repository, digest))
        for name in dict.fromkeys(names):
            blob = _blob(layout, name)
            if digest_of(blob) != name:
                raise LocalError(
                    f"{blob} was damaged while the image was written. Look at the disk; build again."
                )
            info = tarfile.TarInfo(_place(name))
            info.size = blob.stat().st_size
            info.mode = 0o644
            with blob.open("rb") as stream:
                tar.addfile(info, stream)
    return digest


@dataclass(frozen=True)
class Contents:
    """What an archive says of itself.

    Attributes:
        digest: of the manifest.
        name: full reference by which containerd will know it.
        config: the image configuration, as JSON.
        compressed_bytes: size of the layers as stored and pushed.
        layers: their digests, lowest first.
    """

    digest: str
    name: str
    config: dict[str, Any]
    compressed_bytes: int
    layers: tuple[str, ...]


def read(archive: Path) -> Contents:
    """Read an archive that `pack` wrote.

    Raises:
        LocalError: it isn't one.
    """
    try:
        with tarfile.open(archive) as tar:
            descriptor = json.loads(_member(tar, "index.json"))["manifests"][0]
            manifest = json.loads(_member(tar, _place(descriptor["digest"])))
            config = json.loads(_member(tar, _place(manifest["config"]["digest"])))
    except (OSError, tarfile.TarError, KeyError, IndexError, ValueError) as error:
        raise LocalError(
            f"{archive} is not an image archive ({error}). Remove it; `make up` builds it anew."
        ) from error
    return Contents(
        digest=descriptor["digest"],
        name=descriptor.get("annotations", {}).get(NAME_ANNOTATION, ""),
        config=config,
        compressed_bytes=sum(layer["size"] for layer in manifest["layers"]),
        layers=tuple(layer["digest"] for layer in manifest["layers"]),
    )


def _compact(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _index(descriptor: Mapping[str, Any]) -> bytes:
    return _compact({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [descriptor]})


def tag(digest: str) -> str:
    """The tag that an image gets where a digest alone won't do: the digest's first 12 places."""
    return digest.removeprefix("sha256:")[:12]


def _docker_manifest(manifest: Mapping[str, Any], repository: str, digest: str) -> bytes:
    return _compact(
        [
            {
                "Config": _place(manifest["config"]["digest"]),
                "RepoTags": [f"{repository}:{tag(digest)}"],
                "Layers": [_place(layer["digest"]) for layer in manifest["layers"]],
            }
        ]
    )


def _place(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o644
    tar.addfile(info, io.BytesIO(data))


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    stream = tar.extractfile(_followed(tar, name))
    if stream is None:
        raise KeyError(name)
    with stream:
        return stream.read()


def _followed(tar: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    """A member by name, without the leading `./` that some writers put."""
    try:
        return tar.getmember(name)
    except KeyError:
        return tar.getmember(f"./{name}")
