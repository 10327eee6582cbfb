"""What is done to a running or a dead environment, by means that are not its own."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import psutil

from local.cluster.cgroups import PODS, hierarchies
from local.cluster.layout import Layout
from local.cluster.machine import Machine
from local.emulated import emulator_client
from local.engine.kubernetes.helm.storage import Status

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from local.environment import Environment
    from local.instance import Instance

DEAD_SECONDS = 20
SERVING = "app.serve"
LEFT_OVER = "plinth-left-over"
"""What the planted mounts are mounts of, in the kernel's lists."""

Planted: TypeAlias = "dict[str, Callable[[], bool]]"
"""What was planted, and whether it is still there, by the kernel's own lists."""


# Processes


def kill_program(environment: Environment, name: str) -> str:
    """One supervised process, from inside the node."""
    state = next(state for state in environment.node.programs() if state.name == name)
    result = environment.node.enter("kill", "-KILL", str(state.pid))
    assert result.returncode == 0, result.stderr
    return f"{state.pid} {name}"


def kill_supervisor(instance: Instance) -> str:
    file = str(Layout(instance).configuration / "supervisord.conf")
    found = next(
        process
        for process in psutil.process_iter(["cmdline"])
        if file in (process.info["cmdline"] or []) and "supervisor.supervisord" in process.info["cmdline"]
    )
    found.kill()
    return f"{found.pid} supervisord"


def kill_pods(instance: Instance, having: str = "") -> list[str]:
    """Every process of every pod, or those with a word in their command line."""
    killed = []
    for pid in sorted(Machine(Layout(instance)).cgroups.processes(PODS)):
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            command = " ".join(psutil.Process(pid).cmdline())
            if having in command:
                os.kill(pid, signal.SIGKILL)
                killed.append(f"{pid} {command[:60]}")
    return killed


def cut_power(instance: Instance) -> list[str]:
    """The kernel kills every process of a namespace at once with its first one."""
    machine = Machine(Layout(instance))
    record = machine.running()
    assert record is not None, "the node does not run"
    count = len(machine.cgroups.processes())
    os.kill(record.pid, signal.SIGKILL)
    assert machine.cgroups.wait_until_empty(DEAD_SECONDS), "processes outlived their namespace's first"
    return [f"{record.pid} init and the {count - 1} processes of its namespace"]


# Machine state that a dead environment leaves


def plant_interface(instance: Instance) -> Planted:
    """A bridge where the link would be, with its address, and a name for the network namespace."""
    if Path("/sys/class/net", instance.interface).exists():
        # The dead node's own: the kernel keeps its namespace while orphaned connections wait for an answer.
        _run("ip", "link", "delete", instance.interface)
    _run("ip", "link", "add", instance.interface, "type", "bridge")
    _run("ip", "address", "add", f"{instance.host_address}/30", "dev", instance.interface)
    _run("ip", "link", "set", instance.interface, "up")
    _run("ip", "netns", "add", instance.namespace)
    return {
        # The new node's own link has the same name, and is none.
        f"bridge {instance.interface}": Path("/sys/class/net", instance.interface, "bridge").exists,
        f"network namespace {instance.namespace}": (
            lambda: instance.namespace in _run("ip", "netns", "list").split()
        ),
    }


def plant_groups(instance: Instance) -> Planted:
    """Control groups of pods with a process that still runs in them."""
    nowhere = subprocess.DEVNULL
    sleeper = subprocess.Popen(["sleep", "600"], stdout=nowhere, stderr=nowhere, start_new_session=True)
    groups, entered = [], 0
    for hierarchy, _ in hierarchies():
        group = hierarchy / instance.namespace / PODS / "burstable" / "pod-left-over"
        group.mkdir(parents=True, exist_ok=True)
        groups.append(group)
        with contextlib.suppress(OSError):  # a cpuset without processors takes nobody
            (group / "cgroup.procs").write_text(str(sleeper.pid))
            entered += 1
    assert entered
    return {
        f"process {sleeper.pid} in {entered} control groups": lambda: sleeper.poll() is None,
        f"{len(groups)} control groups {groups[0].name}": lambda: any(group.exists() for group in groups),
    }


def plant_sockets(instance: Instance) -> Planted:
    """Files where sockets belong, and a record whose process id now is another's."""
    layout = Layout(instance)
    sockets = (layout.supervisor_socket, layout.containerd_socket)
    for path in sockets:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text("")
    record = json.dumps({"pid": os.getpid(), "created": 1.0, "fingerprint": "old"})
    layout.record.write_text(record)
    return {
        **{f"{path.name} that nobody serves": path.is_file for path in sockets},
        layout.record.name: lambda: layout.record.exists() and layout.record.read_text() == record,
    }


def plant_mounts(instance: Instance) -> Planted:
    """What a kubelet without a mount namespace of its own would have left: volumes of a pod, stacked."""
    layout = Layout(instance)
    volume = layout.lib / "kubelet" / "pods" / "left-over" / "volumes" / "token"
    volume.mkdir(parents=True, exist_ok=True)
    instance.run.mkdir(parents=True, exist_ok=True)
    for place in (volume, volume, instance.run):
        _run("mount", "-t", "tmpfs", LEFT_OVER, str(place))
    (volume / "busy").write_text("x")
    return {
        f"two mounts on {volume.name}, one on the folder of sockets": (
            lambda: any(f"{LEFT_OVER} " in table.read_text() for table in _mount_tables(instance))
        )
    }


def _mount_tables(instance: Instance) -> list[Path]:
    """The host's, and the node's, which began as a copy of it."""
    record = Machine(Layout(instance)).running()
    return [Path("/proc/self/mounts"), *([Path(f"/proc/{record.pid}/mounts")] if record else [])]


def _run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


# Engine state that a killed engine leaves


def plant_locks(environment: Environment) -> list[str]:
    """A lock of a dead engine, one whose process id is another's by now, and one that was half written."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    folder = environment.instance.pulumi_state / ".pulumi" / "locks" / "organization" / "plinth" / "local"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("dead", json.dumps({"pid": ended.pid})),
        ("reused", json.dumps({"pid": os.getpid()})),
        ("half", '{"pid": 1'),
    ):
        lock = folder / f"{name}.json"
        lock.write_text(content)
        os.utime(lock, (1, 1))
    (environment.instance.state / "command").write_text("`make up`, process 1")
    return ["three locks of the engine", "the note of a command"]


def plant_pending_operations(environment: Environment) -> list[str]:
    """As an engine leaves them that was killed while it created and updated."""
    stack = environment.stack
    exported = stack.export()
    resources = [entry for entry in exported["deployment"]["resources"] if entry.get("id")]
    pending = [
        {"resource": {**resources[-1], "id": ""}, "type": "creating"},
        {"resource": resources[-2], "type": "updating"},
    ]
    exported["deployment"]["pending_operations"] = pending
    stack.run("stack", "import", "--stack", "local", stdin=json.dumps(exported))
    return [f"{entry['type']} {entry['resource']['urn'].rpartition('::')[2]}" for entry in pending]


def forget_in_state(environment: Environment, kinds: tuple[str, ...]) -> list[str]:
    """Resources that exist and that the state does not know, as if an engine had died before writing."""
    stack = environment.stack
    exported = stack.export()
    resources = exported["deployment"]["resources"]
    needed = {urn for entry in resources for urn in _mentioned(entry)}
    gone = [entry for entry in resources if entry["type"] in kinds and entry["urn"] not in needed]
    exported["deployment"]["resources"] = [entry for entry in resources if entry not in gone]
    stack.run("stack", "import", "--stack", "local", stdin=json.dumps(exported))
    return [f"{entry['type']} {entry['id']}" for entry in gone]


def _mentioned(entry: dict[str, Any]) -> Iterator[str]:
    yield from entry.get("dependencies") or ()
    yield entry.get("parent") or ""
    yield entry.get("deletedWith") or ""


def leave_helm_pending(kubectl: Callable[..., str], status: Status) -> list[str]:
    """Turn the newest revision of each Helm release into one whose Helm was killed."""
    listed = json.loads(kubectl("get", "secrets", "-A", "-l", "owner=helm", "-o", "json"))["items"]
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for secret in listed:
        about = secret["metadata"]
        key = (about["namespace"], about["labels"]["name"])
        if int(about["labels"]["version"]) >= int(newest.get(key, secret)["metadata"]["labels"]["version"]):
            newest[key] = secret
    changed = []
    for secret in newest.values():
        release = _unpack(secret["data"]["release"])
        about = secret["metadata"]
        if status is Status.PENDING_UPGRADE:  # a further revision, beside the deployed one
            release["version"] += 1
            about["labels"]["version"] = str(release["version"])
            about["name"] = f"sh.helm.release.v1.{release['name']}.v{release['version']}"
        elif release["version"] > 1:  # an install is the first revision, and the only one
            kubectl("-n", about["namespace"], "delete", "secrets", "-l", f"owner=helm,name={release['name']}")
            release["version"] = 1
            about["labels"]["version"] = "1"
            about["name"] = f"sh.helm.release.v1.{release['name']}.v1"
        release["info"]["status"] = str(status)
        about["labels"]["status"] = str(status)
        for name in ("resourceVersion", "uid", "creationTimestamp", "managedFields"):
            about.pop(name, None)
        secret["data"]["release"] = _pack(release)
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(secret))
        changed.append(f"{about['namespace']}/{release['name']}, revision {release['version']}: {status}")
    assert changed
    return changed


def _unpack(text: str) -> dict[str, Any]:
    return dict(json.loads(gzip.decompress(base64.b64decode(base64.b64decode(text)))))


def _pack(release: dict[str, Any]) -> str:
    return base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()


# The world


def drift(environment: Environment, kubectl: Callable[..., str], draw: random.Random) -> list[str]:
    """Delete and change some of what the stack declares, behind its back."""
    variables, outputs = environment.variables, environment.stack.outputs()
    namespace, bucket = str(outputs["namespace"]), str(outputs["artifact_bucket"])
    s3, iam, tables = (emulator_client(name, variables) for name in ("s3", "iam", "dynamodb"))

    def a_role_policy() -> None:
        role = next(entry["RoleName"] for entry in iam.list_roles()["Roles"])
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            iam.delete_role_policy(RoleName=role, PolicyName=name)

    def a_table() -> None:
        tables.delete_table(TableName=tables.list_tables()["TableNames"][0])

    ways: dict[str, Callable[[], object]] = {
        "a bucket's policy": lambda: s3.delete_bucket_policy(Bucket=bucket),
        "a bucket's public access block": lambda: s3.delete_public_access_block(Bucket=bucket),
        "a role's policy": a_role_policy,
        "a table": a_table,
        "the Deployment": lambda: kubectl("-n", namespace, "delete", "deployment", "--all", "--wait=false"),
        "the network policies": lambda: kubectl("-n", namespace, "delete", "networkpolicy", "--all"),
        "the disruption budget": lambda: kubectl("-n", namespace, "delete", "pdb", "--all"),
        "the route": lambda: kubectl("-n", namespace, "delete", "httproute", "--all"),
        "the replicas": lambda: kubectl("-n", namespace, "scale", "deployment", "--all", "--replicas=1"),
    }
    chosen = draw.sample(sorted(ways), 4)
    for name in chosen:
        with contextlib.suppress(RuntimeError):  # the Deployment may be gone before it is scaled
            ways[name]()
    return chosen


def forget_emulator(environment: Environment) -> list[str]:
    """Kill the emulator and remove all that it kept, before its successor can read it."""
    killed = kill_program(environment, "emulator")
    shutil.rmtree(Layout(environment.instance).memory)
    return [killed, "its kept memory"]


def wait_for(found: Callable[[], str], seconds: float) -> str:
    """Why something is still wrong after the time; empty as soon as it is not."""
    deadline = time.monotonic() + seconds
    while wrong := found():
        if time.monotonic() >= deadline:
            return wrong
        time.sleep(0.5)
    return ""
