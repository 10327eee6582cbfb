"""What is written before a start: where things listen, who may read what, what stays the same."""

from __future__ import annotations

import base64
import json
import re
import stat
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from local.cluster.layout import Layout
    from local.cluster.preparation import Preparation
    from local.supervision.program import Program

LISTENING_OPTIONS = re.compile(r"--(bind-address|listen-\S+-urls|host|address)=?")


def document(layout: Layout, name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((layout.configuration / name).read_text())
    return result


@pytest.fixture
def programs(preparation: Preparation) -> dict[str, Program]:
    return {program.name: program for program in preparation.write()}


def test_no_program_listens_on_every_address(layout: Layout, programs: dict[str, Program]) -> None:
    for program in programs.values():
        assert "0.0.0.0" not in " ".join(program.command), program.name  # noqa: S104 - that it is not there
    for file in layout.configuration.rglob("*"):
        if file.is_file() and file.suffix != ".conflist":  # there it is a route
            assert "0.0.0.0" not in file.read_text(), file.name  # noqa: S104 - as above


def test_every_listening_option_is_given_and_names_the_node_or_loopback(
    layout: Layout, programs: dict[str, Program]
) -> None:
    allowed = re.compile(rf"{re.escape(layout.instance.node_address)}|https://127\.0\.0\.1:\d+|127\.0\.0\.1")
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        given = [word for word in programs[name].command if LISTENING_OPTIONS.match(word)]
        assert given, name
        assert all(allowed.fullmatch(word.partition("=")[2]) for word in given), given
    assert programs["emulator"].command[3:5] == ("--host", layout.instance.node_address)
    assert document(layout, "kubelet.json")["address"] == layout.instance.node_address
    assert document(layout, "kubelet.json")["readOnlyPort"] == 0
    assert document(layout, "kube-proxy.json")["bindAddress"] == layout.instance.node_address
    blocks = re.findall(r"^\S.*\{$", (layout.configuration / "Corefile").read_text(), re.MULTILINE)
    binds = re.findall(r"bind (\S+)", (layout.configuration / "Corefile").read_text())
    assert binds == [layout.instance.node_address] * len(blocks)


def test_nobody_else_reads_what_is_written(layout: Layout, programs: dict[str, Program]) -> None:
    assert programs
    secret = [layout.pki, layout.configuration, layout.kubeconfigs]
    for folder in secret:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for file in folder.rglob("*"):
            if file.is_file() and file.name != "resolv.conf":
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(layout.instance.kubeconfig.stat().st_mode) == 0o600


def test_no_secret_is_an_argument_or_a_variable(layout: Layout, programs: dict[str, Program]) -> None:
    key = (layout.pki / "secrets-encryption.key").read_text()
    private = (layout.pki / "service-accounts.key").read_text().splitlines()[1]
    words = " ".join(
        word for program in programs.values() for word in (*program.command, *program.environment.values())
    )
    assert key not in words
    assert private not in words
    assert key not in (layout.configuration / "supervisord.conf").read_text()


def test_the_key_that_reads_the_stored_secrets_is_kept(layout: Layout, preparation: Preparation) -> None:
    preparation.write()
    before = document(layout, "encryption.json")
    preparation.write()
    assert document(layout, "encryption.json") == before
    provider = before["resources"][0]["providers"][0]
    assert len(base64.b64decode(provider["secretbox"]["keys"][0]["secret"])) == 32


def test_writing_again_changes_nothing(preparation: Preparation) -> None:
    preparation.write()
    before = preparation.fingerprint()
    preparation.write()
    assert preparation.fingerprint() == before


def test_the_shell_that_starts_a_node_makes_no_difference(
    preparation: Preparation, monkeypatch: pytest.MonkeyPatch
) -> None:
    preparation.write()
    before = preparation.fingerprint()
    monkeypatch.setenv("PATH", "/somewhere/bin", prepend=":")
    preparation.write()
    assert preparation.fingerprint() == before


def test_other_configuration_is_another_node(layout: Layout, preparation: Preparation) -> None:
    preparation.write()
    before = preparation.fingerprint()
    (layout.configuration / "kubelet.json").write_text("{}")
    assert preparation.fingerprint() != before


def test_what_a_killed_command_left_half_written_is_no_configuration(
    layout: Layout, preparation: Preparation
) -> None:
    preparation.write()
    before = preparation.fingerprint()
    (layout.configuration / ".kubelet.json.4711.k2_x91ab").write_text("{")
    assert preparation.fingerprint() == before, "the node would be restarted"


def test_requests_are_authenticated_everywhere(layout: Layout, programs: dict[str, Program]) -> None:
    server = programs["kube-apiserver"].command
    assert "--anonymous-auth=false" in server
    assert "--authorization-mode=Node,RBAC" in server
    assert "--client-cert-auth=true" in programs["etcd"].command
    kubelet = document(layout, "kubelet.json")
    assert kubelet["authentication"]["anonymous"]["enabled"] is False
    assert kubelet["authorization"]["mode"] == "Webhook"


def test_the_kubelet_never_removes_an_image(layout: Layout, programs: dict[str, Program]) -> None:
    assert programs
    kubelet = document(layout, "kubelet.json")
    assert kubelet["imageGCHighThresholdPercent"] == 100
    assert kubelet["imageMaximumGCAge"] == "0s"


def test_pods_and_containerd_agree_on_the_pause_image(layout: Layout, preparation: Preparation) -> None:
    preparation.write()
    settings = tomllib.loads((layout.configuration / "containerd.toml").read_text())
    assert settings["plugins"]["io.containerd.grpc.v1.cri"]["sandbox_image"] == preparation.pause
    assert "@sha256:" in preparation.pause


def test_the_audit_log_holds_no_content(layout: Layout, programs: dict[str, Program]) -> None:
    assert programs
    assert {rule["level"] for rule in document(layout, "audit-policy.json")["rules"]} == {"None", "Metadata"}


def test_the_pods_network_leaves_no_lease_behind(layout: Layout, programs: dict[str, Program]) -> None:
    assert programs
    bridge = document(layout, "cni/10-plinth.conflist")["plugins"][0]
    assert bridge["ipam"]["dataDir"].startswith("/run/")
    assert bridge["ipMasq"] is False
