"""Every step of a composite resource fails once; the next run of the real engine goes on from what is left.

A run may fail only because a step was made to fail in it. If what an earlier failure left were not repaired,
a run would fail without one, and the test with it.
"""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
import requests

from local.engine.environment import environment
from local.engine.install import install
from local.instance import CHECKOUT, Instance
from local.toolchain import Tool, Toolchain
from tests.chaos.faults import CODE, Fault, FaultyEmulator
from tests.chaos.orphans import aws_by_list, aws_by_tag
from tests.chaos.plan import is_short
from tests.environment.test_engine import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(is_short(), reason="not part of a short run"),
]

SAYS = {Fault.REFUSED: CODE, Fault.ANSWER_LOST: "it may have been done"}
"""What a run says of a step that failed."""

RIDDEN_OUT = {Fault.REFUSED: frozenset[str](), Fault.ANSWER_LOST: frozenset({"s3 PUT object"})}
"""Steps that are done again at once where their answer is lost: an object may be put any number of times."""

RUNS = 60
"""More than there are steps: a test that needs more hangs."""

PROGRAM = """
import json
import pulumi
import pulumi_aws as aws

config = pulumi.Config()
shape = config.get("shape") or "first"
second = shape == "second"


class Store(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("test:index:Store", name)
        here = pulumi.ResourceOptions(parent=self)
        tags = {"owner": shape}
        key = aws.kms.Key(name, description=shape, tags=tags, enable_key_rotation=second, opts=here)
        aws.kms.Alias(name, name=f"alias/{name}", target_key_id=key.key_id, opts=here)
        bucket = aws.s3.Bucket(name, force_destroy=True, tags=tags, opts=here)
        aws.s3.BucketVersioning(
            name,
            bucket=bucket.bucket,
            versioning_configuration={"status": "Suspended" if second else "Enabled"},
            opts=here,
        )
        aws.s3.BucketPublicAccessBlock(
            name, bucket=bucket.bucket, block_public_acls=True, block_public_policy=second, opts=here
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[{
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": "aws:kms", "kms_master_key_id": key.arn
                },
                "bucket_key_enabled": second,
            }],
            opts=here,
        )
        aws.s3.BucketObjectv2(name, bucket=bucket.bucket, key="data", content=shape, opts=here)
        aws.dynamodb.Table(
            name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="id",
            attributes=[{"name": "id", "type": "S"}],
            ttl={"attribute_name": "until", "enabled": True},
            point_in_time_recovery={"enabled": second},
            server_side_encryption={"enabled": True, "kms_key_arn": key.arn},
            tags=tags,
            opts=here,
        )
        trust = {"Version": "2012-10-17", "Statement": []}
        role = aws.iam.Role(
            name, description=shape, assume_role_policy=json.dumps(trust), tags=tags, opts=here
        )
        action = "s3:GetObject" if second else "s3:ListBucket"
        grant = {"Effect": "Allow", "Action": action, "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [grant]}
        aws.iam.RolePolicy(name, role=role.name, policy=json.dumps(policy), opts=here)
        aws.ssm.Parameter(name, type="String", value=shape, tags=tags, opts=here)


Store("store")
"""


@pytest.fixture
def emulator() -> Iterator[FaultyEmulator]:
    with FaultyEmulator() as emulator:
        requests.post(f"{emulator.url}/moto-api/reset", timeout=10)  # moto's memory is the process's
        emulator.steps.clear()
        yield emulator


@pytest.fixture
def project(tmp_path: Path, emulator: FaultyEmulator) -> Project:
    instance = Instance(name="faults", checkout=tmp_path, cache=tmp_path / "cache")
    pulumi = Toolchain.installed(Instance.of_checkout().cache, [Tool.PULUMI]).path(Tool.PULUMI)
    install(instance, pulumi)
    instance.pulumi_state.mkdir(parents=True)
    folder = tmp_path / "project"
    (folder / "stacks").mkdir(parents=True)
    (folder / "stacks" / "__main__.py").write_text(textwrap.dedent(PROGRAM))
    runtime = {"name": "python", "options": {"virtualenv": str(CHECKOUT / ".venv")}}
    description = {"name": "tiny", "main": "stacks", "stackConfigDir": "stacks", "runtime": runtime}
    (folder / "Pulumi.yaml").write_text(json.dumps(description))
    made = Project(folder, environment(instance, emulator.url, "127.0.0.1"), emulator.url)
    made.pulumi("stack", "init")
    return made


def _until_it_succeeds(project: Project, emulator: FaultyEmulator, fault: Fault, *words: str) -> int:
    """Run again and again while steps fail; gives how many runs failed."""
    emulator.fail(fault)
    for failures in range(RUNS):
        before = emulator.failed
        running = project.start(*words, "--yes", "--skip-preview")
        out, _ = running.communicate(timeout=240)
        if running.returncode == 0:
            unsaid = emulator.failed - before - RIDDEN_OUT[fault]
            assert not unsaid, f"{unsaid} failed and the run says nothing of it: {out}"
            return failures
        assert emulator.failed > before, f"a run failed on what an earlier one had left: {out}"
        assert SAYS[fault] in out
    raise AssertionError(f"not done after {RUNS} runs")


def _as_declared(project: Project, shape: str) -> None:
    unchanged = ("--expect-no-changes", "--config", f"shape={shape}")
    project.pulumi("preview", *unchanged)
    project.pulumi("refresh", "--preview-only", "--expect-no-changes", "--diff")
    resources: list[dict[str, Any]] = project.resources()
    assert [*aws_by_list(resources, project.variables), *aws_by_tag(resources, project.variables)] == []
    assert len([entry for entry in resources if entry.get("custom")]) == 12


@pytest.mark.parametrize("fault", Fault, ids=str)
def test_each_step_of_a_creation_fails_once_and_the_next_run_goes_on(
    project: Project, emulator: FaultyEmulator, fault: Fault
) -> None:
    failures = _until_it_succeeds(project, emulator, fault, "up", "--config", "shape=first")
    assert failures >= 3
    created = {"kms CreateKey", "kms CreateAlias", "dynamodb CreateTable", "iam CreateRole", "s3 PUT bucket"}
    assert created <= emulator.failed
    _as_declared(project, "first")


@pytest.mark.parametrize("fault", Fault, ids=str)
def test_each_step_of_an_update_fails_once_and_the_next_run_goes_on(
    project: Project, emulator: FaultyEmulator, fault: Fault
) -> None:
    project.pulumi("up", "--yes", "--skip-preview", "--config", "shape=first")
    failures = _until_it_succeeds(project, emulator, fault, "up", "--config", "shape=second")
    assert failures >= 1
    assert len(emulator.failed) >= 8
    assert {"kms TagResource", "dynamodb TagResource"} <= emulator.failed
    _as_declared(project, "second")


@pytest.mark.parametrize("fault", Fault, ids=str)
def test_each_step_of_a_deletion_fails_once_and_the_next_run_goes_on(
    project: Project, emulator: FaultyEmulator, fault: Fault
) -> None:
    project.pulumi("up", "--yes", "--skip-preview", "--config", "shape=first")
    failures = _until_it_succeeds(project, emulator, fault, "destroy")
    assert failures >= 1
    deleted = {"dynamodb DeleteTable", "iam DeleteRole", "kms DeleteAlias", "s3 DELETE bucket"}
    assert deleted <= emulator.failed
    assert project.resources() == []
    assert [*aws_by_list([], project.variables), *aws_by_tag([], project.variables)] == []
