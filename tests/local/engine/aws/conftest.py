"""An emulator on loopback, and engines that drive the stand-in against it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import requests
from moto.server import ThreadedMotoServer

sys.path.insert(0, str(Path(__file__).parent))

from aws_driver import REGION, Engine

from local.engine.aws.provider import AwsProvider
from local.engine.protocol import provider_pb2, provider_pb2_grpc
from local.engine.server import start
from local.engine.values import encode

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def emulator(endpoint: str) -> Iterator[str]:
    """The emulator, named in the environment as `make shell` names it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_REGION", REGION)
        yield endpoint


@pytest.fixture(scope="module")
def new_engine(emulator: str) -> Iterator[Any]:
    """Makes engines on one emulator, each with a provider process's worth of memory."""
    running = []

    def make(**configuration: Any) -> Engine:
        provider = AwsProvider()
        server, port = start(provider)
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        running.append((server, channel))
        engine = Engine(emulator, provider_pb2_grpc.ResourceProviderStub(channel), provider)
        provider.report = lambda _severity, text, _urn="", **_more: engine.said.append(text)
        engine.stub.Configure(provider_pb2.ConfigureRequest(args=encode(configuration)))
        return engine

    yield make
    for server, channel in running:
        channel.close()
        server.stop(None)


@pytest.fixture(scope="module")
def one_engine(new_engine: Any) -> Engine:
    made: Engine = new_engine()
    return made


@pytest.fixture
def engine(one_engine: Engine) -> Engine:
    """An engine without a past, on an emulator without a past; the provider process is kept, for speed."""
    requests.post(f"{one_engine.endpoint}/moto-api/reset", timeout=10)
    one_engine.states.clear()
    one_engine.said.clear()
    return one_engine
