"""Which builder is taken, and what is said where there is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.images import builders
from local.images.buildah import Buildah
from local.images.cache import ImageCache
from local.images.commands import Commands
from local.images.docker import Docker

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Machine

    from local.images.base import Platform
    from local.images.builders import Builder

ENGINE = '#!/bin/sh\ncase "$1" in info) echo 28.0.0;; esac\n'


def choose(machine: Machine, platform: Platform) -> Builder:
    cache = ImageCache.of(machine.instance.cache)
    return builders.choose(cache, platform, Commands(cache.logs))


def test_a_docker_engine_that_answers_is_taken(machine: Machine, platform: Platform) -> None:
    machine.install("docker", ENGINE)
    assert isinstance(choose(machine, platform), Docker)


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n",
        "#!/bin/sh\necho\n",
        "not a program",
    ],
)
def test_a_docker_client_without_an_engine_is_passed_over(
    machine: Machine, platform: Platform, script: str
) -> None:
    machine.install("docker", script)
    assert isinstance(choose(machine, platform), Buildah)


def test_an_engine_that_hangs_is_passed_over(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builders, "ENGINE_SECONDS", 0.2)
    machine.install("docker", "#!/bin/sh\nwhile :; do :; done\n")
    assert not builders.docker_answers()


def test_no_docker_and_no_buildah_names_both_remedies(machine: Machine, platform: Platform) -> None:
    (machine.programs / "buildah").unlink()
    with pytest.raises(
        LocalError, match=r"not installed: buildah.*start a Docker engine.*apt-get install buildah"
    ):
        choose(machine, platform)


def test_buildah_without_root_names_both_remedies(
    machine: Machine, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LocalError, match=r"it takes root.*start a Docker engine.*as root"):
        choose(machine, platform)


def test_docker_command_lines_carry_no_password(
    machine: Machine, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:planted-secret@index.example/simple")
    cache = ImageCache.of(machine.instance.cache)
    command = Docker(cache, platform, Commands(cache.logs)).build_command(
        "serving", tmp_path, tmp_path / "id"
    )
    assert "planted-secret" not in " ".join(command)
    assert "PIP_INDEX_URL" in command  # its value comes from the environment


def test_a_build_with_buildah_can_reach_neither_registry_nor_index(
    machine: Machine, platform: Platform, tmp_path: Path
) -> None:
    cache = ImageCache.of(machine.instance.cache)
    command = Buildah(cache, platform, Commands(cache.logs)).build_command(None, tmp_path, tmp_path / "id")
    assert "--pull-never" in command
    assert any(word.endswith(":/etc/pip.conf:ro") for word in command)


def test_a_build_with_buildah_touches_no_storage_but_its_own(
    machine: Machine, platform: Platform, tmp_path: Path
) -> None:
    cache = ImageCache.of(machine.instance.cache)
    command = Buildah(cache, platform, Commands(cache.logs)).build_command(None, tmp_path, tmp_path / "id")
    for option in ("--root", "--runroot"):
        assert command[command.index(option) + 1].startswith(str(cache.layers))
