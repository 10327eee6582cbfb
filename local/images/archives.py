"""Images as single files: what the cache keeps, nodes import and registries get.

A reference `name@sha256:...` is only worth something if the digest is known before a node imports the
archive and is the one that the node then finds. Docker's own archive carries no manifest (each reader makes
one up), so whatever a builder hands over ends here, in one format: a tar of an OCI layout whose index also
carries the full reference, in the annotation by which containerd names what it imports.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.errors import LocalError
from local.images import oci

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME_ANNOTATION = "io.containerd.image.name"
"""containerd names an imported image by this; see `pkg containerd/images/annotations.go`."""


def layout_of_docker(archive: Path, folder: Path) -> str:
    """Turn what `docker save` wrote, in any of its versions, into an OCI layout.

    Old engines write the layers as `<id>/layer.tar`, newer ones as `blobs/sha256/...`; both name them,
    and the configuration, in `manifest.json`, which is all that is read here.

    Returns:
        The digest of the manifest made for it; equal content gives an equal one.

    Raises:
        LocalError: the archive holds no image or more than one.
    """
    layout = oci.Layout(folder)
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
                shutil.copyfileobj(stream, target, oci.CHUNK_BYTES)
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
    manifest = json.loads(_whole(layout, digest).read_bytes())
    names = [digest, manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        _add_bytes(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add_bytes(tar, "index.json", oci.index(descriptor))
        _add_bytes(tar, "manifest.json", _docker_manifest(manifest, repository, digest))
        for name in dict.fromkeys(names):
            blob = _whole(layout, name)
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


def tag(digest: str) -> str:
    """The tag that an image gets where a digest alone won't do: the digest's first 12 places."""
    return digest.removeprefix("sha256:")[:12]


def _docker_manifest(manifest: Mapping[str, Any], repository: str, digest: str) -> bytes:
    return oci.compact(
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


def _whole(layout: Path, digest: str) -> Path:
    """A blob whose bytes are what its name says."""
    blob = layout / "blobs" / "sha256" / digest.removeprefix("sha256:")
    if oci.digest_of(blob) != digest:
        raise LocalError(f"{blob} was damaged while the image was written. Look at the disk; build again.")
    return blob


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
