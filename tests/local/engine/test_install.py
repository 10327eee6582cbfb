from __future__ import annotations

import os
import subprocess
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from local.engine.environment import environment
from local.engine.install import LANGUAGE_HOST, install
from local.instance import Instance

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return Instance(name="test", checkout=tmp_path / "check out", cache=tmp_path / "cache")


def _files(instance: Instance) -> dict[str, int]:
    return {
        str(path.relative_to(instance.state)): path.lstat().st_mtime_ns
        for path in instance.state.rglob("*")
        if not path.is_dir()
    }


def test_everything_is_where_the_engine_looks_for_it_at_the_sdks_versions(instance: Instance) -> None:
    install(instance)
    aws, kubernetes = (metadata.version(f"pulumi-{name}") for name in ("aws", "kubernetes"))
    assert set(_files(instance)) == {
        f"pulumi-home/plugins/language-python-v{metadata.version('pulumi')}/{LANGUAGE_HOST}",
        f"pulumi-home/plugins/resource-aws-v{aws}/pulumi-resource-aws",
        f"pulumi-home/plugins/resource-kubernetes-v{kubernetes}/pulumi-resource-kubernetes",
    }
    for name in _files(instance):
        assert os.access(instance.state / name, os.X_OK)


def test_a_second_installation_changes_nothing(instance: Instance, tmp_path: Path) -> None:
    pulumi = tmp_path / "pulumi"
    install(instance, pulumi)
    before = _files(instance)
    install(instance, pulumi)
    assert _files(instance) == before
    assert (instance.bin / "pulumi").readlink() == pulumi


def test_another_engine_takes_the_place_of_the_first(instance: Instance, tmp_path: Path) -> None:
    install(instance, tmp_path / "old")
    install(instance, tmp_path / "new")
    assert (instance.bin / "pulumi").readlink() == tmp_path / "new"


def test_a_plugin_of_another_version_goes_away(instance: Instance) -> None:
    old = instance.pulumi_home / "plugins" / "resource-aws-v1.0.0"
    old.mkdir(parents=True)
    install(instance)
    assert not old.exists()


def test_the_language_host_is_not_on_path_where_every_command_would_warn_of_it(instance: Instance) -> None:
    instance.bin.mkdir(parents=True)
    (instance.bin / LANGUAGE_HOST).write_text("left by an earlier version")
    install(instance)
    assert not (instance.bin / LANGUAGE_HOST).exists()


def test_an_installed_launcher_starts_from_any_folder(instance: Instance, tmp_path: Path) -> None:
    install(instance)
    (tmp_path / "local.py").write_text("raise SystemExit('the wrong module')\n")
    (launcher,) = instance.pulumi_home.rglob(LANGUAGE_HOST)
    host = subprocess.Popen([launcher, "127.0.0.1:1"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert host.stdout
    port = host.stdout.readline()
    host.terminate()
    host.communicate(timeout=15)
    assert int(port) > 0


def test_the_environment_points_to_the_emulator_and_never_to_a_persons_own_profiles(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet")
    variables = environment(instance, instance.emulator_url, instance.node_address)
    assert variables["AWS_ENDPOINT_URL"] == instance.emulator_url
    assert variables["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert variables["NO_PROXY"] == f"intranet,localhost,127.0.0.1,{instance.node_address}"
    assert variables["PATH"] == f"{instance.bin}:/usr/bin:/bin"
    assert variables["PULUMI_BACKEND_URL"] == f"file://{instance.pulumi_state}"
