"""The platform's images that hold one static program: written directly, with no builder and no base."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import certifi

from local.errors import LocalError
from local.images import archives, oci
from local.images.names import Binaries, ImageName

if TYPE_CHECKING:
    from local.images.base import Platform

RECIPE = 1
"""Raised when the same inputs begin to give another image."""

NON_ROOT = "65532:65532"

PROGRAM_PLACES = {
    ImageName.PAUSE: "pause",
    ImageName.ENVOY_GATEWAY: "usr/local/bin/envoy-gateway",
}

ELF_INTERPRETER = 3
"""Program header type that names a dynamic loader (PT_INTERP); a static program has none."""


@dataclass(frozen=True)
class ScratchImage:
    """An image of one program.

    Attributes:
        name: which image.
        entries: its files and folders.
        run: how it starts.
    """

    name: ImageName
    entries: tuple[oci.Entry, ...]
    run: oci.RunConfig

    def key(self, platform: Platform) -> str:
        """Digest of everything that goes in."""
        digest = hashlib.sha256(f"{RECIPE}\n{platform.architecture}\n{self.run}\n".encode())
        for entry in self.entries:
            content = oci.digest_of(entry.source) if entry.source else "folder"
            digest.update(f"{entry.path} {entry.mode:o} {content}\n".encode())
        return digest.hexdigest()[:16]

    def build(self, platform: Platform, work: Path) -> Path:
        """Write the archive, in a folder that doesn't exist yet.

        Raises:
            LocalError: the program needs a dynamic loader, which the image has not.
        """
        work.mkdir(parents=True)
        for entry in self.entries:
            if entry.source is not None and entry.mode & 0o100:
                require_static(entry.source)
        layer, layout, archive = work / "layer.tar", work / "layout", work / "image.tar"
        oci.write_layer(self.entries, layer)
        oci.write_layout(layout, [layer], self.run, architecture=platform.architecture)
        archives.pack(layout, archive, self.name.repository)
        return archive


def pause(binaries: Binaries) -> ScratchImage:
    """What holds a pod's namespaces open."""
    place = PROGRAM_PLACES[ImageName.PAUSE]
    return ScratchImage(
        name=ImageName.PAUSE,
        entries=(oci.Entry(place, binaries.binary("pause")),),
        run=oci.RunConfig(entrypoint=(f"/{place}",), user=NON_ROOT),
    )


def envoy_gateway(binaries: Binaries) -> ScratchImage:
    """The gateway's controller, which is also the sidecar that lets Envoy drain.

    It keeps its WebAssembly cache below /var/lib/eg, the sidecar marks in /tmp that Envoy has drained, and
    both are started as `envoy-gateway` without a path. The certificates are for the issuers and keys that a
    SecurityPolicy may name.
    """
    place = PROGRAM_PLACES[ImageName.ENVOY_GATEWAY]
    return ScratchImage(
        name=ImageName.ENVOY_GATEWAY,
        entries=(
            oci.Entry("tmp", mode=0o1777),
            oci.Entry("var/lib/eg", mode=0o777),
            oci.Entry("etc/ssl/certs/ca-certificates.crt", Path(certifi.where()), mode=0o644),
            oci.Entry(place, binaries.binary("envoy-gateway")),
        ),
        run=oci.RunConfig(entrypoint=(f"/{place}",), user=NON_ROOT, environment={"PATH": "/usr/local/bin"}),
    )


def require_static(program: Path) -> None:
    """Refuse a program that could not start in an empty image.

    Raises:
        LocalError: it isn't a 64-bit ELF program, or it names a dynamic loader.
    """
    with program.open("rb") as file:
        header = file.read(64)
        if header[:5] != b"\x7fELF\x02":
            raise LocalError(
                f"{program} is not a 64-bit Linux program, so no image can run it. Build it for Linux."
            )
        offset, size, count = (
            *struct.unpack_from("<Q", header, 32),
            *struct.unpack_from("<HH", header, 54),
        )
        file.seek(offset)
        table = file.read(size * count)
    types = (struct.unpack_from("<I", table, index * size)[0] for index in range(count))
    if ELF_INTERPRETER in types:
        raise LocalError(
            f"{program} needs a dynamic loader, and its image holds nothing but the program. "
            "Build it with CGO_ENABLED=0."
        )
