"""The service in this process, over a folder that holds the tiny model."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from app.contract import artifact_key
from app.serve.api import create_api
from app.serve.inference import Predictor
from app.serve.readiness import Readiness
from app.serve.server import DrainingServer
from app.serve.settings import ServingSettings
from app.storage import FolderStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.storage import Store
    from app.train.fitting import Trained

READY_SECONDS = 20


def unused_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        port: int = candidate.getsockname()[1]
        return port


def local_settings(scratch: Path, sha256: str) -> ServingSettings:
    return ServingSettings(
        model="tiny",
        model_version="v1",
        artifact_sha256=sha256,
        artifact_bucket="unused",
        scratch=scratch,
        host="127.0.0.1",
        port=unused_port(),
        metrics_port=unused_port(),
        drain_seconds=0,
    )


@pytest.fixture
def make_settings(tmp_path: Path, published: Any) -> Callable[..., ServingSettings]:
    def make(**changes: object) -> ServingSettings:
        return local_settings(**{"scratch": tmp_path / "scratch", "sha256": published.sha256, **changes})

    return make


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
def predictor(published: Any) -> Predictor:
    return Predictor(published.artifact, model="tiny", version="v1", sha256=published.sha256)


@dataclass
class Service:
    """A running server, and a client of it."""

    client: httpx.Client
    settings: ServingSettings
    readiness: Readiness

    @property
    def metrics(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.settings.metrics_port}/metrics").text


@contextmanager
def running(settings: ServingSettings, store: Store) -> Iterator[Service]:
    """The real server, in a thread of this process."""
    readiness = Readiness()
    server = DrainingServer(create_api(settings, store, readiness), settings, readiness)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{settings.port}") as client:
            yield Service(client, settings, readiness)
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, trained: Trained) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    store = FolderStore(folder)
    store.create(artifact_key("tiny", "v1"), trained.artifact, "application/octet-stream")
    settings = local_settings(folder / "scratch", trained.sha256)
    with running(settings, store) as service:
        wait_until(lambda: service.readiness.ready)
        yield service


@pytest.fixture
def client(service: Service) -> httpx.Client:
    return service.client


def wait_until(condition: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


@pytest.fixture
def run_service() -> Callable[..., AbstractContextManager[Service]]:
    return running


@pytest.fixture
def eventually() -> Callable[..., None]:
    return wait_until
