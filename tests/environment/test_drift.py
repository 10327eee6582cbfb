"""Drift in the running environment: found, named, put back; what controllers own is left alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from local.commands import release as commands
from local.commands.drift import drift
from local.drift import find_drift
from local.errors import LocalError
from local.instance import CHECKOUT, STACK
from local.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.environment import Environment
    from tests.environment.conftest import Aws, Kubectl

pytestmark = [pytest.mark.environment, pytest.mark.timeout(900)]

CONFIG = CHECKOUT / "stacks" / "Pulumi.local.yaml"


@pytest.fixture
def put_back(environment: Environment) -> Iterator[None]:
    yield
    environment.stack.up(Progress(), "put back what a test changed")


@pytest.mark.usefixtures("put_back")
def test_a_loosened_bucket_policy_and_an_edited_deployment_are_named_and_put_back(
    environment: Environment, aws: Aws, kubectl: Kubectl, outputs: dict[str, Any]
) -> None:
    s3, bucket = aws.client("s3"), outputs["raw_bucket"]
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    document = json.loads(policy)
    document["Statement"] = document["Statement"][1:]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))
    deployment = kubectl.get("deployments")["items"][0]["metadata"]["name"]
    edit = [{"op": "replace", "path": "/spec/template/spec/terminationGracePeriodSeconds", "value": 25}]
    kubectl("patch", "deployment", deployment, "--type", "json", "--patch", json.dumps(edit))

    with pytest.raises(LocalError) as refusal:
        drift(environment, Progress(), STACK)
    told = str(refusal.value)
    assert "aws:s3/bucketPolicy:BucketPolicy data-raw-policy: changed: policy" in told
    assert "spec.template.spec.terminationGracePeriodSeconds" in told
    assert len(find_drift(environment.stack)) == 2

    environment.stack.up(Progress(), "put it back")
    assert find_drift(environment.stack) == []
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(policy)


def test_what_controllers_own_is_no_drift(environment: Environment, kubectl: Kubectl) -> None:
    deployment = kubectl.get("deployments")["items"][0]["metadata"]["name"]
    kubectl("annotate", "deployment", deployment, "example.org/note=written-by-somebody", "--overwrite")
    try:
        assert find_drift(environment.stack) == []
    finally:
        kubectl("annotate", "deployment", deployment, "example.org/note-")


@pytest.mark.usefixtures("put_back")
def test_a_release_beside_another_change_is_refused_and_changes_nothing(environment: Environment) -> None:
    original, before = CONFIG.read_text(), environment.release.read()
    assert before is not None
    config = yaml.safe_load(original)
    config["config"]["plinth:data"]["quarantineDays"] = 8
    try:
        CONFIG.write_text(yaml.safe_dump(config, sort_keys=False))
        with pytest.raises(LocalError, match=r"(?s)refused.*data-quarantine-lifecycle"):
            commands.release(environment, Progress(), before.version)
    finally:
        CONFIG.write_text(original)
    assert environment.release.read() == before
