"""The real engine, stand-in and cluster, on a project of its own beside the environment's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from local.instance import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.environment

NAMESPACE = "standin-test"
PLANTED = "planted-hunter22"

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 0.1.0\nappVersion: '9'\n",
    "templates/config.yaml": """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: "{{ .Release.Name }}"}
        data: {text: {{ .Values.text | quote }}, key: {{ .Values.key | sha256sum | quote }}}
    """,
}

PROGRAM = f"""
import json
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

wish = json.loads(Path("wish.json").read_text())
namespace = k8s.core.v1.Namespace("namespace", metadata={{"name": "{NAMESPACE}"}})
inside = namespace.metadata["name"]
settings = k8s.core.v1.ConfigMap("settings", metadata={{"namespace": inside}}, data=wish["data"])
key = k8s.core.v1.Secret(
    "key",
    metadata={{"name": "key", "namespace": inside}},
    string_data={{"key": pulumi.Output.secret("{PLANTED}")}},
)
security = {{
    "allow_privilege_escalation": False,
    "capabilities": {{"drop": ["ALL"]}},
    "run_as_non_root": True,
    "run_as_user": 10001,
    "seccomp_profile": {{"type": "RuntimeDefault"}},
}}


def pod(command):
    container = {{
        "name": "main",
        "image": wish["image"],
        "image_pull_policy": "Never",
        "command": command,
        "security_context": security,
        "resources": {{"requests": {{"cpu": "10m"}}}},
        "env": [{{"name": "SETTINGS", "value": settings.metadata["name"]}}],
    }}
    return {{"containers": [container], "termination_grace_period_seconds": 0}}


labels = {{"app": "web"}}
web = k8s.apps.v1.Deployment(
    "web",
    metadata={{
        "name": "web",
        "namespace": inside,
        "annotations": {{"pulumi.com/timeoutSeconds": wish["timeout"]}},
    }},
    spec={{
        "replicas": wish["replicas"],
        "selector": {{"match_labels": labels}},
        "template": {{"metadata": {{"labels": labels}}, "spec": pod(["sleep", "infinity"])}},
    }},
)
service = k8s.core.v1.Service(
    "service",
    metadata={{"name": "web", "namespace": inside}},
    spec={{"selector": labels, "ports": [{{"port": 80}}]}},
)
open_spec = {{"type": "object", "x_kubernetes_preserve_unknown_fields": True}}
definition = k8s.apiextensions.v1.CustomResourceDefinition(
    "definition",
    metadata={{"name": "toys.standin-test.example.com"}},
    spec={{
        "group": "standin-test.example.com",
        "scope": "Namespaced",
        "names": {{"kind": "Toy", "plural": "toys"}},
        "versions": [
            {{
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {{
                    "open_apiv3_schema": {{
                        "type": "object",
                        "properties": {{"spec": open_spec}},
                    }}
                }},
            }}
        ],
    }},
)
toy = k8s.apiextensions.CustomResource(
    "toy",
    api_version="standin-test.example.com/v1",
    kind="Toy",
    metadata={{"name": "toy", "namespace": inside}},
    spec={{"size": wish["size"]}},
    opts=pulumi.ResourceOptions(depends_on=[definition]),
)
release = k8s.helm.v3.Release(
    "release",
    chart="./chart",
    name="demo",
    namespace=inside,
    values={{"text": wish["text"], "key": pulumi.Output.secret("{PLANTED}")}},
)
if wish["job"]:
    k8s.batch.v1.Job(
        "job",
        metadata={{"name": "job", "namespace": inside}},
        spec={{
            "backoff_limit": 0,
            "template": {{"spec": {{**pod(["python", "-c", wish["job"]]), "restart_policy": "Never"}}}},
        }},
    )
pulumi.export("settings", settings.metadata["name"])
pulumi.export("status", release.status)
pulumi.export("address", service.spec["cluster_ip"])
"""

START = {"data": {"a": "1"}, "replicas": 2, "size": 1, "text": "hello", "job": "", "timeout": "120"}


class Project:
    """A Pulumi project in a folder of its own, with a state of its own."""

    def __init__(self, folder: Path, variables: dict[str, str], image: str) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir()
        self.variables = {
            **os.environ,
            **variables,
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PATH": f"{Path(sys.executable).parent}:{variables['PATH']}",
        }
        (folder / "Pulumi.yaml").write_text("name: standin\nruntime: python\n")
        (folder / "__main__.py").write_text(PROGRAM)
        for name, text in CHART.items():
            path = folder / "chart" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        self.image = image
        self.wish()
        self.run("stack", "init", "test")

    def wish(self, **different: Any) -> None:
        wish = {**START, "image": self.image, **different}
        (self.folder / "wish.json").write_text(json.dumps(wish))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, fails: bool = False) -> str:
        with self.start(*arguments) as process:
            out, _ = process.communicate(timeout=280)
        assert (process.returncode != 0) is fails, out
        return out

    def up(self, *, fails: bool = False) -> str:
        return self.run("up", "--yes", "--skip-preview", "--stack", "test", fails=fails)

    def preview(self) -> dict[str, str]:
        """What would change: the operation of each resource that is not left as it is."""
        out = self.run("preview", "--json", "--stack", "test")
        steps = json.loads(out[out.index("{") :])["steps"]
        return {step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] != "same"}

    def export(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("stack", "export", "--stack", "test"))["deployment"]
        return found

    def kubectl(self, *arguments: str) -> str:
        done = subprocess.run(
            ["kubectl", "--namespace", NAMESPACE, *arguments],
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    images = yaml.safe_load((CHECKOUT / "stacks" / "releases" / "local.images.yaml").read_text())
    project = Project(tmp_path_factory.mktemp("standin"), variables, images["pipeline"])
    try:
        project.up()
        yield project
    finally:
        project.run("cancel", "--yes", "--stack", "test", fails=False)
        project.run("destroy", "--yes", "--skip-preview", "--stack", "test")
        assert "NotFound" in project.kubectl("get", "namespace", NAMESPACE)


@pytest.fixture(autouse=True)
def as_at_first(project: Project) -> Iterator[None]:
    project.wish()
    yield
    project.wish()


def test_what_is_up_is_ready_and_a_second_look_changes_nothing(project: Project) -> None:
    outputs = json.loads(project.run("stack", "output", "--json", "--stack", "test"))
    assert outputs["settings"].startswith("settings-")
    assert outputs["status"]["status"] == "deployed"
    assert (
        project.kubectl("get", "deployment", "web", "--output", "jsonpath={.status.availableReplicas}") == "2"
    )
    assert project.preview() == {}
    assert "unchanged" in project.run("refresh", "--yes", "--skip-preview", "--stack", "test")
    assert project.preview() == {}


def test_a_change_touches_what_it_means_and_nothing_else(project: Project) -> None:
    project.wish(replicas=1, size=2, text="bye")
    assert project.preview() == {"web": "update", "toy": "update", "release": "update"}
    project.up()
    assert project.kubectl("get", "toy", "toy", "--output", "jsonpath={.spec.size}") == "2"
    assert project.kubectl("get", "configmap", "demo", "--output", "jsonpath={.data.text}") == "bye"
    assert project.preview() == {}
    project.wish()
    project.up()


def test_new_content_of_a_config_map_rolls_what_depends_on_its_name(project: Project) -> None:
    before = project.kubectl("get", "configmap", "--output", "name")
    project.wish(data={"a": "2"})
    found = project.preview()
    assert found["settings"] in {"create-replacement", "replace", "delete-replaced"}
    assert found["web"] == "update"
    project.up()
    assert project.kubectl("get", "configmap", "--output", "name") != before
    project.wish()
    project.up()


def test_what_was_edited_behind_our_back_is_named_and_put_back(project: Project) -> None:
    project.kubectl("scale", "deployment", "web", "--replicas", "1")
    project.kubectl("patch", "toy", "toy", "--type", "merge", "--patch", '{"spec": {"size": 9, "extra": 1}}')
    project.kubectl("label", "service", "web", "team=other")

    project.run("refresh", "--yes", "--skip-preview", "--stack", "test")
    assert project.preview() == {"web": "update", "toy": "update"}
    project.up()

    assert project.kubectl("get", "deployment", "web", "--output", "jsonpath={.spec.replicas}") == "2"
    assert project.kubectl("get", "toy", "toy", "--output", "jsonpath={.spec.size} {.spec.extra}") == "1 1"
    assert "team" in project.kubectl("get", "service", "web", "--output", "jsonpath={.metadata.labels}")


def test_a_planted_secret_is_in_no_file_in_plain(project: Project) -> None:
    for file in project.state.rglob("*"):
        assert not file.is_file() or PLANTED.encode() not in file.read_bytes(), file
    export = json.dumps(project.export())
    assert PLANTED not in export


def test_a_failed_job_tells_its_last_lines_and_the_next_run_repairs_it(project: Project) -> None:
    project.wish(job="raise SystemExit('no such column: sps')")
    out = project.up(fails=True)
    assert "no such column: sps" in out
    states = [resource for resource in project.export()["resources"] if resource["urn"].endswith("::job")]
    assert states[0]["id"] == f"{NAMESPACE}/job"
    assert states[0]["initErrors"]

    project.wish(job="print('ok')")
    project.up()
    assert project.kubectl("get", "job", "job", "--output", "jsonpath={.status.succeeded}") == "1"
    project.wish()
    project.up()
    assert "NotFound" in project.kubectl("get", "job", "job")


def test_a_rollout_that_can_not_succeed_says_why_and_keeps_the_old_pods(project: Project) -> None:
    good = project.image
    project.wish(image=f"{good.partition('@')[0]}@sha256:{'0' * 64}", timeout="15")
    out = project.up(fails=True)
    assert "ErrImageNeverPull" in out
    assert "not ready after 15 s" in out
    assert (
        int(project.kubectl("get", "deployment", "web", "--output", "jsonpath={.status.availableReplicas}"))
        >= 1
    )
    project.wish()
    project.up()
    assert project.preview() == {}


def test_an_object_made_by_hand_can_be_imported(project: Project) -> None:
    project.kubectl("create", "configmap", "by-hand", "--from-literal", "a=1")
    identity = f"{NAMESPACE}/by-hand"
    out = project.run(
        "import",
        "kubernetes:core/v1:ConfigMap",
        "taken",
        identity,
        "--yes",
        "--generate-code=false",
        "--protect=false",
        "--stack",
        "test",
    )
    assert "1 imported" in out
    project.up()
    assert "NotFound" in project.kubectl("get", "configmap", "by-hand")


def test_a_killed_engine_leaves_what_the_next_run_takes_up(project: Project) -> None:
    project.wish(job="import time; time.sleep(8)")
    with project.start("up", "--yes", "--skip-preview", "--stack", "test") as process:
        deadline = time.monotonic() + 60
        while "NotFound" in project.kubectl("get", "job", "job") and time.monotonic() < deadline:
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)
    uid = project.kubectl("get", "job", "job", "--output", "jsonpath={.metadata.uid}")
    project.run("cancel", "--yes", "--stack", "test")

    project.up()

    assert project.kubectl("get", "job", "job", "--output", "jsonpath={.metadata.uid}") == uid
    assert project.kubectl("get", "job", "job", "--output", "jsonpath={.status.succeeded}") == "1"
    project.wish()
    project.up()
