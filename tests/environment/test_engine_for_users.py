"""`make shell`, then Pulumi as its users know it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from local.instance import CHECKOUT

pytestmark = pytest.mark.environment


def _in_shell(commands: str) -> subprocess.CompletedProcess[str]:
    """Type commands into `make shell`, as a person or a script would."""
    return subprocess.run(
        ["make", "--silent", "shell"],
        cwd=CHECKOUT,
        env={**os.environ, "SHELL": "/bin/bash"},
        input=commands,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_plain_preview_shows_no_change() -> None:
    result = _in_shell("pulumi preview --stack local --non-interactive --expect-no-changes\n")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_plain_up_shows_no_change() -> None:
    result = _in_shell("pulumi up --stack local --yes --non-interactive --expect-no-changes\n")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_exported_state_names_what_exists() -> None:
    result = _in_shell("pulumi stack export --stack local\n")
    types = {resource["type"] for resource in json.loads(result.stdout)["deployment"]["resources"]}
    assert {"aws:kms/key:Key", "aws:s3/bucket:Bucket", "kubernetes:apps/v1:Deployment"} <= types


def test_the_shell_has_the_cluster_tools() -> None:
    result = _in_shell("kubectl get nodes --output name && helm list --all-namespaces --short\n")
    assert result.returncode == 0, result.stderr
    assert "node/" in result.stdout
    assert "envoy-gateway" in result.stdout


def test_a_config_with_an_unknown_key_is_refused_before_the_engine_starts() -> None:
    file = CHECKOUT / "stacks" / "Pulumi.local.yaml"
    original = file.read_text()
    try:
        file.write_text(original + "  plinth:no_such_setting: 1\n")
        result = subprocess.run(
            ["make", "--silent", "up"], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        file.write_text(original)
    assert result.returncode != 0
    assert "no_such_setting" in result.stderr
    assert "pulumi" not in result.stdout.lower()
