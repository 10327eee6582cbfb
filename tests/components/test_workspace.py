from __future__ import annotations

from factories import tags
from recording import record

from components.workspace import Workspace, WorkspaceArgs


def workspace() -> Workspace:
    return Workspace("workspace", WorkspaceArgs(tags(), "plinth"))


def test_only_restricted_pods_are_admitted() -> None:
    labels = record(workspace).one("Namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_all_traffic_is_refused_until_somebody_allows_it() -> None:
    policy = record(workspace).one("NetworkPolicy").inputs["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["podSelector"] == {}
    assert not policy.get("ingress")
    assert not policy.get("egress")


def test_the_namespace_says_who_answers_for_it() -> None:
    annotations = record(workspace).one("Namespace").inputs["metadata"]["annotations"]
    assert annotations["plinth.dev/owner"] == tags().owner


def test_nobody_moves_in_before_the_refusal_stands() -> None:
    result = record(lambda: {"waited_for": workspace().namespace.resources()}).result
    assert "workspace-default-deny" in {resource._name for resource in result["waited_for"]}
