"""Releases against a `helm` that records how it was called and keeps releases as Helm does."""

from __future__ import annotations

import base64
import gzip
import json
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.engine.kubernetes.helm import arguments, chart
from local.engine.kubernetes.helm.releases import owner_digest
from local.engine.kubernetes.helm.storage import OWNER_LABEL
from local.engine.kubernetes.provider import KubernetesProvider
from local.engine.protocol import provider_pb2
from local.engine.provider import ProviderError
from local.engine.values import UNKNOWN, Asset, Secret, reveal
from tests.local.engine.kubernetes.engine import Engine, FailedError

if TYPE_CHECKING:
    from tests.local.engine.kubernetes.api_server import ApiServer, Thing

RELEASE = "kubernetes:helm.sh/v3:Release"
URN = Engine.urn(RELEASE, "edge")

SCRIPT = """#!{python}
import json, os, sys, urllib.request
names = ("HELM_DRIVER", "HELM_REPOSITORY_CONFIG")
environment = {{name: os.environ[name] for name in names if name in os.environ}}
call = {{"argv": sys.argv[1:], "stdin": sys.stdin.read(), "environment": environment}}
request = urllib.request.Request("{url}/helm", json.dumps(call).encode(), method="POST")
answer = json.load(urllib.request.urlopen(request))
sys.stdout.write(answer.get("out", ""))
sys.stderr.write(answer.get("err", ""))
sys.exit(answer.get("code", 0))
"""


class FakeHelm:
    """Plays Helm; what it is told to fail on, fails."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.calls: list[Thing] = []
        self.fail: dict[str, str] = {}
        self.seconds = 0.0
        server.hooks["/helm"] = self

    def __call__(self, call: Thing) -> Thing:
        self.calls.append(call)
        verb, argv = call["argv"][0], call["argv"]
        if verb in {"install", "upgrade"}:
            number = len(self.secrets()) + 1
            labels = dict([argv[argv.index("--labels") + 1].split("=", 1)])
            status = "failed" if verb in self.fail else "deployed"
            self.keep(number, status, json.loads(call["stdin"]), labels)
        if verb == "uninstall":
            for path in self.secrets():
                del self.server.objects[path]
        if verb == "rollback":
            self.keep(len(self.secrets()) + 1, "deployed", {}, {})
        if verb in self.fail:
            return {"code": 1, "err": self.fail[verb]}
        return {}

    def secrets(self) -> list[str]:
        return [path for path in self.server.objects if "/secrets/sh.helm.release" in path]

    def keep(self, number: int, status: str, values: Thing, labels: Thing) -> None:
        for path in self.secrets():
            self.server.objects[path]["data"]["release"] = _packed(number - 1, "superseded", values)
        name = f"sh.helm.release.v1.edge.v{number}"
        self.server.objects[f"/api/v1/namespaces/team/secrets/{name}"] = {
            "type": "helm.sh/release.v1",
            "metadata": {"name": name, "labels": {"owner": "helm", "name": "edge", **labels}},
            "data": {"release": _packed(number, status, values)},
        }

    def verbs(self) -> list[str]:
        return [call["argv"][0] for call in self.calls]


def _packed(number: int, status: str, values: Thing) -> str:
    release = {
        "name": "edge",
        "namespace": "team",
        "version": number,
        "info": {"status": status},
        "chart": {"metadata": {"name": "demo", "version": "0.1.0", "appVersion": "9"}},
        "config": values,
        "manifest": "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: proxy}\n",
    }
    return base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()


@pytest.fixture
def helm(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHelm:
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "helm"
    script.write_text(SCRIPT.format(python=sys.executable, url=server.url))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return FakeHelm(server)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "demo"
    (path / "templates").mkdir(parents=True)
    (path / "Chart.yaml").write_text("name: demo\nversion: 0.1.0\n")
    (path / "templates" / "a.yaml").write_text("kind: A\n")
    return path


def release(folder: Path, **given: Any) -> dict[str, Any]:
    return {"chart": str(folder), "name": "edge", "values": {"replicas": 2}, **given}


def test_a_release_is_installed_and_tells_what_it_consists_of(
    engine: Engine, helm: FakeHelm, folder: Path
) -> None:
    state = engine.create(RELEASE, "edge", release(folder, createNamespace=True))

    assert state.id == "team/edge"
    assert state.outputs["status"] == {
        "appVersion": "9",
        "chart": "demo",
        "name": "edge",
        "namespace": "team",
        "revision": 1,
        "status": "deployed",
        "version": "0.1.0",
    }
    assert state.outputs["resourceNames"] == {"Deployment.apps/apps/v1": ["proxy"]}
    argv = helm.calls[0]["argv"]
    assert argv[:3] == ["install", "edge", str(folder)]
    assert {"--wait", "--create-namespace"} <= set(argv)
    assert argv[argv.index("--timeout") + 1] == "300s"


def test_values_go_through_standard_input_and_never_through_arguments(
    engine: Engine, helm: FakeHelm, folder: Path
) -> None:
    values = {"auth": {"key": Secret("hunter22")}, "adminPassword": "also-hidden"}
    state = engine.create(RELEASE, "edge", release(folder, values=values))

    assert json.loads(helm.calls[0]["stdin"]) == reveal(values)
    assert not any("hunter22" in word or "also-hidden" in word for word in helm.calls[0]["argv"])
    assert isinstance(state.outputs["values"], Secret)
    assert state.inputs["values"]["adminPassword"] == Secret("also-hidden")


def test_a_secret_in_helms_own_message_is_hidden(engine: Engine, helm: FakeHelm, folder: Path) -> None:
    helm.fail["install"] = "template: bad value hunter22 at line 3"
    with pytest.raises(FailedError) as failure:
        engine.create(RELEASE, "edge", release(folder, values={"a": Secret("hunter22")}))
    assert "bad value [secret] at line 3" in str(failure.value)


def test_the_same_release_changes_nothing(engine: Engine, helm: FakeHelm, folder: Path) -> None:
    state = engine.create(RELEASE, "edge", release(folder))
    assert engine.diff(state, release(folder)).changes == provider_pb2.DiffResponse.DIFF_NONE
    read = engine.read(state)
    assert read is not None
    assert read.inputs == state.inputs
    assert helm.verbs() == ["install"]


@pytest.mark.parametrize(
    ("given", "path", "replaces"),
    [
        ({"values": {"replicas": 3}}, "values.replicas", False),
        ({"timeout": 60}, "timeout", False),
        ({"name": "other"}, "name", True),
        ({"namespace": "other"}, "namespace", True),
    ],
)
@pytest.mark.usefixtures("helm")
def test_a_change_is_named_and_only_another_place_replaces(
    engine: Engine, folder: Path, given: Thing, path: str, *, replaces: bool
) -> None:
    state = engine.create(RELEASE, "edge", release(folder))
    diff = engine.diff(state, release(folder, **given))
    assert list(diff.detailedDiff) == [path]
    assert bool(diff.replaces) is replaces


def test_an_edited_local_chart_is_a_change(engine: Engine, helm: FakeHelm, folder: Path) -> None:
    state = engine.create(RELEASE, "edge", release(folder))
    (folder / "templates" / "a.yaml").write_text("kind: B\n")

    assert list(engine.diff(state, release(folder)).detailedDiff) == ["checksum"]
    after = engine.update(state, release(folder))
    assert helm.verbs() == ["install", "upgrade"]
    assert after.outputs["status"]["revision"] == 2


def test_a_release_edited_by_hand_is_drift(engine: Engine, helm: FakeHelm, folder: Path) -> None:
    state = engine.create(RELEASE, "edge", release(folder))
    helm.keep(2, "deployed", {"replicas": 9}, {})

    read = engine.read(state)
    assert read is not None
    assert read.inputs["values"] == {"replicas": 9}
    assert list(engine.diff(read, release(folder)).detailedDiff) == ["values.replicas"]


def test_a_release_that_is_gone_is_gone(engine: Engine, helm: FakeHelm, folder: Path) -> None:
    state = engine.create(RELEASE, "edge", release(folder))
    engine.delete(state)
    assert helm.verbs() == ["install", "uninstall"]
    assert engine.read(state) is None
    engine.delete(state)
    assert helm.verbs() == ["install", "uninstall"]


def test_a_failed_install_keeps_the_state_and_is_installed_anew(
    engine: Engine, helm: FakeHelm, folder: Path
) -> None:
    helm.fail["install"] = "context deadline exceeded"
    with pytest.raises(FailedError, match="context deadline exceeded") as failure:
        engine.create(RELEASE, "edge", release(folder))
    state = failure.value.state
    assert state is not None
    assert state.outputs["status"]["status"] == "failed"

    helm.fail.clear()
    engine.update(state, release(folder))
    assert helm.verbs() == ["install", "uninstall", "install"]


def test_an_install_that_was_killed_is_removed_and_made_again(
    engine: Engine, helm: FakeHelm, folder: Path
) -> None:
    helm.keep(1, "pending-install", {}, {OWNER_LABEL: owner_digest(URN)})
    engine.create(RELEASE, "edge", release(folder))
    assert helm.verbs() == ["uninstall", "install"]


def test_an_upgrade_that_was_killed_is_rolled_back_first(
    engine: Engine, helm: FakeHelm, folder: Path
) -> None:
    state = engine.create(RELEASE, "edge", release(folder))
    helm.keep(2, "pending-upgrade", {}, {OWNER_LABEL: owner_digest(URN)})

    with pytest.raises(FailedError, match="pending-upgrade"):
        engine.read(state)
    engine.update(state, release(folder))
    assert helm.verbs() == ["install", "rollback", "upgrade"]
    assert helm.calls[1]["argv"][1:3] == ["edge", "1"]


def test_somebody_elses_release_is_not_taken(engine: Engine, helm: FakeHelm, folder: Path) -> None:
    helm.keep(1, "deployed", {}, {})
    with pytest.raises(FailedError, match=r"was not made by this resource.*pulumi import"):
        engine.create(RELEASE, "edge", release(folder))


def test_a_release_can_be_imported(engine: Engine, helm: FakeHelm) -> None:
    helm.keep(3, "deployed", {"replicas": 2}, {})
    read = engine.imported(RELEASE, "team/edge")
    assert read is not None
    assert read.inputs == {
        "chart": "demo",
        "name": "edge",
        "namespace": "team",
        "timeout": 300,
        "values": {"replicas": 2},
        "version": "0.1.0",
    }


def test_a_preview_runs_no_helm(engine: Engine, helm: FakeHelm, folder: Path) -> None:
    state = engine.create(RELEASE, "edge", release(folder), preview=True)
    assert state.outputs["status"] is UNKNOWN
    assert helm.calls == []


def test_a_chart_that_is_not_there_is_refused_with_its_path(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(FailedError, match=r"chart: The chart .*/absent is neither a folder"):
        engine.check(RELEASE, "edge", {"chart": str(tmp_path / "absent")})


def test_a_password_for_a_repository_goes_through_standard_input(engine: Engine, helm: FakeHelm) -> None:
    repository = {"repo": "https://charts.example", "username": "me", "password": Secret("hunter22")}
    engine.create(RELEASE, "edge", {"chart": "demo", "name": "edge", "repositoryOpts": repository})

    login, install = helm.calls
    assert login["argv"][:4] == ["repo", "add", "plinth", "https://charts.example"]
    assert login["stdin"] == "hunter22"
    assert install["argv"][2] == "plinth/demo"
    assert not any("hunter22" in word for call in helm.calls for word in call["argv"])
    assert not Path(login["environment"]["HELM_REPOSITORY_CONFIG"]).parent.exists()


def test_without_helm_the_remedy_is_named(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FailedError, match=r"needs the `helm` command.*make shell"):
        engine.create(RELEASE, "edge", release(folder))


def test_a_running_helm_ends_when_the_engine_asks_to_stop(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    script = tmp_path / "helm"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    provider = KubernetesProvider()
    with Engine(provider, {"kubeconfig": server.kubeconfig}) as engine:
        threading.Timer(0.5, provider.cancel).start()
        began = time.monotonic()
        with pytest.raises(FailedError, match="was stopped, as asked"):
            engine.create(RELEASE, "edge", release(folder))
        assert time.monotonic() - began < 10


def test_options_follow_the_arguments() -> None:
    words = arguments.options(
        {"atomic": True, "skipAwait": True, "cleanupOnFail": True, "version": "1.2", "timeout": 60},
        upgrade=True,
    )
    assert words == ["--atomic", "--cleanup-on-fail", "--wait", "--timeout", "60s", "--version", "1.2"]
    assert "--wait" not in arguments.options({"skipAwait": True}, upgrade=False)
    assert "--skip-crds" in arguments.options({"skipCrds": True}, upgrade=False)


def test_value_files_lie_under_the_values() -> None:
    inputs = {
        "chart": "demo",
        "valueYamlFiles": [Asset(text="a: {b: 1, c: 1}\nd: 1"), Asset(text="a: {c: 2}")],
        "values": {"a": {"b": 9}, "d": None},
    }
    done = arguments.complete(inputs, {}, resource_name="edge", random_seed=b"s", namespace="team")
    assert done["values"] == {"a": {"b": 9, "c": 2}, "d": None}


def test_a_charts_digest_follows_content_and_names_only(folder: Path) -> None:
    before = chart.digest(folder)
    (folder / "templates" / "a.yaml").touch()
    assert chart.digest(folder) == before
    (folder / "templates" / "a.yaml").rename(folder / "templates" / "b.yaml")
    assert chart.digest(folder) != before


def test_an_archives_chart_is_read(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "demo.tgz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "demo")
    assert chart.metadata(path)["version"] == "0.1.0"
    path.write_bytes(b"no archive")
    with pytest.raises(ProviderError, match="is no Helm chart"):
        chart.metadata(path)
