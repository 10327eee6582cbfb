"""An instance in a temporary folder, and programs that only exist as names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.cluster import binaries
from local.cluster.binaries import Binaries
from local.cluster.certificates import Certificates
from local.cluster.layout import Layout
from local.cluster.preparation import Preparation
from local.instance import Instance

if TYPE_CHECKING:
    from pathlib import Path


class Programs:
    """A toolchain whose programs are empty files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def binary(self, name: str) -> Path:
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o755)
        return path


class UnderTmp(Instance):
    """An instance whose sockets are under its checkout too: /run is root's."""

    @property
    def run(self) -> Path:
        return self.checkout / "run" / self.name


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    checkout = tmp_path / "checkout"
    (checkout / "run").mkdir(parents=True)
    return UnderTmp(name="unit", checkout=checkout, cache=tmp_path / "cache")


@pytest.fixture
def layout(instance: Instance) -> Layout:
    layout = Layout(instance)
    layout.make()
    return layout


@pytest.fixture
def preparation(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Preparation:
    """Everything that is written before a start; machines without the packages have stand-ins for names."""
    programs = Programs(tmp_path / "programs")
    for name in ("etcd", "containerd", "ctr", "runc", "iptables", "conntrack", "ip", "mount", "nsenter"):
        programs.binary(name)
    for name in binaries.CNI_PLUGINS:
        programs.binary(name)
    monkeypatch.setattr(binaries, "CNI_FOLDERS", (str(tmp_path / "programs"),))
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    return Preparation(layout, Certificates(layout.pki), Binaries(programs))
