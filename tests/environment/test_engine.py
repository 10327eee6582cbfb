"""The real engine with our language host and aws stand-in, on an emulator and a state of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from local.engine.environment import environment
from local.engine.install import install
from local.instance import CHECKOUT, Instance
from local.toolchain import Tool, Toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.environment

SECONDS = 240
PASSWORD = "planted-hunter2"  # noqa: S105 - planted to be searched for

PROGRAM = """
import json
import pulumi
import pulumi_aws as aws

config = pulumi.Config()
key = aws.kms.Key("raw", description=config.get("description") or "raw", tags={"owner": "data"})
aws.kms.Alias("raw", name="alias/raw", target_key_id=key.key_id)
bucket = aws.s3.Bucket("raw", force_destroy=True)
aws.s3.BucketPublicAccessBlock("raw", bucket=bucket.bucket, block_public_acls=True)
aws.s3.BucketObjectv2("data", bucket=bucket.bucket, key="data.txt", source=pulumi.FileAsset("../data.txt"))
for index in range(config.get_int("tables") or 1):
    aws.dynamodb.Table(
        f"table-{index}",
        billing_mode="PAY_PER_REQUEST",
        hash_key=config.get("key") or "id",
        attributes=[{"name": config.get("key") or "id", "type": "S"}],
        server_side_encryption={"enabled": True, "kms_key_arn": key.arn},
    )
role = aws.iam.Role("serve", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": []}))
aws.ssm.Parameter("password", type="SecureString", value=config.require_secret("password"))
aws.cloudwatch.CompositeAlarm("all", alarm_name="all", alarm_rule="ALARM(x)")
pulumi.export("bucket", bucket.bucket)
pulumi.export("rotation", key.rotation_period_in_days)
pulumi.export("account", aws.get_caller_identity().account_id)
if config.get_bool("broken"):
    raise ValueError("the moon is full")
print("hello from the program")
"""


@dataclass
class Project:
    """A project with its own engine home, state and emulator."""

    folder: Path
    variables: dict[str, str]
    endpoint: str

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        result = self.start(*arguments)
        out, _ = result.communicate(timeout=SECONDS)
        assert (result.returncode != 0) == fails, out
        return out

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["pulumi", *arguments, "--stack", "local", "--non-interactive"],
            cwd=self.folder,
            env={**os.environ, **self.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def up(self, **config: str) -> str:
        settings = [word for name, value in config.items() for word in ("--config", f"{name}={value}")]
        return self.pulumi("up", "--yes", "--skip-preview", *settings)

    def resources(self) -> list[dict[str, Any]]:
        exported = json.loads(self.pulumi("stack", "export"))
        return list(exported["deployment"].get("resources", []))

    def identity(self, kind: str) -> str:
        return next(str(found["id"]) for found in self.resources() if found["type"] == kind)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
        )


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    pulumi = Toolchain.installed(Instance.of_checkout().cache, [Tool.PULUMI]).path(Tool.PULUMI)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    requests.post(f"{endpoint}/moto-api/reset", timeout=10)  # moto's memory is the process's
    instance = Instance(name="engine-test", checkout=tmp_path, cache=tmp_path / "cache")
    install(instance, pulumi)
    instance.pulumi_state.mkdir(parents=True)
    folder = tmp_path / "project"
    (folder / "stacks").mkdir(parents=True)
    (folder / "stacks" / "__main__.py").write_text(textwrap.dedent(PROGRAM))
    (folder / "data.txt").write_text("one")
    runtime = {"name": "python", "options": {"virtualenv": str(CHECKOUT / ".venv")}}
    description = {"name": "tiny", "main": "stacks", "stackConfigDir": "stacks", "runtime": runtime}
    (folder / "Pulumi.yaml").write_text(json.dumps(description))
    variables = environment(instance, endpoint, host)
    made = Project(folder, variables, endpoint)
    made.pulumi("stack", "init")
    made.pulumi("config", "set", "--secret", "password", PASSWORD)
    yield made
    server.stop()


def test_a_stack_goes_up_stays_changes_and_goes_down(project: Project) -> None:
    out = project.up()
    assert "hello from the program" in out
    assert "from $PATH" not in out, "the engine warns of nothing"
    assert "recorded only: the emulator can't realise aws:cloudwatch/compositeAlarm" in out
    assert "10 unchanged" in project.pulumi("preview", "--expect-no-changes")
    assert "10 unchanged" in project.up()
    assert "10 unchanged" in project.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    outputs = json.loads(project.pulumi("stack", "output", "--json"))
    assert outputs["account"] == "123456789012"
    assert outputs["rotation"] == 365

    out = project.up(description="cooked", key="other")
    assert "~ 1 updated" in out
    assert "+-1 replaced" in out
    (project.folder / "data.txt").write_text("two")
    assert "~ 1 updated" in project.up(description="cooked", key="other")
    body = project.client("s3").get_object(Bucket=outputs["bucket"], Key="data.txt")["Body"].read()
    assert body == b"two"

    project.pulumi("destroy", "--yes", "--skip-preview")
    assert project.resources() == []
    assert project.client("s3").list_buckets()["Buckets"] == []
    assert project.client("dynamodb").list_tables()["TableNames"] == []


def test_a_secret_is_nowhere_open_in_the_state(project: Project) -> None:
    project.up()
    state = Path(project.variables["PULUMI_BACKEND_URL"].removeprefix("file://"))
    files = [file for file in state.rglob("*") if file.is_file()]
    assert files
    for file in [*files, *(project.folder / "stacks").glob("*.yaml")]:
        assert PASSWORD.encode() not in file.read_bytes(), file


def test_an_exception_of_the_program_is_shown_from_its_own_line_on(project: Project) -> None:
    out = project.pulumi("preview", "--config", "broken=true", fails=True)
    assert "ValueError: the moon is full" in out
    assert "run_in_stack" not in out
    assert "runpy" not in out


def test_a_role_that_exists_can_be_imported(project: Project) -> None:
    project.up()
    name = project.identity("aws:iam/role:Role")
    arguments = ("--yes", "--generate-code=false", "--protect=false", "--skip-preview")
    project.pulumi("import", "aws:iam/role:Role", "imported", name, *arguments)
    assert [found["id"] for found in project.resources() if found["type"] == "aws:iam/role:Role"] == [
        name,
        name,
    ]


@pytest.mark.parametrize("seconds", [3.0, 5.0, 8.0])
def test_a_killed_update_is_repaired_by_the_next_and_leaves_no_orphan(
    project: Project, seconds: float
) -> None:
    killed = project.start("up", "--yes", "--skip-preview", "--config", "tables=8")
    time.sleep(seconds)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    project.pulumi("cancel", "--yes")
    project.up(tables="8")
    assert "17 unchanged" in project.up(tables="8")
    assert len(project.client("dynamodb").list_tables()["TableNames"]) == 8
    assert len(project.client("s3").list_buckets()["Buckets"]) == 1
    assert len(project.client("kms").list_keys()["Keys"]) == 1 + _aws_keys(project)
    assert len(project.client("iam").list_roles()["Roles"]) == 1


def _aws_keys(project: Project) -> int:
    """Keys that the emulator made for itself, such as SSM's own."""
    kms = project.client("kms")
    described = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    return sum(key.get("KeyManager") == "AWS" for key in described)
