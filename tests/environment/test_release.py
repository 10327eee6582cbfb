"""Rolling to another model version and back, through the release file and the real engine."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from local.commands import release as commands
from local.errors import LocalError
from local.instance import CHECKOUT
from local.progress import Progress
from local.release import Release
from tests.environment.conftest import EXAMPLE
from tests.environment.load import Load

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from local.environment import Environment
    from tests.environment.conftest import Kubectl

pytestmark = [pytest.mark.environment, pytest.mark.timeout(900)]

CONFIG = CHECKOUT / "stacks" / "Pulumi.local.yaml"


@pytest.fixture
def release(environment: Environment) -> Iterator[Release]:
    """What is served; served again when the test ends, whatever it did."""
    before = environment.release.read()
    assert before is not None
    yield before
    if environment.release.read() != before:
        environment.release.write(before)
        environment.stack.up(Progress(), "restore the release")


@pytest.fixture
def other_version(environment: Environment, release: Release) -> Iterator[Release]:  # noqa: ARG001 - restored after
    """A second model, trained by the same pipeline with another seed, as a user would ask for it."""
    original = CONFIG.read_text()
    config = yaml.safe_load(original)
    training = config["config"]["plinth:training"]
    training["hyperparameters"] = {**training.get("hyperparameters", {}), "seed": 20261122}
    try:
        CONFIG.write_text(yaml.safe_dump(config, sort_keys=False))
        environment.stack.up(Progress(), "train another version")
        artifacts = environment.artifacts()
        assert artifacts is not None
        yield artifacts.find(str(environment.stack.outputs()["training_version"])).release
    finally:
        CONFIG.write_text(original)


def test_rolling_to_another_version_and_back_under_load_fails_no_request(
    environment: Environment, release: Release, other_version: Release, url: str, api: httpx.Client
) -> None:
    assert other_version.artifact_sha256 != release.artifact_sha256
    with Load(url, EXAMPLE, rate=50) as load:
        time.sleep(2)
        commands.release(environment, Progress(), other_version.version)
        assert api.post("/v1/predictions", json=EXAMPLE).json()["model_version"] == other_version.version
        time.sleep(2)
        commands.rollback(environment, Progress())
        time.sleep(2)
    assert load.failures == []
    assert set(load.versions) == {release.version, other_version.version}
    assert environment.release.read() == release
    assert api.post("/v1/predictions", json=EXAMPLE).json()["model_version"] == release.version


def test_an_artifact_with_the_wrong_hash_never_serves_and_the_old_version_goes_on(
    environment: Environment, release: Release, api: httpx.Client, kubectl: Kubectl
) -> None:
    environment.release.write(Release(release.model, release.version, "0" * 64))
    with pytest.raises(LocalError) as caught:
        environment.stack.up(Progress(), "serve a wrong hash")
    assert "0000" in str(caught.value) or "ready" in str(caught.value).lower()
    pods = kubectl.get("pods", "--selector", "app.kubernetes.io/component=inference-service")["items"]
    unready = [
        pod["metadata"]["name"]
        for pod in pods
        if not all(status["ready"] for status in pod["status"].get("containerStatuses", []))
    ]
    assert len(unready) == 1
    log = kubectl("logs", unready[0])
    assert "0" * 64 in log
    assert release.artifact_sha256 in log
    assert api.post("/v1/predictions", json=EXAMPLE).json()["artifact_sha256"] == release.artifact_sha256


def test_a_version_that_was_never_trained_is_refused_and_nothing_changes(
    environment: Environment, release: Release
) -> None:
    with pytest.raises(LocalError, match="No complete model version 'never'"):
        commands.release(environment, Progress(), "never")
    assert environment.release.read() == release


def test_two_commands_at_once_are_refused(environment: Environment) -> None:
    with (
        environment.exclusively("first"),
        pytest.raises(LocalError, match="make first"),
        environment.exclusively("second"),
    ):
        contextlib.nullcontext()
