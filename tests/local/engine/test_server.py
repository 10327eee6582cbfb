from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf import empty_pb2

from local.engine.protocol import provider_pb2, provider_pb2_grpc, status_pb2
from local.engine.provider import (
    Change,
    ChangeKind,
    Checked,
    CheckFailure,
    Diff,
    PartialFailureError,
    Provider,
    ProviderError,
    ReadResult,
    Resource,
    UpdateCall,
)
from local.engine.server import start
from local.engine.values import UNKNOWN, Properties, Secret, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

URN = "urn:pulumi:local::plinth::my:Parent$toy:index:Thing::one"


# ruff: noqa: ARG002 - the hooks' signatures are given


class Toy(Provider):
    """Keeps things in a dictionary and fails on demand."""

    name = "toy"
    version = "1.2.3"

    def __init__(self) -> None:
        super().__init__()
        self.things: dict[str, Properties] = {}
        self.variables: Properties = {}
        self.seen: list[Resource] = []
        self.barrier = threading.Barrier(32, timeout=10)

    def configure(self, variables: Properties) -> None:
        self.variables = variables

    def check(
        self, resource: Resource, inputs: Properties, old_inputs: Properties, random_seed: bytes
    ) -> Checked:
        self.seen.append(resource)
        failures = [] if "size" in inputs else [CheckFailure("size", "size is missing")]
        name = old_inputs.get("name", f"{resource.name}-{random_seed.hex()[:4]}")
        return Checked({"name": name, **inputs}, failures)

    def diff(self, call: UpdateCall) -> Diff:
        changed = {
            name: Change(ChangeKind.UPDATE, replaces=name == "name")
            for name in call.inputs
            if call.inputs[name] != call.old_inputs.get(name)
        }
        return Diff(changed, delete_before_replace="name" in changed)

    def create(
        self, resource: Resource, inputs: Properties, *, preview: bool, timeout: float
    ) -> tuple[str, Properties]:
        if preview:
            return "", {**inputs, "arn": UNKNOWN}
        if inputs.get("mode") == "partial":
            raise PartialFailureError("half", {"name": "half", "password": "hunter2"}, ["the lid is missing"])
        if inputs.get("mode") == "refused":
            raise ProviderError("too big: at most 3")
        if inputs.get("mode") == "bug":
            raise KeyError("oops")
        if inputs.get("mode") == "together":
            self.barrier.wait()
        outputs = {**{name: getattr(v, "value", v) for name, v in inputs.items()}, "timeout": timeout}
        self.things[resource.name] = outputs
        return resource.name, outputs

    def read(
        self, resource: Resource, identity: str, inputs: Properties, outputs: Properties
    ) -> ReadResult | None:
        found = self.things.get(identity)
        return None if found is None else ReadResult(identity, inputs, found)

    def update(self, call: UpdateCall) -> Properties:
        return dict(call.inputs)

    def delete(
        self, resource: Resource, identity: str, inputs: Properties, outputs: Properties, *, timeout: float
    ) -> None:
        self.things.pop(identity, None)

    def invoke(self, token: str, arguments: Properties) -> Properties:
        if token == "toy:index:wait":  # noqa: S105 - the name of a function
            self.wait(30)
        return {"echo": arguments}


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def stub(toy: Toy) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    server, port = start(toy)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None)


def _create(
    stub: provider_pb2_grpc.ResourceProviderStub, inputs: Properties, **more: object
) -> provider_pb2.CreateResponse:
    return stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode(inputs), **more))


def test_configuration_arrives_as_values_not_as_json_text(
    stub: provider_pb2_grpc.ResourceProviderStub, toy: Toy
) -> None:
    tags = '{"tags": {"owner": "data"}}'
    response = stub.Configure(
        provider_pb2.ConfigureRequest(
            args=encode({"region": "eu-west-1", "defaultTags": tags, "skip": "true", "token": Secret("[1]")})
        )
    )
    assert toy.variables == {
        "region": "eu-west-1",
        "defaultTags": {"tags": {"owner": "data"}},
        "skip": True,
        "token": [1],
    }
    assert response.acceptSecrets
    assert response.supportsPreview


def test_a_resource_is_known_by_its_type_and_name_even_where_only_the_urn_says_them(
    stub: provider_pb2_grpc.ResourceProviderStub, toy: Toy
) -> None:
    checked = stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode({}), randomSeed=b"\xab\xcd"))
    assert toy.seen == [Resource(urn=URN, type="toy:index:Thing", name="one")]
    assert decode(checked.inputs) == {"name": "one-abcd"}
    assert [(failure.property, failure.reason) for failure in checked.failures] == [
        ("size", "size is missing")
    ]


def test_a_change_that_replaces_is_told_by_path_and_by_property(
    stub: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    response = stub.Diff(
        provider_pb2.DiffRequest(
            urn=URN, old_inputs=encode({"name": "a", "size": 1}), news=encode({"name": "b", "size": 2})
        )
    )
    assert response.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(response.replaces) == ["name"]
    assert list(response.diffs) == ["name", "size"]
    assert response.deleteBeforeReplace
    assert response.detailedDiff["name"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    assert response.detailedDiff["size"].kind == provider_pb2.PropertyDiff.UPDATE


def test_no_difference_says_so(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    same = encode({"name": "a"})
    response = stub.Diff(provider_pb2.DiffRequest(urn=URN, old_inputs=same, news=same))
    assert response.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_what_was_secret_going_in_is_secret_coming_out(
    stub: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    response = _create(stub, {"password": Secret("hunter2"), "size": 1}, timeout=7)
    assert response.id == "one"
    assert decode(response.properties) == {"password": Secret("hunter2"), "size": 1, "timeout": 7}


def test_a_preview_makes_nothing_and_leaves_unknown_what_is_unknown(
    stub: provider_pb2_grpc.ResourceProviderStub, toy: Toy
) -> None:
    response = _create(stub, {"size": 1}, preview=True)
    assert decode(response.properties)["arn"] is UNKNOWN
    assert not toy.things


def test_a_half_made_resource_is_handed_over_with_its_id_and_its_secrets_kept(
    stub: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        _create(stub, {"mode": "partial", "password": Secret("hunter2")})
    metadata = dict(raised.value.trailing_metadata())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert detail.id == "half"
    assert list(detail.reasons) == ["the lid is missing"]
    assert decode(detail.properties) == {"name": "half", "password": Secret("hunter2")}
    assert decode(detail.inputs) == {"mode": "partial", "password": Secret("hunter2")}


@pytest.mark.parametrize(("mode", "text"), [("refused", "too big: at most 3"), ("bug", "KeyError: 'oops'")])
def test_an_error_reaches_the_engine_in_its_own_words(
    stub: provider_pb2_grpc.ResourceProviderStub, mode: str, text: str
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        _create(stub, {"mode": mode})
    assert raised.value.details() == text


def test_what_is_gone_reads_as_absent(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    assert stub.Read(provider_pb2.ReadRequest(urn=URN, id="nothing")).id == ""


def test_thirty_two_requests_are_served_at_once(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    with ThreadPoolExecutor(32) as pool:
        made = list(pool.map(lambda _: _create(stub, {"mode": "together"}).id, range(32)))
    assert made == ["one"] * 32


def test_a_cancelled_wait_ends_at_once(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    began = time.monotonic()
    future = stub.Invoke.future(provider_pb2.InvokeRequest(tok="toy:index:wait"))
    time.sleep(0.1)
    stub.Cancel(empty_pb2.Empty())
    assert future.code() == grpc.StatusCode.CANCELLED
    assert time.monotonic() - began < 5


PLUGIN = """
import sys
sys.path[:0] = {path!r}
from test_server import Toy
from local.engine.server import serve
serve(Toy())
"""

ENGINE = """
import subprocess, sys, time
plugin = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
print(plugin.pid, plugin.stdout.readline().decode(), flush=True)
time.sleep(60)
"""


def _plugin() -> subprocess.Popen[bytes]:
    code = PLUGIN.format(path=[os.path.dirname(__file__), *sys.path])  # noqa: PTH120 - a path for sys.path
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_plugin_prints_its_port_and_leaves_quietly_on_a_signal(number: signal.Signals) -> None:
    plugin = _plugin()
    assert plugin.stdout
    port = int(plugin.stdout.readline())
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        assert stub.GetPluginInfo(empty_pb2.Empty()).version == "1.2.3"
    plugin.send_signal(number)
    out, err = plugin.communicate(timeout=15)
    assert (plugin.returncode, out, err) == (0, b"", b"")


def test_a_plugin_ends_when_the_engine_that_started_it_is_killed() -> None:
    engine = subprocess.Popen(
        [
            sys.executable,
            "-c",
            ENGINE,
            PLUGIN.format(path=[os.path.dirname(__file__), *sys.path]),  # noqa: PTH120 - a path for sys.path
        ],
        stdout=subprocess.PIPE,
    )
    assert engine.stdout
    plugin_id = int(engine.stdout.readline().split()[0])
    engine.kill()
    engine.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _is_running(plugin_id):
        time.sleep(0.1)
    assert not _is_running(plugin_id)


def _is_running(process_id: int) -> bool:
    try:
        with open(f"/proc/{process_id}/stat") as file:  # noqa: PTH123 - nothing to gain from Path here
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
