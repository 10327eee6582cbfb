"""Names of images, and what is refused before containerd is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.cluster.images import Images, normalised
from local.cluster.pause import pack_pause
from local.errors import LocalError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("serving@sha256:0", "docker.io/library/serving@sha256:0"),
        ("plinth/serving@sha256:0", "docker.io/plinth/serving@sha256:0"),
        ("plinth.internal/serving@sha256:0", "plinth.internal/serving@sha256:0"),
        ("localhost/serving@sha256:0", "localhost/serving@sha256:0"),
        ("registry:5000/serving@sha256:0", "registry:5000/serving@sha256:0"),
    ],
)
def test_a_reference_gets_the_name_that_the_kubelet_will_use(reference: str, name: str) -> None:
    assert normalised(reference) == name


def test_a_tag_is_refused(tmp_path: Path) -> None:
    images = Images(tmp_path / "ctr", tmp_path / "socket")
    with pytest.raises(LocalError, match="no digest"):
        images.load(tmp_path / "archive", "plinth.internal/serving:latest")


def test_the_same_program_gives_the_same_pause_image(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"sleeps")
    first = pack_pause(program, tmp_path / "first.tar")
    assert pack_pause(program, tmp_path / "second.tar") == first
    program.write_bytes(b"sleeps otherwise")
    assert pack_pause(program, tmp_path / "third.tar") != first
