"""Names of images, what is refused before containerd is asked, and what nothing needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.cluster.images import Images, normalised
from local.cluster.pause import pack_pause
from local.errors import LocalError

if TYPE_CHECKING:
    from pathlib import Path

CTR = """#!/bin/sh
case "$*" in
*" images list") cat "$0.list" ;;
*" images remove --sync "*) echo "$*" > "$0.removed" ;;
esac
"""


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


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


@pytest.fixture
def held(tmp_path: Path) -> Images:
    """A node with two builds of one image and one with a tag, each also by its id, as containerd has them."""
    rows = {
        f"plinth.internal/serving@{digest('a')}": "a",
        digest("1"): "a",
        f"plinth.internal/serving@{digest('b')}": "b",
        digest("2"): "b",
        "docker.io/library/mine:latest": "c",
        digest("3"): "c",
    }
    lines = [
        f"{name} application/vnd.oci {digest(letter)} 9.1 MiB linux/amd64 -" for name, letter in rows.items()
    ]
    (tmp_path / "ctr").write_text(CTR)
    (tmp_path / "ctr").chmod(0o755)
    (tmp_path / "ctr.list").write_text("\n".join(["REF TYPE DIGEST SIZE PLATFORMS LABELS", *lines]))
    (tmp_path / "socket").touch()
    return Images(tmp_path / "ctr", tmp_path / "socket")


def test_what_nothing_needs_goes_by_all_of_its_names(held: Images, tmp_path: Path) -> None:
    removed = held.collect([f"plinth.internal/serving@{digest('b')}", "mine:latest"])
    assert removed == [f"plinth.internal/serving@{digest('a')}"]
    words = (tmp_path / "ctr.removed").read_text().split()
    assert words[-2:] == [*removed, digest("1")], "its id would keep the content on disk"


def test_where_everything_is_needed_nothing_is_removed(held: Images, tmp_path: Path) -> None:
    keep = [f"plinth.internal/other@{digest('a')}", f"plinth.internal/serving@{digest('b')}", "mine:latest"]
    assert held.collect(keep) == []
    assert not (tmp_path / "ctr.removed").exists()
