"""The provider stand-ins under load, and what they cost beyond the emulator and the API server.

Starts an emulator and a bare API server of its own (as a rehearsal does; no root, nothing shared with a
running environment) and both stand-ins as the engine starts them. Then, over the engine's own protocol:

- Load: 500 resources are made, changed and deleted by 32 callers at once, twice. After each step the
  emulator's and the API server's own lists are compared with what was asked, name by name, each with a value
  of its own: a lost update is a difference. Fifty of the resources are policies of one role, so that callers
  contend for one object. Memory is each process's resident set: its peak, and how much the second round added
  to the first.
- Overhead: the same kinds one after another, with the HTTP exchanges that each call makes timed inside it.
  The overhead of a resource is its call's time less the time of its own exchanges: each pair is of one call.
  On a machine that does other things besides, both contain waiting for a processor; the processor's own
  seconds stand beside them (of this process, which plays engine, stand-in and HTTP client in one).

Writes benchmarks/results/stand_ins-<date>.json. Peer: the official plugins can't be had from registries, so
the aims stand beside the figures.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import boto3
import grpc
import psutil
from urllib3.connectionpool import HTTPConnectionPool

from local.engine.aws.provider import AwsProvider
from local.engine.kubernetes.provider import KubernetesProvider
from local.engine.protocol import CHANNEL_OPTIONS, provider_pb2, provider_pb2_grpc
from local.engine.server import start
from local.engine.values import Properties, decode, encode
from local.instance import CHECKOUT, Instance
from local.rehearsal.ground import Ground, Surroundings
from local.toolchain import Tool, Toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.engine.provider import Provider

RESULTS = CHECKOUT / "benchmarks" / "results"
REGION = "eu-central-1"
ROLE = "bench"
PARALLELISM = 32
ROUNDS = 2
SAMPLES = 40
"""Resources of each kind in the measurement of overhead."""

AIMS = {"overhead_ms": 10.0, "peak_mb": 400.0, "growth_mb": 40.0, "lost_updates": 0}
"""At most: the median overhead of any one operation of any one kind, a stand-in's memory, what a second round
adds to it."""

PARAMETER, QUEUE, TABLE = "aws:ssm/parameter:Parameter", "aws:sqs/queue:Queue", "aws:dynamodb/table:Table"
POLICY = "aws:iam/rolePolicy:RolePolicy"
MAP, ACCOUNT = "kubernetes:core/v1:ConfigMap", "kubernetes:core/v1:ServiceAccount"

COUNTS = {PARAMETER: 100, QUEUE: 50, TABLE: 50, POLICY: 50, MAP: 200, ACCOUNT: 50}


def policy(value: str) -> dict[str, Any]:
    """A policy document that carries the value."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Sid": value, "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }


def name_of(index: int) -> str:
    """What a resource is called; alike in all kinds."""
    return f"bench-{index}"


def value_of(word: str, index: int) -> str:
    """What a resource is to carry after a step; no two the same."""
    return f"{word}x{index}"


def inputs(kind: str, index: int, value: str) -> Properties:
    """What a program would give for one resource; `value` is what an update changes."""
    name = name_of(index)
    metadata = {"name": name, "namespace": "default", "annotations": {"bench/value": value}}
    found: dict[str, Properties] = {
        PARAMETER: {"name": name, "type": "String", "value": value},
        QUEUE: {"name": name, "tags": {"value": value}},
        TABLE: {
            "name": name,
            "billingMode": "PAY_PER_REQUEST",
            "hashKey": "id",
            "attributes": [{"name": "id", "type": "S"}],
            "tags": {"value": value},
        },
        POLICY: {"role": ROLE, "name": name, "policy": json.dumps(policy(value))},
        MAP: {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}},
        ACCOUNT: {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
    }
    return found[kind]


@dataclass
class Resource:
    """One resource as the engine keeps it."""

    kind: str
    index: int
    identity: str = ""
    inputs: Properties | None = None
    outputs: Properties | None = None


class Plugin:
    """One stand-in over the engine's protocol."""

    def __init__(self, port: int, configuration: dict[str, Any]) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS)
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._stub.Configure(provider_pb2.ConfigureRequest(args=encode(configuration), acceptSecrets=True))
        self._seeds = itertools.count(1)

    def close(self) -> None:
        """Hang up."""
        self._channel.close()

    def _check(self, resource: Resource, news: Properties) -> Properties:
        answer = self._stub.Check(
            provider_pb2.CheckRequest(
                urn=_urn(resource),
                olds=encode(resource.inputs or {}),
                news=encode(news),
                randomSeed=next(self._seeds).to_bytes(32, "little"),
            )
        )
        if answer.failures:
            raise RuntimeError(f"{_urn(resource)}: {answer.failures[0].reason}")
        return decode(answer.inputs)

    def create(self, resource: Resource, news: Properties) -> None:
        """Check, then create."""
        checked = self._check(resource, news)
        answer = self._stub.Create(
            provider_pb2.CreateRequest(urn=_urn(resource), properties=encode(checked), timeout=60)
        )
        resource.identity, resource.inputs, resource.outputs = answer.id, checked, decode(answer.properties)

    def update(self, resource: Resource, news: Properties) -> None:
        """Check, diff, then update; a resource that would be replaced instead is an error here."""
        checked = self._check(resource, news)
        olds, old_inputs = encode(resource.outputs or {}), encode(resource.inputs or {})
        diff = self._stub.Diff(
            provider_pb2.DiffRequest(
                id=resource.identity,
                urn=_urn(resource),
                olds=olds,
                old_inputs=old_inputs,
                news=encode(checked),
            )
        )
        if diff.replaces or diff.changes != provider_pb2.DiffResponse.DIFF_SOME:
            raise RuntimeError(f"{_urn(resource)} would not be updated in place: {diff}")
        answer = self._stub.Update(
            provider_pb2.UpdateRequest(
                id=resource.identity,
                urn=_urn(resource),
                olds=olds,
                old_inputs=old_inputs,
                news=encode(checked),
                timeout=60,
            )
        )
        resource.inputs, resource.outputs = checked, decode(answer.properties)

    def delete(self, resource: Resource) -> None:
        """Delete."""
        self._stub.Delete(
            provider_pb2.DeleteRequest(
                id=resource.identity,
                urn=_urn(resource),
                properties=encode(resource.outputs or {}),
                old_inputs=encode(resource.inputs or {}),
                timeout=60,
            )
        )


def _urn(resource: Resource) -> str:
    name = f"bench-{resource.kind.rpartition(':')[2]}-{resource.index}"
    return f"urn:pulumi:local::plinth::{resource.kind}::{name}"


class World:
    """The emulator and the API server, asked directly."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.cluster = ground.cluster()

    def aws(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no type of their own
        """A client of the emulator."""
        return boto3.client(
            service,
            endpoint_url=self._ground.emulator_url,
            region_name=REGION,
            aws_access_key_id="bench",
            aws_secret_access_key="bench",  # noqa: S106 - the emulator takes any
        )

    def make_role(self) -> None:
        """The one role of all policies."""
        self.aws("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(policy("trust")))

    def values(self) -> dict[str, dict[str, str]]:
        """The value of each resource by kind and name, from their own lists."""
        dynamodb, sqs, iam = self.aws("dynamodb"), self.aws("sqs"), self.aws("iam")
        parameters = self.aws("ssm").get_paginator("describe_parameters").paginate()
        names = [entry["Name"] for page in parameters for entry in page["Parameters"]]
        ssm = self.aws("ssm")
        tables = dynamodb.get_paginator("list_tables").paginate()
        return {
            PARAMETER: {name: ssm.get_parameter(Name=name)["Parameter"]["Value"] for name in names},
            QUEUE: {
                url.rpartition("/")[2]: sqs.list_queue_tags(QueueUrl=url)["Tags"]["value"]
                for url in sqs.list_queues().get("QueueUrls", [])
            },
            TABLE: {
                name: _tag(dynamodb.list_tags_of_resource(ResourceArn=_table_arn(dynamodb, name))["Tags"])
                for page in tables
                for name in page["TableNames"]
            },
            POLICY: {
                name: iam.get_role_policy(RoleName=ROLE, PolicyName=name)["PolicyDocument"]["Statement"][0][
                    "Sid"
                ]
                for name in iam.list_role_policies(RoleName=ROLE)["PolicyNames"]
            },
            MAP: {
                entry["metadata"]["name"]: entry["data"]["value"]
                for entry in self.cluster.list("/api/v1/namespaces/default/configmaps")
                if entry["metadata"]["name"].startswith("bench-")
            },
            ACCOUNT: {
                entry["metadata"]["name"]: entry["metadata"]["annotations"]["bench/value"]
                for entry in self.cluster.list("/api/v1/namespaces/default/serviceaccounts")
                if entry["metadata"]["name"].startswith("bench-")
            },
        }


def _table_arn(dynamodb: Any, name: str) -> str:  # noqa: ANN401 - as above
    return str(dynamodb.describe_table(TableName=name)["Table"]["TableArn"])


def _tag(tags: list[dict[str, str]]) -> str:
    return next(tag["Value"] for tag in tags if tag["Key"] == "value")


def lost(found: dict[str, dict[str, str]], word: str | None) -> int:
    """How many resources are missing, too many, or carry another value; None means there should be none."""
    total = 0
    for kind, count in COUNTS.items():
        wanted = {} if word is None else {name_of(i): value_of(word, i) for i in range(count)}
        names = wanted.keys() | found[kind].keys()
        total += sum(found[kind].get(name) != wanted.get(name) for name in names)
    return total


@contextlib.contextmanager
def plugin_process(module: str, variables: dict[str, str]) -> Iterator[tuple[int, psutil.Process]]:
    """A stand-in as the engine starts it: its port, and the process."""
    command = [sys.executable, "-P", "-m", module]
    environment = {**os.environ, **variables, "GRPC_VERBOSITY": "ERROR"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            yield int(process.stdout.readline()), psutil.Process(process.pid)
        finally:
            process.terminate()


def _peak_mb(process: psutil.Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def at_once(call: Callable[[Resource], None], resources: list[Resource]) -> float:
    """Call for every resource, 32 at a time; seconds."""
    began = time.monotonic()
    with ThreadPoolExecutor(PARALLELISM) as pool:
        for done in [pool.submit(call, resource) for resource in resources]:
            done.result()
    return time.monotonic() - began


def load(ground: Ground, world: World) -> dict[str, Any]:
    """Both rounds of the load."""
    variables = variables_of(ground)
    figures: dict[str, Any] = {"resources": sum(COUNTS.values()), "parallelism": PARALLELISM, "rounds": []}
    with contextlib.ExitStack() as held:
        processes: dict[str, psutil.Process] = {}
        plugins: dict[str, Plugin] = {}
        for name in ("aws", "kubernetes"):
            port, processes[name] = held.enter_context(plugin_process(f"local.engine.{name}", variables))
            plugins[name] = Plugin(port, configuration(name))
            held.callback(plugins[name].close)
        total_lost = 0
        resident: list[dict[str, float]] = []
        for number in range(ROUNDS):
            resources = _interleaved(
                [Resource(kind, index) for kind in COUNTS for index in range(COUNTS[kind])]
            )
            first, second = f"first{number}", f"second{number}"

            def of(resource: Resource) -> Plugin:
                return plugins[resource.kind.partition(":")[0]]

            def asked(resource: Resource, word: str) -> Properties:
                return inputs(resource.kind, resource.index, value_of(word, resource.index))

            def create(resource: Resource, word: str = first) -> None:
                of(resource).create(resource, asked(resource, word))

            def update(resource: Resource, word: str = second) -> None:
                of(resource).update(resource, asked(resource, word))

            def delete(resource: Resource) -> None:
                of(resource).delete(resource)

            seconds = {"up_s": at_once(create, resources)}
            total_lost += lost(world.values(), first)
            seconds["update_s"] = at_once(update, resources)
            total_lost += lost(world.values(), second)
            seconds["destroy_s"] = at_once(delete, resources)
            total_lost += lost(world.values(), None)
            resident.append({name: process.memory_info().rss / 2**20 for name, process in processes.items()})
            figures["rounds"].append({name: round(value, 2) for name, value in seconds.items()})
        figures["lost_updates"] = total_lost
        figures["peak_mb"] = {name: round(_peak_mb(process), 1) for name, process in processes.items()}
        figures["growth_mb"] = {name: round(resident[-1][name] - resident[0][name], 1) for name in processes}
        figures["cpu_ms_per_operation"] = {
            name: round(
                1000
                * sum(process.cpu_times()[:2])
                / (3 * ROUNDS * sum(count for kind, count in COUNTS.items() if kind.startswith(name))),
                2,
            )
            for name, process in processes.items()
        }
    return figures


def _interleaved(resources: list[Resource]) -> list[Resource]:
    """In an order that has neighbours of different kinds, as a program has."""
    return sorted(resources, key=lambda resource: resource.index / COUNTS[resource.kind])


class Exchanges:
    """Seconds that this process spends in HTTP exchanges; meant for one caller at a time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._original = HTTPConnectionPool.urlopen

    def __enter__(self) -> Self:
        original = self._original

        def timed(pool: HTTPConnectionPool, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as it is
            began = time.perf_counter()
            try:
                return original(pool, *args, **options)
            finally:
                self.seconds += time.perf_counter() - began

        HTTPConnectionPool.urlopen = timed  # type: ignore[method-assign] # put back on leaving
        return self

    def __exit__(self, *_: object) -> None:
        HTTPConnectionPool.urlopen = self._original  # type: ignore[method-assign] # what it was


def overhead(ground: Ground) -> dict[str, Any]:
    """Milliseconds of each operation of each kind beyond its own exchanges."""
    os.environ.update(variables_of(ground))
    providers: dict[str, Provider] = {"aws": AwsProvider(), "kubernetes": KubernetesProvider()}
    samples: dict[str, dict[str, list[Sample]]] = {}
    with Exchanges() as exchanges:
        for name, provider in providers.items():
            server, port = start(provider)
            plugin = Plugin(port, configuration(name))

            def sample(kind: str, operation: str, call: Callable[[], None]) -> None:
                before, began, worked = exchanges.seconds, time.perf_counter(), time.process_time()
                call()
                whole, within = time.perf_counter() - began, exchanges.seconds - before
                taken = Sample(whole, within, time.process_time() - worked)
                samples.setdefault(kind, {}).setdefault(operation, []).append(taken)

            for kind in (kind for kind in COUNTS if kind.startswith(name)):
                for index in range(SAMPLES + 1):
                    resource = Resource(kind, index)
                    made, changed = (inputs(kind, index, value) for value in ("one", "two"))
                    sample(kind, "create", lambda: plugin.create(resource, made))  # noqa: B023 - called at once
                    sample(kind, "update", lambda: plugin.update(resource, changed))  # noqa: B023 - as above
                    sample(kind, "delete", lambda: plugin.delete(resource))  # noqa: B023 - as above
            plugin.close()
            server.stop(None)
    table = {
        kind: {operation: _summary(pairs[1:]) for operation, pairs in operations.items()}
        for kind, operations in samples.items()
    }
    everything = _summary(
        [pair for operations in samples.values() for pairs in operations.values() for pair in pairs[1:]]
    )
    return {
        "samples_each": SAMPLES,
        "median_ms": everything["overhead_ms"],
        "median_processor_ms": everything["processor_ms"],
        "worst_median_ms": max(entry["overhead_ms"] for kinds in table.values() for entry in kinds.values()),
        "by_kind": table,
    }


class Sample(NamedTuple):
    """One operation in seconds: all of it, its HTTP exchanges, and this process's processor time."""

    whole: float
    within: float
    processor: float


def _summary(pairs: list[Sample]) -> dict[str, float]:
    """Medians in milliseconds: of the pairs' differences, of the exchanges, and of processor time."""
    return {
        "overhead_ms": round(1000 * statistics.median(pair.whole - pair.within for pair in pairs), 2),
        "exchanges_ms": round(1000 * statistics.median(pair.within for pair in pairs), 2),
        "processor_ms": round(1000 * statistics.median(pair.processor for pair in pairs), 2),
    }


def variables_of(ground: Ground) -> dict[str, str]:
    """What the engine's environment would say."""
    return {
        "AWS_ENDPOINT_URL": ground.emulator_url,
        "AWS_REGION": REGION,
        "KUBECONFIG": str(ground.kubeconfig),
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(CHECKOUT),
    }


def configuration(name: str) -> dict[str, Any]:
    """The provider's configuration; ConfigMaps are changed in place, so that an update is one."""
    return {"enableConfigMapMutable": "true"} if name == "kubernetes" else {}


def measure() -> dict[str, Any]:
    """One run, with emulators of its own."""
    toolchain = Toolchain.installed(Instance.of_checkout().cache, [Tool.KUBERNETES, Tool.KWOK])
    with tempfile.TemporaryDirectory(prefix="plinth-bench-") as folder:
        ground = Ground(Path(folder), toolchain, Surroundings("123456789012", REGION, (f"{REGION}a",)))
        try:
            ground.start()
            world = World(ground)
            world.make_role()
            extra = overhead(ground)
            figures = load(ground, world)
        finally:
            ground.stop()
    return {
        "load": figures,
        "overhead": extra,
        "aims": AIMS,
        "cores": os.cpu_count(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "machine": platform.machine(),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=True
        ).stdout.strip(),
    }


def main() -> int:
    """Measure, print and keep; status 1 if an aim was missed."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    result = measure()
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"stand_ins-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(result, indent=2) + "\n")
    found = {
        "overhead_ms": result["overhead"]["worst_median_ms"],
        "peak_mb": max(result["load"]["peak_mb"].values()),
        "growth_mb": max(result["load"]["growth_mb"].values()),
        "lost_updates": result["load"]["lost_updates"],
    }
    for name, aim in AIMS.items():
        print(f"{name:16} {found[name]:>12}   at most {aim}")
    print(f"the median of all operations: {result['overhead']['median_ms']} ms")
    print(file)
    return 1 if any(found[name] > aim for name, aim in AIMS.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
