"""Images in a registry, through a buildah or a docker that is a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.images import ImageName, build_all, push

if TYPE_CHECKING:
    from conftest import Machine

DIGEST = "sha256:" + "7" * 64

DOCKER = f"""#!/bin/sh
echo "docker $*" >> "$FAKE_CALLS"
case "$1" in
info) echo 28.0.0 ;;
image) echo "other.example/pause@sha256:{"0" * 64}"; echo "registry.example:5000/team/pause@{DIGEST}" ;;
esac
"""


@pytest.mark.parametrize(
    "registry",
    ["https://registry.example", "Registry.example", "registry.example/", "a b", "", "-x", "x/Team"],
)
def test_a_registry_that_no_image_can_be_named_after_is_refused(machine: Machine, registry: str) -> None:
    with pytest.raises(LocalError, match="without https"):
        push([], registry, machine.instance.cache, machine.progress)


@pytest.mark.parametrize("registry", ["registry.example", "localhost:5000", "10.0.0.1:5000/team/a_b"])
def test_hosts_ports_and_paths_are_registries(machine: Machine, registry: str) -> None:
    assert push([], registry, machine.instance.cache, machine.progress) == {}


def test_the_reference_has_the_digest_that_the_registry_has(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_DIGEST", DIGEST)
    built = build_all(machine.instance, machine, machine.progress)
    references = push(built.values(), "registry.example/team", machine.instance.cache, machine.progress)
    assert references[ImageName.ENVOY_GATEWAY] == f"registry.example/team/envoy-gateway@{DIGEST}"
    assert set(references) == set(ImageName)
    assert all("--tls-verify=true" in line for line in machine.called("buildah") if "docker://" in line)


def test_a_push_without_a_digest_is_not_taken_for_done(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build_all(machine.instance, machine, machine.progress)
    monkeypatch.setenv("FAKE_DIGEST", "latest")
    with pytest.raises(LocalError, match="digest for it is unknown"):
        push(built.values(), "registry.example", machine.instance.cache, machine.progress)


def test_docker_pushes_what_was_loaded_and_is_asked_for_the_digest(machine: Machine) -> None:
    built = build_all(machine.instance, machine, machine.progress, [ImageName.PAUSE])
    machine.install("docker", DOCKER)
    references = push(built.values(), "registry.example:5000/team", machine.instance.cache, machine.progress)
    assert references == {ImageName.PAUSE: f"registry.example:5000/team/pause@{DIGEST}"}
    words = [line.split()[1] for line in machine.called("docker")]
    assert words == ["info", "load", "tag", "push", "image"]
