"""`make sbom`: a bill of materials for each image that this checkout builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local.images import sbom
from local.images.build import build_all
from local.images.names import ImageName
from local.toolchain import Tool, ensure

if TYPE_CHECKING:
    from pathlib import Path

    from local.instance import Instance
    from local.progress import Progress

LOCKS: Final = {ImageName.ENVOY: "requirements/envoy.txt"}
"""Images that hold a program from a wheel without the wheel's metadata."""


def write(instance: Instance, progress: Progress) -> dict[Path, int]:
    """Write `<image>.cdx.json` for each image; give each file's number of components.

    Raises:
        LocalError: an image can't be built or read.
    """
    toolchain = ensure(instance.cache, [Tool.ENVOY_GATEWAY, Tool.PAUSE], progress)
    folder = instance.make_state() / "sbom"
    folder.mkdir(exist_ok=True)
    written = {}
    for name, image in build_all(instance, toolchain, progress).items():
        further = sbom.locked((instance.checkout / LOCKS[name]).read_text()) if name in LOCKS else ()
        held = sbom.bill(image.archive, further)
        path = folder / f"{name.path}.cdx.json"
        path.write_text(sbom.as_text(held))
        written[path] = len(held["components"])
    return written
