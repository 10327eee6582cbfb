from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.engine.kubernetes.provider import KubernetesProvider
from tests.local.engine.kubernetes.api_server import ApiServer
from tests.local.engine.kubernetes.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[ApiServer]:
    server = ApiServer()
    for name in ("team", "default"):
        server.objects[f"/api/v1/namespaces/{name}"] = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "uid": name, "managedFields": []},
        }
    yield server
    server.close()


@pytest.fixture
def provider() -> KubernetesProvider:
    return KubernetesProvider()


@pytest.fixture
def engine(provider: KubernetesProvider, server: ApiServer) -> Iterator[Engine]:
    with Engine(provider, {"kubeconfig": server.kubeconfig}) as engine:
        yield engine
