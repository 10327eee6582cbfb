"""A planted secret, and the environment's own keys, are nowhere in plain where they could be read.

The secret is a secret config value of a stack of its own, which goes through the real engine and both
stand-ins to the running environment's emulator and cluster; one update succeeds and one fails at each of
them, because errors like to quote.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import subprocess
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.cluster.layout import Layout
from local.instance import CHECKOUT
from tests.environment.leaks import SHARED, ArgumentWatch, holds, in_files, in_readable_files, needles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.environment import Environment
    from tests.environment.conftest import Aws, Kubectl

pytestmark = pytest.mark.environment

SECONDS = 240
SNAPSHOT_SECONDS = 30
"""For the emulator to write down a change; it waits for a quiet moment, not for long."""

PROGRAM = """
import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

config = pulumi.Config()
name, value, namespace = config.require("name"), config.require_secret("planted"), config.require("namespace")
aws.ssm.Parameter("planted", name=f"/{name}", type="SecureString", value=value)
secret = aws.secretsmanager.Secret("planted", name=name, recovery_window_in_days=0)
aws.secretsmanager.SecretVersion("planted", secret_id=secret.id, secret_string=value)
k8s.core.v1.Secret("planted", metadata={"name": name, "namespace": namespace}, string_data={"value": value})
pulumi.export("planted", value)
if config.get("broken") == "aws":
    aws.ssm.Parameter("broken", name="aws/refused", type="SecureString", value=value)
if config.get("broken") == "kubernetes":
    k8s.core.v1.Secret("broken", metadata={"name": "Refused_!"}, string_data={"value": value})
"""


REFUSALS = {"aws": "can't be prefixed", "kubernetes": "Refused_!"}
"""What each provider is asked to refuse, by words of the reason that it then gives."""


@dataclass
class Planted:
    """What was planted, and what was seen while it went its way.

    Attributes:
        name: of every resource that carries it; no secret.
        secret: the value.
        began: when it was made up, seconds since the epoch.
        state: folder of the engine's state, with its backups and history.
        output: all that the engine printed.
        arguments: processes that carried it in their arguments.
        rounds: how often all processes were looked at.
    """

    name: str
    secret: str
    began: float
    state: Path
    output: str
    arguments: set[str]
    rounds: int


@pytest.fixture(scope="module")
def planted(
    environment: Environment, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Planted]:
    folder, began = tmp_path_factory.mktemp("secrets"), time.time()
    name, secret = f"planted-{secrets.token_hex(4)}", f"hunter2-{secrets.token_hex(16)}"
    state = folder / "state"
    state.mkdir(mode=0o700)
    (folder / "project").mkdir()
    (folder / "project" / "__main__.py").write_text(textwrap.dedent(PROGRAM))
    runtime = {"name": "python", "options": {"virtualenv": str(CHECKOUT / ".venv")}}
    (folder / "project" / "Pulumi.yaml").write_text(json.dumps({"name": "secrets", "runtime": runtime}))
    variables = {**os.environ, **environment.variables, "PULUMI_BACKEND_URL": f"file://{state}"}
    said: list[str] = []

    def pulumi(*words: str, stdin: str | None = None, fails: bool = False) -> None:
        result = subprocess.run(
            ["pulumi", *words, "--stack", "local", "--non-interactive"],
            cwd=folder / "project",
            env=variables,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        said.append(result.stdout + result.stderr)
        assert (result.returncode != 0) == fails, said[-1]

    with ArgumentWatch(needles(secret)) as watch:
        pulumi("stack", "init")
        pulumi("config", "set", "name", name)
        pulumi("config", "set", "namespace", kubectl.namespace)
        pulumi("config", "set", "--secret", "planted", stdin=secret)
        pulumi("up", "--yes", "--diff")
        # One at a time: at the first failure the engine begins nothing more, so of two only one may be told.
        for provider in REFUSALS:
            pulumi("up", "--yes", "--skip-preview", "--config", f"broken={provider}", fails=True)
    yield Planted(name, secret, began, state, "\n".join(said), watch.found, watch.rounds)
    pulumi("destroy", "--yes", "--skip-preview")


def test_it_went_all_the_way(planted: Planted, aws: Aws, kubectl: Kubectl) -> None:
    """Or the rest would look for what was never there."""
    parameter = aws.client("ssm").get_parameter(Name=f"/{planted.name}", WithDecryption=True)
    assert parameter["Parameter"]["Value"] == planted.secret
    kept = aws.client("secretsmanager").get_secret_value(SecretId=planted.name)
    assert kept["SecretString"] == planted.secret
    found = kubectl.get("secret", planted.name)
    assert holds(found["data"]["value"].encode(), needles(planted.secret))


def test_it_is_in_no_state_backup_or_history_of_the_engine(
    planted: Planted, environment: Environment
) -> None:
    folders = [planted.state, planted.state.parent / "project", environment.instance.pulumi_state]
    assert any(path.name.endswith(".json.bak") for path in planted.state.rglob("*")), "there are backups"
    assert in_files(folders, needles(planted.secret)) == []


def test_it_is_not_in_what_the_engine_prints(planted: Planted) -> None:
    for refused in REFUSALS.values():
        assert refused in planted.output, "the failing update did fail for the reason that it was given"
    assert not holds(planted.output.encode(), needles(planted.secret))


def test_it_is_in_no_log_of_the_environment_or_its_pods(planted: Planted, environment: Environment) -> None:
    instance = environment.instance
    folders = [instance.logs, Layout(instance).log]
    assert any(instance.logs.glob("*.log"))
    assert in_files(folders, needles(planted.secret)) == []


def test_it_is_not_in_the_clusters_database(planted: Planted, environment: Environment) -> None:
    assert in_files([Layout(environment.instance).etcd], needles(planted.secret)) == []


def test_it_is_in_no_event(planted: Planted, kubectl: Kubectl) -> None:
    events = kubectl("get", "events", "--all-namespaces", "--output", "json")
    assert not holds(events.encode(), needles(planted.secret))


def test_it_is_in_no_processs_arguments(planted: Planted) -> None:
    assert planted.rounds > 10
    assert planted.arguments == set()


def test_it_is_in_no_file_that_others_may_read(planted: Planted, environment: Environment) -> None:
    instance = environment.instance
    folders = [instance.state, instance.run, instance.checkout / "stacks", planted.state.parent, *SHARED]
    assert in_readable_files(folders, needles(planted.secret), planted.began) == []


def test_others_can_not_enter_the_environments_folders(environment: Environment) -> None:
    instance = environment.instance
    for folder in (instance.state, instance.run, Layout(instance).memory):
        assert (folder.stat().st_uid, stat.S_IMODE(folder.stat().st_mode)) == (os.geteuid(), 0o700), folder


def test_the_emulators_memory_alone_keeps_it_in_plain_and_is_its_owners(
    planted: Planted, environment: Environment
) -> None:
    """What AWS would keep, the emulator has to keep; a key beside its memory would protect nothing."""
    memory, wanted = Layout(environment.instance).memory, needles(planted.secret)
    deadline = time.monotonic() + SNAPSHOT_SECONDS
    while not in_files([memory], wanted) and time.monotonic() < deadline:
        time.sleep(0.5)
    found = in_files([environment.instance.state, environment.instance.run], wanted, planted.began)
    assert found, "the emulator keeps it, so a scanner that finds nothing does not look"
    assert {Path(path).parent for path in found} == {memory}
    assert stat.S_IMODE((memory / "memory").stat().st_mode) == 0o600


def keys_of(environment: Environment) -> dict[str, str]:
    """The environment's own: of each private key a line that no other key has, and the database's key."""
    layout = Layout(environment.instance)
    found = {}
    for path in layout.pki.glob("*.key"):
        lines = path.read_text().splitlines()
        found[path.name] = lines[2] if len(lines) > 2 else lines[0]  # a PEM's first lines are all alike
    encryption = json.loads((layout.configuration / "encryption.json").read_text())
    providers = [provider for entry in encryption["resources"] for provider in entry["providers"]]
    for provider in providers:
        for settings in provider.values():
            for key in (settings or {}).get("keys", []):
                found[f"encryption {key['name']}"] = key["secret"]
    return found


def test_the_environments_own_keys_are_only_where_they_belong(
    environment: Environment, kubectl: Kubectl
) -> None:
    keys = keys_of(environment)
    assert {"ca.key", "admin.key", "service-accounts.key"} <= set(keys)
    assert any(name.startswith("encryption") for name in keys)
    instance = environment.instance
    layout = Layout(instance)
    wanted = tuple(needle for key in keys.values() for needle in needles(key))
    assert in_files([instance.logs, layout.log, instance.pulumi_state, layout.etcd], wanted) == []
    made = (layout.pki / "ca.key").stat().st_ctime
    readable = [instance.state, instance.run, instance.checkout / "stacks", *SHARED]
    assert in_readable_files(readable, wanted, made) == []
    events = kubectl("get", "events", "--all-namespaces", "--output", "json")
    assert not holds(events.encode(), wanted)
    with ArgumentWatch(wanted) as watch:
        while watch.rounds < 3:
            time.sleep(0.05)
    assert watch.found == set()


# The scanner itself; what it finds without an environment is in `test_leaks`


def test_the_scanner_finds_events(kubectl: Kubectl) -> None:
    secret = secrets.token_hex(16)
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "planted", "namespace": kubectl.namespace},
        "involvedObject": {"kind": "Pod", "name": "planted", "namespace": kubectl.namespace},
        "message": f"it was {secret}",
        "type": "Normal",
        "reason": "Planted",
    }
    kubectl("apply", "--filename", "-", stdin=json.dumps(event))
    try:
        events = kubectl("get", "events", "--all-namespaces", "--output", "json")
        assert holds(events.encode(), needles(secret))
    finally:
        kubectl("delete", "event", "planted")
