"""After `make down`: by the machine's own lists, not by ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from local.instance import Instance

if TYPE_CHECKING:
    from testinfra.host import Host

pytestmark = pytest.mark.teardown


@pytest.fixture
def instance() -> Instance:
    return Instance.of_checkout()


def test_no_interface_is_left(host: Host, instance: Instance) -> None:
    assert not host.interface(instance.interface).exists


def test_no_namespace_is_left(host: Host, instance: Instance) -> None:
    assert instance.namespace not in host.check_output("ip netns list")


def test_no_mount_is_left(instance: Instance) -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(instance.state) not in mounts
    assert str(instance.run) not in mounts


def test_no_cgroup_is_left(instance: Instance) -> None:
    assert list(Path("/sys/fs/cgroup").glob(f"**/{instance.namespace}*")) == []


def test_no_process_is_left(instance: Instance) -> None:
    left = [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if any(
            str(instance.state) in word or str(instance.run) in word for word in process.info["cmdline"] or ()
        )
    ]
    assert left == []


def test_no_state_and_no_release_is_left(instance: Instance) -> None:
    assert not instance.state.exists()
    assert not instance.run.exists()
    assert list((instance.checkout / "stacks" / "releases").glob("local*.yaml")) == []
