"""The embedded node as it runs: where it listens, what it keeps to itself, what comes back when killed."""

from __future__ import annotations

import http.client
import os
import re
import signal
import ssl
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from local.cluster.api import Api
from local.cluster.certificates import Certificates
from local.cluster.cgroups import PODS, Cgroups
from local.cluster.dns import lookup
from local.cluster.existing import ExistingCluster
from local.cluster.layout import Layout
from local.cluster.preparation import PROGRAM_NAMES
from local.environment import Environment
from local.instance import API_SERVER_PORT, EMULATOR_HOSTNAME, Instance

if TYPE_CHECKING:
    from local.cluster.node import Node

pytestmark = pytest.mark.environment

RECOVERY_SECONDS = 90


@pytest.fixture(scope="module", autouse=True)
def instance() -> Instance:
    instance = Instance.of_checkout()
    if isinstance(Environment(instance).cluster, ExistingCluster):
        pytest.skip("the environment is on somebody else's cluster")
    return instance


@pytest.fixture(scope="module")
def node(instance: Instance) -> Node:
    return Environment(instance).node


@pytest.fixture(scope="module")
def api(instance: Instance) -> Api:
    return Api(instance, Certificates(Layout(instance).pki))


def test_every_program_runs_and_answers(node: Node) -> None:
    health = node.health()
    assert [entry.name for entry in health] == list(PROGRAM_NAMES)
    assert [entry for entry in health if not entry.healthy] == []


def test_inside_nothing_listens_on_every_address(node: Node, instance: Instance) -> None:
    listing = node.enter("ss", "--listening", "--numeric", "--no-header", "--tcp", "--udp").stdout
    addresses = {re.split(r"\s+", line)[4].rpartition(":")[0] for line in listing.splitlines()}
    assert addresses <= {instance.node_address, "127.0.0.1"}


def test_only_the_host_gets_in_over_the_link(node: Node, instance: Instance) -> None:
    rules = node.enter("iptables-save", "-t", "raw").stdout
    assert f"-A PREROUTING ! -s {instance.host_address}/32 -i eth0 -j DROP" in rules


def test_the_node_has_no_way_out(node: Node) -> None:
    assert "default" not in node.enter("ip", "route").stdout


def test_the_kubelet_finds_its_kernel_settings_in_files_of_the_nodes_own(node: Node) -> None:
    """It would set them for the whole machine otherwise: a panic reboots, memory is overcommitted."""
    for name in ("kernel/panic", "vm/overcommit_memory"):
        assert f"/proc/sys/{name} " in node.enter("cat", "/proc/self/mounts").stdout


def test_the_nodes_mounts_are_not_the_hosts(instance: Instance) -> None:
    mounts = Path("/proc/self/mounts").read_text()
    assert str(Layout(instance).root) not in mounts
    assert str(instance.run) not in mounts


def test_names_of_cluster_and_emulator_resolve_and_others_do_not(instance: Instance) -> None:
    assert lookup(instance.node_address, EMULATOR_HOSTNAME) == [instance.node_address]
    assert lookup(instance.node_address, "kubernetes.default.svc.cluster.local") == ["10.96.0.1"]
    assert lookup(instance.node_address, "example.com") == []


def test_the_api_asks_who_is_there(instance: Instance) -> None:
    context = ssl.create_default_context(cafile=str(Layout(instance).pki / "ca.crt"))
    connection = http.client.HTTPSConnection(
        instance.node_address, API_SERVER_PORT, timeout=5, context=context
    )
    connection.request("GET", "/api/v1/namespaces")
    assert connection.getresponse().status == 401


def test_a_stored_secret_is_not_readable_in_the_database(api: Api, instance: Instance) -> None:
    planted = f"planted-{os.getpid()}-{time.time_ns()}"
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "planted", "namespace": "default"},
        "stringData": {"value": planted},
    }
    api.apply("/api/v1/namespaces/default/secrets", manifest)
    try:
        files = [path for path in Layout(instance).etcd.rglob("*") if path.is_file()]
        files += list(instance.logs.glob("*.log"))
        assert files
        assert [path for path in files if planted.encode() in path.read_bytes()] == []
    finally:
        api.request("DELETE", "/api/v1/namespaces/default/secrets/planted")


def test_what_the_node_keeps_is_for_its_owner_only(instance: Instance) -> None:
    layout = Layout(instance)
    for folder in (
        instance.state,
        layout.root,
        layout.pki,
        layout.configuration,
        instance.logs,
        instance.run,
    ):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0, folder


@pytest.mark.parametrize("name", ["etcd", "kube-apiserver", "containerd", "kubelet", "kube-proxy", "coredns"])
def test_a_killed_program_comes_back_without_a_hand(node: Node, name: str) -> None:
    before = next(state for state in node.programs() if state.name == name)
    assert node.enter("kill", "-KILL", str(before.pid)).returncode == 0
    _recovers(node)
    after = next(state for state in node.programs() if state.name == name)
    assert after.pid != before.pid


def test_a_killed_supervisor_comes_back_and_the_containers_go_on(node: Node, instance: Instance) -> None:
    containers = _containers(instance)
    supervisor = next(
        process
        for process in psutil.process_iter(["cmdline"])
        if "supervisor.supervisord" in (process.info["cmdline"] or [])
        and str(Layout(instance).configuration / "supervisord.conf") in process.info["cmdline"]
    )
    supervisor.send_signal(signal.SIGKILL)
    time.sleep(1)
    _recovers(node)
    assert _containers(instance) >= containers


def _recovers(node: Node) -> None:
    deadline = time.monotonic() + RECOVERY_SECONDS
    time.sleep(1)
    while unwell := [entry for entry in node.health() if not entry.healthy]:
        assert time.monotonic() < deadline, unwell
        time.sleep(0.5)


def _containers(instance: Instance) -> set[int]:
    return Cgroups(instance.namespace).processes(PODS)
