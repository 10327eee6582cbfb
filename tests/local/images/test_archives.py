"""Archives that a node finds by the digest that was known before it read them."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from local.errors import LocalError
from local.images import archives, oci

if TYPE_CHECKING:
    from pathlib import Path

RUN = oci.RunConfig(entrypoint=("/program",), user="65532:65532", environment={"PATH": "/bin"})


def image(folder: Path, text: str = "hello", *, compress: bool = True) -> tuple[Path, str]:
    folder.mkdir(parents=True)
    program = folder / "program"
    program.write_text(text)
    oci.write_layer([oci.Entry("tmp", mode=0o1777), oci.Entry("program", program)], folder / "layer.tar")
    digest = oci.write_layout(
        folder / "layout", [folder / "layer.tar"], RUN, architecture="amd64", compress=compress
    )
    return folder / "layout", digest


def docker_archive(file: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file


def saved(file: Path, layer: bytes, *, place: str, images: int = 1) -> Path:
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"User": "1:1"}}).encode()
    manifest: list[dict[str, Any]] = [{"Config": "config.json", "RepoTags": None, "Layers": [place]}]
    return docker_archive(
        file, {"config.json": config, place: layer, "manifest.json": json.dumps(manifest * images).encode()}
    )


def test_an_archive_is_named_by_repository_and_digest(tmp_path: Path) -> None:
    layout, digest = image(tmp_path / "one")
    assert archives.pack(layout, tmp_path / "image.tar", "plinth.internal/x") == digest
    contents = archives.read(tmp_path / "image.tar")
    assert contents.name == f"plinth.internal/x@{digest}"
    assert contents.digest == digest


def test_an_archive_has_the_same_bytes_twice(tmp_path: Path) -> None:
    for name in ("one", "two"):
        archives.pack(image(tmp_path / name)[0], tmp_path / f"{name}.tar", "plinth.internal/x")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_the_configuration_says_how_a_container_starts(tmp_path: Path) -> None:
    archives.pack(image(tmp_path / "one")[0], tmp_path / "image.tar", "x")
    config = archives.read(tmp_path / "image.tar").config
    assert config["config"] == {"User": "65532:65532", "Env": ["PATH=/bin"], "Entrypoint": ["/program"]}
    assert len(config["history"]) == len(config["rootfs"]["diff_ids"])


def test_a_damaged_blob_is_not_packed(tmp_path: Path) -> None:
    layout, _ = image(tmp_path / "one")
    manifest = json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"]
    blobs = layout / "blobs" / "sha256"
    layer = max(blobs.iterdir(), key=lambda blob: blob.stat().st_size)
    assert layer.name != manifest
    layer.write_bytes(layer.read_bytes() + b"!")
    with pytest.raises(LocalError, match="damaged"):
        archives.pack(layout, tmp_path / "image.tar", "x")


def test_a_file_that_is_no_archive_is_refused_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "image.tar"
    file.write_bytes(b"no tar at all")
    with pytest.raises(LocalError, match=r"image\.tar is not an image archive"):
        archives.read(file)


@pytest.mark.parametrize("place", ["abc/layer.tar", "blobs/sha256/abc"])
def test_an_archive_of_any_docker_becomes_the_same_image(tmp_path: Path, place: str) -> None:
    first = archives.layout_of_docker(saved(tmp_path / "a.tar", b"layer", place=place), tmp_path / "a")
    second = archives.layout_of_docker(saved(tmp_path / "b.tar", b"layer", place="other"), tmp_path / "b")
    assert first == second
    archives.pack(tmp_path / "a", tmp_path / "image.tar", "x")
    assert archives.read(tmp_path / "image.tar").config["config"] == {"User": "1:1"}


def test_a_docker_archive_of_two_images_is_refused(tmp_path: Path) -> None:
    archive = saved(tmp_path / "a.tar", b"layer", place="l", images=2)
    with pytest.raises(LocalError, match="holds 2 images"):
        archives.layout_of_docker(archive, tmp_path / "a")


def test_what_is_packed_can_be_read_as_a_docker_archive_too(tmp_path: Path) -> None:
    layout, _ = image(tmp_path / "one", compress=False)
    archives.pack(layout, tmp_path / "image.tar", "plinth.internal/x")
    archives.layout_of_docker(tmp_path / "image.tar", tmp_path / "again")
    archives.pack(tmp_path / "again", tmp_path / "again.tar", "plinth.internal/x")
    assert archives.read(tmp_path / "again.tar").config == archives.read(tmp_path / "image.tar").config
