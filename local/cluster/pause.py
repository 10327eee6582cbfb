"""The image of the process that holds a pod's namespaces; the node brings its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from local.images.archives import pack
from local.images.oci import Entry, RunConfig, write_layer, write_layout
from local.toolchain.recipes import MACHINE

REPOSITORY = "plinth.internal/pause"
USER = "65535:65535"
"""Nobody; the process only sleeps."""


def pack_pause(program: Path, archive: Path) -> str:
    """Write the archive; the same program gives the same digest.

    Returns:
        The full reference.
    """
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        layer, layout = Path(folder) / "layer.tar", Path(folder) / "layout"
        write_layer([Entry("pause", program)], layer)
        write_layout(layout, [layer], RunConfig(entrypoint=("/pause",), user=USER), architecture=MACHINE)
        digest = pack(layout, archive, REPOSITORY)
    return f"{REPOSITORY}@{digest}"
