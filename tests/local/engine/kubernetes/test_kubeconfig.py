from __future__ import annotations

import base64
import json
import stat
from typing import TYPE_CHECKING

import pytest
import yaml

from local.engine.kubernetes import kubeconfig
from local.engine.kubernetes.client import Client
from local.engine.kubernetes.settings import Settings
from local.engine.provider import ProviderError
from local.engine.values import UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.engine.kubernetes.api_server import ApiServer

CONFIGURATION = {
    "clusters": [
        {"name": "a", "cluster": {"server": "https://a.example:6443/"}},
        {"name": "b", "cluster": {"server": "https://b.example"}},
    ],
    "users": [
        {"name": "u", "user": {"token": "t"}},
        {"name": "w", "user": {"username": "me", "password": "p"}},
    ],
    "contexts": [
        {"name": "first", "context": {"cluster": "a", "user": "u", "namespace": "team"}},
        {"name": "second", "context": {"cluster": "b", "user": "w"}},
    ],
    "current-context": "first",
}


def test_the_current_context_decides_unless_another_is_named() -> None:
    text = yaml.safe_dump(CONFIGURATION)
    first = kubeconfig.load(text)
    assert (first.url, first.namespace) == ("https://a.example:6443", "team")
    assert first.credentials().headers == {"Authorization": "Bearer t"}
    second = kubeconfig.load(text, "second")
    assert (second.url, second.namespace) == ("https://b.example", "default")
    basic = base64.b64encode(b"me:p").decode()
    assert second.credentials().headers == {"Authorization": f"Basic {basic}"}
    assert kubeconfig.load(text, cluster="b").url == "https://b.example"


def test_content_may_be_parsed_already_or_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps(CONFIGURATION))
    assert kubeconfig.load(CONFIGURATION).url == kubeconfig.load(str(path)).url


def test_the_environments_files_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text(yaml.safe_dump({"contexts": CONFIGURATION["contexts"], "current-context": "first"}))
    two.write_text(yaml.safe_dump({"clusters": CONFIGURATION["clusters"], "users": CONFIGURATION["users"]}))
    monkeypatch.setenv("KUBECONFIG", f"{one}:{two}")
    assert kubeconfig.load().url == "https://a.example:6443"


@pytest.mark.parametrize(
    ("content", "context", "message"),
    [
        ("/nowhere/config", None, "/nowhere/config can't be read.*make up"),
        (yaml.safe_dump(CONFIGURATION), "third", "has no context 'third'; it has: first, second"),
        ("a: b\nc: d\n", None, "has no current context"),
        ("- 1\n- 2\n", None, "is not a kubeconfig"),
        ("a: [\nb", None, "is not YAML"),
    ],
)
def test_what_is_wrong_is_named(content: str, context: str | None, message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        kubeconfig.load(content, context)


def program(tmp_path: Path, body: str) -> str:
    path = tmp_path / "login"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_credential_program_is_asked_and_its_answer_kept(tmp_path: Path, server: ApiServer) -> None:
    count = tmp_path / "count"
    answer = json.dumps({"status": {"token": "from-program", "expirationTimestamp": "2999-01-01T00:00:00Z"}})
    command = program(tmp_path, f"echo x >> {count}\necho '{answer}'")
    configuration = {
        "clusters": [{"name": "a", "cluster": {"server": server.url}}],
        "users": [
            {
                "name": "u",
                "user": {"exec": {"command": command, "apiVersion": "client.authentication.k8s.io/v1"}},
            }
        ],
        "contexts": [{"name": "c", "context": {"cluster": "a", "user": "u"}}],
        "current-context": "c",
    }
    cluster = kubeconfig.load(configuration)
    assert cluster.credentials().headers == {"Authorization": "Bearer from-program"}
    client = Client(cluster)
    client.request("GET", "/api/v1")
    client.request("GET", "/api/v1")
    assert count.read_text() == "x\nx\n"


def test_a_credential_program_that_fails_is_quoted(tmp_path: Path) -> None:
    command = program(tmp_path, "echo 'session expired' >&2; exit 7")
    configuration = {
        "clusters": [{"name": "a", "cluster": {"server": "https://a.example"}}],
        "users": [{"name": "u", "user": {"exec": {"command": command}}}],
        "contexts": [{"name": "c", "context": {"cluster": "a", "user": "u"}}],
        "current-context": "c",
    }
    with pytest.raises(ProviderError, match="status 7: session expired"):
        kubeconfig.load(configuration).credentials()


def test_settings_come_from_the_program_before_the_environment() -> None:
    surroundings = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS": "true"}
    settings = Settings.of({"upsertExistingObjects": "false", "namespace": "team"}, surroundings)
    assert settings.patch_force
    assert not settings.upsert
    assert settings.namespace == "team"


def test_an_emulated_eks_cluster_is_played_by_the_one_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ambient = tmp_path / "config"
    ambient.write_text(yaml.safe_dump(CONFIGURATION))
    monkeypatch.setenv("KUBECONFIG", str(ambient))
    eks = json.dumps(
        {
            "clusters": [{"name": "e", "cluster": {"server": "https://x.eu-west-1.eks.amazonaws.com/"}}],
            "contexts": [{"name": "e", "context": {"cluster": "e"}}],
            "current-context": "e",
        },
        indent=2,
    )
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert kubeconfig.load(eks).url == "https://x.eu-west-1.eks.amazonaws.com"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    assert kubeconfig.load(eks).url == "https://a.example:6443"
    assert Settings.of({"kubeconfig": eks}, {}).kubeconfig is None
    other = yaml.safe_dump({**CONFIGURATION, "current-context": "second"})
    assert kubeconfig.load(other).url == "https://b.example"


def test_a_cluster_that_is_still_to_be_made_is_previewed_on_the_one_at_hand() -> None:
    assert Settings.of({"kubeconfig": UNKNOWN}, {}).kubeconfig is None
