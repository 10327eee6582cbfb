"""The pod that asks for the emulator, on an API server whose kubelet is a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.cluster import reach
from local.cluster.reach import prove_reach
from local.engine.kubernetes import kubeconfig
from local.engine.kubernetes.client import Client
from local.errors import LocalError
from tests.local.engine.kubernetes.api_server import ApiServer, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATH = "/api/v1/namespaces/plinth-emulator/pods/reach"
IMAGE = f"registry.example.org/serving@sha256:{'a' * 64}"


class Kubelet:
    """Gives the pod one status after another; the last one stays."""

    def __init__(self, *statuses: dict[str, Any]) -> None:
        self.statuses = list(statuses)
        self.pod: dict[str, Any] | None = None
        self.made: list[dict[str, Any]] = []

    def __call__(self, body: dict[str, Any] | None) -> dict[str, Any]:
        if body and body.get("kind") == "Pod":
            self.pod = body
            self.made.append(body)
            return body
        if self.pod is None:
            raise RefusedError(404, "NotFound", "no such pod")
        if body and body.get("kind") == "DeleteOptions":
            self.pod = None
            return {}
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {**self.pod, "status": status}


@pytest.fixture
def server() -> Iterator[ApiServer]:
    server = ApiServer()
    yield server
    server.close()


@pytest.fixture
def client(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(reach, "POLL_SECONDS", 0.001)
    file = tmp_path / "kubeconfig.yaml"
    file.write_text(server.kubeconfig)
    return Client(kubeconfig.load(str(file)))


def _container(**state: dict[str, str]) -> dict[str, Any]:
    return {"phase": "Pending", "containerStatuses": [{"state": state}]}


def test_a_pod_that_got_its_answer_is_removed(server: ApiServer, client: Client) -> None:
    kubelet = server.hooks[PATH] = Kubelet({"phase": "Pending"}, {"phase": "Succeeded"})
    prove_reach(client, IMAGE, "192.0.2.7")
    assert kubelet.pod is None
    assert [pod["spec"]["containers"][0]["image"] for pod in kubelet.made] == [IMAGE]


def test_the_pod_of_an_interrupted_run_goes_first(server: ApiServer, client: Client) -> None:
    kubelet = server.hooks[PATH] = Kubelet({"phase": "Succeeded"})
    kubelet.pod = {"metadata": {"name": "reach"}}
    prove_reach(client, IMAGE, "192.0.2.7")
    assert kubelet.pod is None
    assert len(kubelet.made) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            {**_container(terminated={"message": "<urlopen error timed out>\n"}), "phase": "Failed"},
            r"192\.0\.2\.7:4566.*timed out>\. .*EMULATOR_ADDRESS",
        ),
        (
            _container(waiting={"reason": "ImagePullBackOff", "message": "401 unauthorised"}),
            r"can't pull registry\.example\.org/serving.*401 unauthorised.*IMAGE_REGISTRY",
        ),
        (
            {
                "phase": "Pending",
                "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes"}],
            },
            r"not done within 0 s: 0/1 nodes",
        ),
        (_container(waiting={"reason": "ContainerCreating"}), "not done within 0 s: ContainerCreating"),
    ],
    ids=["no way to the emulator", "no image", "no node", "no end"],
)
def test_what_the_cluster_says_is_told_with_a_remedy_and_the_pod_is_removed(
    server: ApiServer,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    status: dict[str, Any],
    words: str,
) -> None:
    monkeypatch.setattr(reach, "DECIDED_SECONDS", 0.1)
    kubelet = server.hooks[PATH] = Kubelet(status)
    with pytest.raises(LocalError, match=words):
        prove_reach(client, IMAGE, "192.0.2.7")
    assert kubelet.pod is None
