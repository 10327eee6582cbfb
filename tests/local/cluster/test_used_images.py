"""Which images stay in the node."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from local.cluster.api import ApiError
from local.cluster.node import Node
from local.cluster.used_images import REPLICA_SETS, REVISION, WORKLOADS, used_images
from local.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.cluster.layout import Layout
    from local.instance import Instance


class Lists:
    """An API server that only lists."""

    def __init__(self, lists: Mapping[str, list[dict[str, Any]]]) -> None:
        self._lists = lists

    def get(self, path: str) -> dict[str, Any]:
        return {"items": self._lists.get(path, [])}


class Silent:
    """One that does not answer."""

    def get(self, _: str) -> dict[str, Any]:
        raise ApiError("no answer")


def template(image: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}


def replica_set(owner: str, revision: int) -> dict[str, Any]:
    metadata = {"ownerReferences": [{"uid": owner}], "annotations": {REVISION: str(revision)}}
    return {"metadata": metadata, **template(f"{owner}-{revision}")}


def test_what_any_workload_may_start_is_in_use() -> None:
    lists = {path: [template(path)] for path in WORKLOADS}
    pod = {"spec": {"initContainers": [{"image": "first"}], "ephemeralContainers": [{"image": "debugging"}]}}
    lists["/api/v1/pods"] = [pod]
    assert used_images(Lists(lists)) == {"first", "debugging", *WORKLOADS[1:]}  # type: ignore[arg-type]


def test_the_revision_before_the_present_one_is_in_use_and_an_older_one_is_not() -> None:
    entries = [replica_set("serving", revision) for revision in (9, 11, 10)] + [replica_set("gateway", 1)]
    found = used_images(Lists({REPLICA_SETS: entries}))  # type: ignore[arg-type]
    assert found == {"serving-10", "serving-11", "gateway-1"}


class Store:
    """An image store that says what it was told to keep."""

    def __init__(self) -> None:
        self.kept: set[str] | None = None

    def collect(self, keep: list[str]) -> list[str]:
        self.kept = set(keep)
        return ["old"]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store()
    monkeypatch.setattr(Node, "_images", store)
    return store


@pytest.fixture
def node(instance: Instance, layout: Layout) -> Node:
    (layout.root / "pause.reference").write_text("pause")
    return Node(instance, NoTools())


class NoTools:
    """None is asked for."""

    def binary(self, name: str) -> Path:
        raise AssertionError(name)


def test_the_plans_images_the_clusters_and_the_nodes_own_are_kept(node: Node, store: Store) -> None:
    node._api = Lists({"/api/v1/pods": [{"spec": {"containers": [{"image": "running"}]}}]})  # type: ignore[assignment]
    said = io.StringIO()
    node.collect_images(["planned"], Progress(stream=said))
    assert store.kept == {"planned", "running", "pause"}
    assert "nothing uses them any more: old" in said.getvalue()


def test_where_the_cluster_can_not_be_asked_nothing_is_removed(node: Node, store: Store) -> None:
    node._api = Silent()  # type: ignore[assignment]
    said = io.StringIO()
    node.collect_images(["planned"], Progress(stream=said))
    assert store.kept is None
    assert "no answer" in said.getvalue()
