"""Verdicts on recorded objects, shortened to what the rules look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from local.engine.kubernetes.kinds import Kind
from local.engine.kubernetes.readiness.rules import RULES, judge, rule_for
from local.engine.kubernetes.readiness.verdict import State, Verdict, label_selector
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Sequence

Thing = dict[str, Any]


@dataclass
class Around:
    """Other objects, by kind and name."""

    objects: dict[str, list[Thing]] = field(default_factory=dict)
    lines: Sequence[str] = ()

    def get(self, kind: Kind, namespace: str, name: str) -> Thing | None:
        del namespace
        return next(
            (thing for thing in self.objects.get(kind.name, []) if thing["metadata"]["name"] == name), None
        )

    def list(self, kind: Kind, namespace: str, selector: str = "") -> Sequence[Thing]:
        del namespace, selector
        return self.objects.get(kind.name, [])

    def last_lines(self, pod: Thing, container: str) -> Sequence[str]:
        del pod, container
        return self.lines


def verdict(kind: Kind, thing: Thing, around: Around | None = None) -> Verdict:
    return judge(RULES[(kind.group, kind.name)], thing, around or Around())


DEPLOYMENT = Kind("apps/v1", "Deployment")
STATEFUL_SET = Kind("apps/v1", "StatefulSet")
JOB = Kind("batch/v1", "Job")
POD = Kind("v1", "Pod")
SERVICE = Kind("v1", "Service")
CLAIM = Kind("v1", "PersistentVolumeClaim")
GATEWAY = Kind("gateway.networking.k8s.io/v1", "Gateway")
ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute")


def deployment(**status: Any) -> Thing:
    return {
        "metadata": {
            "name": "web",
            "uid": "d",
            "generation": 2,
            "annotations": {"deployment.kubernetes.io/revision": "2"},
        },
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}},
        "status": {
            "observedGeneration": 2,
            "replicas": 2,
            "updatedReplicas": 2,
            "availableReplicas": 2,
            **status,
        },
    }


def test_a_rollout_is_complete_when_every_pod_is_new_and_available() -> None:
    assert verdict(DEPLOYMENT, deployment()).state is State.READY


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"observedGeneration": 1}, "its controller has not seen it yet"),
        ({"updatedReplicas": 1}, "1 of 2 new pods are available"),
        ({"availableReplicas": 0}, "0 of 2 new pods are available"),
        ({"replicas": 3}, "1 old pods are still there"),
    ],
)
def test_a_rollout_that_is_under_way_says_what_is_missing(status: Thing, reason: str) -> None:
    found = verdict(DEPLOYMENT, deployment(**status))
    assert found.state is State.WAITING
    assert reason in found.reasons


def pod(**container: Any) -> Thing:
    return {
        "metadata": {"name": "web-1", "ownerReferences": [{"uid": "new"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "app", "ready": False, **container}],
        },
    }


NEW = {
    "metadata": {
        "name": "web-new",
        "uid": "new",
        "ownerReferences": [{"uid": "d"}],
        "annotations": {"deployment.kubernetes.io/revision": "2"},
    }
}


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        (
            {"state": {"waiting": {"reason": "ErrImageNeverPull", "message": "image x is not present"}}},
            "ErrImageNeverPull: image x is not present",
        ),
        (
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": "hash differs"}},
            },
            "last time it ended with status 1 (Error): hash differs",
        ),
        ({"state": {"running": {}}, "restartCount": 2}, "runs, but is not ready, restarted 2 times"),
    ],
)
def test_a_rollout_that_missed_its_deadline_fails_with_the_words_of_its_new_pods(
    container: Thing, reason: str
) -> None:
    thing = deployment(
        availableReplicas=1,
        conditions=[{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}],
    )
    old = {**pod(), "metadata": {"name": "web-0", "ownerReferences": [{"uid": "old"}]}}
    found = verdict(DEPLOYMENT, thing, Around({"ReplicaSet": [NEW], "Pod": [old, pod(**container)]}))
    assert found.state is State.FAILED
    assert f"pod web-1, container app: {reason}" in found.reasons
    assert not any("web-0" in text for text in found.reasons)


def test_pods_that_the_namespace_forbids_fail_at_once() -> None:
    thing = deployment(
        replicas=0,
        updatedReplicas=0,
        availableReplicas=0,
        conditions=[
            {
                "type": "ReplicaFailure",
                "status": "True",
                "reason": "FailedCreate",
                "message": 'pods "web-1" is forbidden: violates PodSecurity "restricted:latest"',
            }
        ],
    )
    found = verdict(DEPLOYMENT, thing)
    assert found.state is State.FAILED
    assert any("violates PodSecurity" in reason for reason in found.reasons)


def test_many_pods_that_fail_alike_are_told_of_a_few_times() -> None:
    pods = [pod(state={"waiting": {"reason": "ErrImagePull"}}) for _ in range(10)]
    found = verdict(DEPLOYMENT, deployment(availableReplicas=0), Around({"ReplicaSet": [NEW], "Pod": pods}))
    assert "and 7 more pods are not ready" in found.reasons


def stateful_set(**status: Any) -> Thing:
    return {
        "metadata": {"name": "db", "uid": "s", "generation": 1},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "db"}}},
        "status": {
            "observedGeneration": 1,
            "replicas": 1,
            "readyReplicas": 1,
            "currentReplicas": 1,
            "currentRevision": "a",
            "updateRevision": "a",
            **status,
        },
    }


def test_a_stateful_set_is_ready_on_its_newest_revision_only() -> None:
    assert verdict(STATEFUL_SET, stateful_set()).state is State.READY
    stale = verdict(STATEFUL_SET, stateful_set(updateRevision="b", currentReplicas=0))
    assert stale.state is State.WAITING
    assert "revision b is not everywhere yet" in stale.reasons


def test_a_daemon_set_needs_every_node() -> None:
    thing = {
        "metadata": {"generation": 1},
        "status": {
            "observedGeneration": 1,
            "desiredNumberScheduled": 2,
            "updatedNumberScheduled": 2,
            "numberAvailable": 1,
        },
    }
    kind = Kind("apps/v1", "DaemonSet")
    assert verdict(kind, thing).reasons[0] == "1 of 2 nodes have an available pod"
    thing["status"]["numberAvailable"] = 2  # type: ignore[index] - a mapping above
    assert verdict(kind, thing).state is State.READY


@pytest.mark.parametrize(
    ("condition", "state"),
    [
        ("Complete", State.READY),
        ("Failed", State.FAILED),
        ("Suspended", State.READY),
        ("Other", State.WAITING),
    ],
)
def test_a_job_is_ready_when_its_work_is_done(condition: str, state: State) -> None:
    thing = {"metadata": {"uid": "j"}, "status": {"conditions": [{"type": condition, "status": "True"}]}}
    assert verdict(JOB, thing).state is state


def test_a_pod_that_never_restarts_fails_for_good() -> None:
    thing = {"metadata": {"name": "p"}, "spec": {"restartPolicy": "Never"}, "status": {"phase": "Failed"}}
    assert verdict(POD, thing).state is State.FAILED
    assert verdict(POD, {"metadata": {}, "status": {"phase": "Succeeded"}}).state is State.READY


def endpoints(*ready: bool) -> Thing:
    return {
        "endpoints": [{"conditions": {"ready": state}, "targetRef": {"name": "web-1"}} for state in ready]
    }


@pytest.mark.parametrize(
    ("spec", "slices", "state"),
    [
        ({"selector": {"a": "b"}}, [endpoints(True)], State.READY),
        ({"selector": {"a": "b"}}, [endpoints(True, False)], State.WAITING),
        ({"selector": {"a": "b"}}, [endpoints()], State.READY),
        ({"selector": {"a": "b"}}, [], State.WAITING),
        ({}, [], State.READY),
        ({"selector": {"a": "b"}, "clusterIP": "None"}, [], State.READY),
        ({"type": "ExternalName"}, [], State.READY),
        ({"type": "LoadBalancer"}, [], State.WAITING),
    ],
)
def test_a_service_waits_for_what_it_sends_traffic_to(spec: Thing, slices: list[Thing], state: State) -> None:
    thing = {"metadata": {"name": "web"}, "spec": spec}
    assert verdict(SERVICE, thing, Around({"EndpointSlice": slices})).state is state


def test_a_load_balancer_is_ready_with_an_address() -> None:
    thing = {
        "metadata": {"name": "web"},
        "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
    }
    assert verdict(SERVICE, thing).state is State.READY


@pytest.mark.parametrize(
    ("mode", "phase", "state"),
    [
        ("Immediate", "Pending", State.WAITING),
        ("WaitForFirstConsumer", "Pending", State.READY),
        ("Immediate", "Bound", State.READY),
        ("Immediate", "Lost", State.FAILED),
    ],
)
def test_a_claim_waits_for_its_volume_unless_volumes_wait_for_pods(
    mode: str, phase: str, state: State
) -> None:
    storage = {"metadata": {"name": "fast"}, "volumeBindingMode": mode}
    thing = {"metadata": {"name": "data"}, "spec": {"storageClassName": "fast"}, "status": {"phase": phase}}
    assert verdict(CLAIM, thing, Around({"StorageClass": [storage]})).state is state


def test_a_definition_is_ready_once_served_and_fails_on_a_taken_name() -> None:
    kind = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    assert verdict(kind, {"metadata": {}}).state is State.WAITING
    served = {"metadata": {}, "status": {"conditions": [{"type": "Established", "status": "True"}]}}
    assert verdict(kind, served).state is State.READY
    taken = {"metadata": {}, "status": {"conditions": [{"type": "NamesAccepted", "status": "False"}]}}
    assert verdict(kind, taken).state is State.FAILED


def gateway(programmed: str, *, created: str = "2026-01-01T00:00:00Z", generation: int = 1) -> Thing:
    conditions = [
        {"type": name, "status": status, "observedGeneration": generation}
        for name, status in (("Accepted", "True"), ("Programmed", programmed))
    ]
    return {
        "metadata": {"name": "edge", "generation": 1, "creationTimestamp": created},
        "spec": {"gatewayClassName": "envoy"},
        "status": {"conditions": conditions},
    }


def gateway_class(accepted: str) -> Thing:
    return {
        "metadata": {"name": "envoy"},
        "status": {"conditions": [{"type": "Accepted", "status": accepted}]},
    }


def test_a_gateway_is_ready_when_it_is_programmed() -> None:
    around = Around({"GatewayClass": [gateway_class("True")]})
    assert verdict(GATEWAY, gateway("True"), around).state is State.READY
    assert verdict(GATEWAY, gateway("False"), around).state is State.WAITING
    assert verdict(GATEWAY, gateway("True", generation=0), around).state is State.WAITING


def test_a_gateway_that_nobody_looks_after_is_not_waited_for_long() -> None:
    around = Around({"GatewayClass": [gateway_class("Unknown")]})
    assert verdict(GATEWAY, gateway("False"), around).state is State.READY
    fresh = gateway("False", created=datetime.now(UTC).isoformat())
    assert verdict(GATEWAY, fresh, around).state is State.WAITING


def test_a_route_waits_for_every_parent() -> None:
    around = Around({"GatewayClass": [gateway_class("True")], "Gateway": [gateway("True")]})
    conditions = [
        {"type": "Accepted", "status": "True", "observedGeneration": 1},
        {"type": "ResolvedRefs", "status": "False", "observedGeneration": 1, "reason": "BackendNotFound"},
    ]
    thing = {
        "metadata": {"name": "api", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"parentRefs": [{"name": "edge"}]},
        "status": {"parents": [{"parentRef": {"name": "edge"}, "conditions": conditions}]},
    }
    found = verdict(ROUTE, thing, around)
    assert found.state is State.WAITING
    assert found.reasons == ("gateway edge: ResolvedRefs is False (BackendNotFound)",)
    conditions[1]["status"] = "True"
    assert verdict(ROUTE, thing, around).state is State.READY


def test_what_is_being_deleted_is_never_ready() -> None:
    thing = deployment()
    thing["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert verdict(DEPLOYMENT, thing).state is State.WAITING


def noted(**notes: str) -> Thing:
    return {"metadata": {"annotations": {f"pulumi.com/{name}": text for name, text in notes.items()}}}


def test_the_program_may_skip_the_wait_or_state_its_own_condition() -> None:
    assert rule_for(DEPLOYMENT, noted(skipAwait="true")) is None
    rule = rule_for(
        Kind("example.com/v1", "Toy"), noted(waitFor='["condition=Ready", "jsonpath={.status.phase}=Up"]')
    )
    ready = {"status": {"phase": "Up", "conditions": [{"type": "Ready", "status": "True"}]}}
    assert judge(rule, ready, Around()).state is State.READY
    found = judge(rule, {"status": {"phase": "Down"}}, Around())
    assert len(found.reasons) == 2
    with pytest.raises(ProviderError, match="expected `condition="):
        rule_for(DEPLOYMENT, noted(waitFor="whenever"))


def test_a_kind_without_a_rule_is_ready_as_soon_as_it_exists() -> None:
    assert rule_for(Kind("autoscaling/v2", "HorizontalPodAutoscaler"), {}) is None
    assert judge(None, {}, Around()).state is State.READY


def test_selectors_become_queries() -> None:
    selector = {
        "matchLabels": {"b": "2", "a": "1"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["x", "y"]},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }
    assert label_selector(selector) == "a=1,b=2,tier in (x,y),!old"
