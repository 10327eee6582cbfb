from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import pytest

from local.commands import up
from local.errors import LocalError
from local.instance import Instance
from local.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from local.images.commands import Commands


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(name="mine", checkout=tmp_path / "checkout", cache=tmp_path / "cache")


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


def test_tools_that_can_not_be_had_end_the_build_of_the_images_at_once(
    instance: Instance, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_for_a_minute(*words: object) -> None:
        commands: Commands = words[-1]  # type: ignore[assignment]
        commands.run("build", ["sleep", "60"], log="build")

    monkeypatch.setattr(up, "build_all", build_for_a_minute)

    def tools() -> None:
        with up._images_meanwhile(instance, Progress(stream=output)):
            time.sleep(0.2)
            raise LocalError("no module proxy")

    began = time.monotonic()
    with pytest.raises(LocalError, match="no module proxy"):
        tools()
    assert time.monotonic() - began < 20
    assert "can't be built" not in output.getvalue()


def test_images_that_can_not_be_built_are_said_before_the_tools_are_finished(
    instance: Instance, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise LocalError("no package index")

    monkeypatch.setattr(up, "build_all", refuse)
    seen = []

    def tools() -> None:
        with up._images_meanwhile(instance, Progress(stream=output)):
            time.sleep(0.2)
            seen.append(output.getvalue())

    with pytest.raises(LocalError, match="no package index"):
        tools()
    assert "no package index" in seen[0]
