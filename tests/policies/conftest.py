"""The compliant environment, read the way the gate reads a real one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

# The importlib import mode adds no folder to the path; these tests share one environment.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
# The recorder of declared resources stands with the components' tests.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "components"))

from typing import TYPE_CHECKING

from policies.core import config as policy_config
from policies.core.resources import Resource, Stack
from policies.core.state import read_manifests, read_release, read_state
from policies.registry import RULES
from tests.policies.compliant import SHA256, state
from tests.policies.compliant_kubernetes import manifests

if TYPE_CHECKING:
    from policies.core.evaluate import Settings

RELEASE = {"model": "support2-mortality", "version": "v1", "artifact_sha256": SHA256}


def pytest_configure(config: pytest.Config) -> None:
    # The AWS SDK warns of its own old classes when it loads them; nothing here uses them.
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning:pulumi_aws.*")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compliant environment's files."""
    path = tmp_path_factory.mktemp("compliant")
    (path / "state.json").write_text(json.dumps(state()))
    (path / "envoy-gateway.yaml").write_text(yaml.safe_dump_all(manifests()))
    (path / "prod.yaml").write_text(yaml.safe_dump(RELEASE))
    (path / "card.md").write_text("# What the model is for\n")
    return path


@pytest.fixture(scope="session")
def compliant(folder: Path) -> tuple[Resource, ...]:
    """Its resources."""
    _, resources = read_state(folder / "state.json")
    resources += read_manifests(folder / "envoy-gateway.yaml", "plinth")
    return (*resources, read_release(folder / "prod.yaml", folder / "card.md"))


@pytest.fixture(scope="session")
def stack(compliant: tuple[Resource, ...]) -> Stack:
    return Stack(compliant, resolved=True)


@pytest.fixture(scope="session")
def settings() -> Settings:
    return policy_config.complete({}, RULES, where="defaults")
