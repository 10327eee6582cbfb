"""Images of one static program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.images import archives, scratch

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Machine

    from local.images.base import Platform


def test_a_static_program_is_accepted(tmp_path: Path, static_program: bytes) -> None:
    (tmp_path / "program").write_bytes(static_program)
    scratch.require_static(tmp_path / "program")


def test_a_program_that_needs_a_loader_is_refused(tmp_path: Path, dynamic_program: bytes) -> None:
    (tmp_path / "program").write_bytes(dynamic_program)
    with pytest.raises(LocalError, match="CGO_ENABLED=0"):
        scratch.require_static(tmp_path / "program")


def test_a_program_for_another_system_is_refused(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"#!/bin/sh\n")
    with pytest.raises(LocalError, match="not a 64-bit Linux program"):
        scratch.require_static(tmp_path / "program")


def test_the_gateway_can_write_where_it_has_to_and_is_not_root(machine: Machine, platform: Platform) -> None:
    archive = scratch.envoy_gateway(machine).build(platform, machine.instance.cache / "work")
    config = archives.read(archive).config["config"]
    assert config["User"] == "65532:65532"
    assert config["Env"] == ["PATH=/usr/local/bin"]
    modes = {entry.path: entry.mode for entry in scratch.envoy_gateway(machine).entries}
    assert modes["tmp"] == 0o1777
    assert modes["var/lib/eg"] == 0o777


def test_the_key_changes_with_the_program(
    machine: Machine, platform: Platform, static_program: bytes
) -> None:
    before = scratch.pause(machine).key(platform)
    machine.binary("pause").write_bytes(static_program + b"more")
    assert scratch.pause(machine).key(platform) != before


def test_the_archive_is_named_after_the_image(machine: Machine, platform: Platform) -> None:
    archive = scratch.envoy_gateway(machine).build(platform, machine.instance.cache / "work")
    assert archives.read(archive).name.startswith("plinth.internal/envoy-gateway@sha256:")
