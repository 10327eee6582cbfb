"""Layouts that have the same digest wherever the same content is written."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from local.images import oci

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


def test_equal_content_has_an_equal_digest(tmp_path: Path) -> None:
    assert image(tmp_path / "one")[1] == image(tmp_path / "two")[1]


def test_other_content_has_another_digest(tmp_path: Path) -> None:
    assert image(tmp_path / "one")[1] != image(tmp_path / "two", "other")[1]


def test_files_of_a_layer_belong_to_root_and_to_no_time(tmp_path: Path) -> None:
    image(tmp_path / "one")
    with tarfile.open(tmp_path / "one" / "layer.tar") as tar:
        for member in tar:
            assert (member.uid, member.gid, member.mtime, member.uname) == (0, 0, 0, "")
        assert tar.getmember("tmp").mode == 0o1777
