"""When what runs pods is rolled out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.kubernetes.kinds import Kind
from local.engine.kubernetes.readiness import pods
from local.engine.kubernetes.readiness.verdict import (
    READY,
    Surroundings,
    Verdict,
    condition,
    failed,
    holds,
    is_observed,
    is_owned_by,
    label_selector,
    sentence,
    spec_of,
    status_of,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine.kubernetes.objects import Object

POD: Final = Kind("v1", "Pod")
REPLICA_SET: Final = Kind("apps/v1", "ReplicaSet")
_REVISION: Final = "deployment.kubernetes.io/revision"
_UNSEEN: Final = "its controller has not seen it yet"


def _count(thing: Mapping[str, Any], name: str) -> int:
    return int(status_of(thing).get(name) or 0)


def _replicas(thing: Mapping[str, Any]) -> int:
    wanted = spec_of(thing).get("replicas")
    return 1 if wanted is None else int(wanted)


def _place(thing: Mapping[str, Any]) -> tuple[str, str]:
    metadata = thing.get("metadata") or {}
    return metadata.get("namespace", ""), label_selector(spec_of(thing).get("selector") or {})


def deployment(thing: Object, look: Surroundings) -> Verdict:
    """Every pod is of the newest template and available, as `kubectl rollout status` has it."""
    if not is_observed(thing):
        return waiting(_UNSEEN)
    wanted = _replicas(thing)
    updated, available, total = (
        _count(thing, name) for name in ("updatedReplicas", "availableReplicas", "replicas")
    )
    progressing = condition(thing, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return failed(sentence(progressing), *_newest_pods(thing, look))
    if updated >= wanted and available >= wanted and total <= updated:
        return READY
    reasons = [f"{min(updated, available)} of {wanted} new pods are available"]
    if total > updated:
        reasons.append(f"{total - updated} old pods are still there")
    return _judge(thing, reasons, _newest_pods(thing, look))


def _judge(thing: Object, reasons: list[str], found: list[str]) -> Verdict:
    refused = condition(thing, "ReplicaFailure")
    if holds(refused):
        reasons.append(sentence(refused))
        if "violates PodSecurity" in str(refused.get("message")):
            # Nothing but another template or another namespace label makes such a pod possible.
            return failed(*reasons, *found)
    return waiting(*reasons, *found)


def _newest_pods(thing: Object, look: Surroundings) -> list[str]:
    namespace, selector = _place(thing)
    revision = ((thing.get("metadata") or {}).get("annotations") or {}).get(_REVISION)
    newest = [
        candidate
        for candidate in look.list(REPLICA_SET, namespace, selector)
        if is_owned_by(candidate, thing)
        and (candidate["metadata"].get("annotations") or {}).get(_REVISION) == revision
    ]
    if not newest:
        return []
    return pods.troubles_of([p for p in look.list(POD, namespace, selector) if is_owned_by(p, newest[0])])


def _own_pods(thing: Object, look: Surroundings) -> Sequence[Object]:
    namespace, selector = _place(thing)
    return [found for found in look.list(POD, namespace, selector) if is_owned_by(found, thing)]


def stateful_set(thing: Object, look: Surroundings) -> Verdict:
    """Every replica is ready and of the newest revision; under `OnDelete` the revision doesn't count."""
    if not is_observed(thing):
        return waiting(_UNSEEN)
    wanted = _replicas(thing)
    status = status_of(thing)
    strategy = spec_of(thing).get("updateStrategy") or {}
    counts = [_count(thing, "replicas"), _count(thing, "readyReplicas")]
    rolled = strategy.get("type") == "OnDelete"
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    if not rolled and partition:
        rolled = _count(thing, "updatedReplicas") >= wanted - partition
    elif not rolled:
        counts.append(_count(thing, "currentReplicas"))
        rolled = status.get("currentRevision") == status.get("updateRevision")
    if rolled and all(count == wanted for count in counts):
        return READY
    reasons = [f"{min(counts)} of {wanted} pods are ready"]
    if not rolled:
        reasons.append(f"revision {status.get('updateRevision')} is not everywhere yet")
    return waiting(*reasons, *pods.troubles_of(_own_pods(thing, look)))


def daemon_set(thing: Object, look: Surroundings) -> Verdict:
    """Every node that should have a pod has an available one of the newest template."""
    if not is_observed(thing):
        return waiting(_UNSEEN)
    wanted = _count(thing, "desiredNumberScheduled")
    on_delete = (spec_of(thing).get("updateStrategy") or {}).get("type") == "OnDelete"
    updated = wanted if on_delete else _count(thing, "updatedNumberScheduled")
    available = _count(thing, "numberAvailable")
    if updated >= wanted and available >= wanted:
        return READY
    return waiting(
        f"{min(updated, available)} of {wanted} nodes have an available pod",
        *pods.troubles_of(_own_pods(thing, look)),
    )


def replication_controller(thing: Object, look: Surroundings) -> Verdict:
    """As many pods as asked are available."""
    del look
    wanted, available = _replicas(thing), _count(thing, "availableReplicas")
    return READY if available == wanted else waiting(f"{available} of {wanted} pods are available")


def job(thing: Object, look: Surroundings) -> Verdict:
    """The work is done; if it failed, the last lines that its pod wrote tell why."""
    if holds(condition(thing, "Complete")):
        return READY
    refused = condition(thing, "Failed")
    found = sorted(_own_pods(thing, look), key=lambda item: str(item["metadata"].get("creationTimestamp")))
    if holds(refused):
        return failed(sentence(refused), *pods.troubles_of(found), *_last_words(found, look))
    if holds(condition(thing, "Suspended")) or spec_of(thing).get("suspend"):
        return READY
    active = f"{_count(thing, 'active')} pods run, {_count(thing, 'failed')} have failed"
    return waiting(active, *pods.troubles_of(found))


def _last_words(found: Sequence[Object], look: Surroundings) -> list[str]:
    for thing in reversed(found):
        for container in status_of(thing).get("containerStatuses") or []:
            ended = (container.get("state") or {}).get("terminated") or {}
            lines = look.last_lines(thing, container["name"]) if ended.get("exitCode") else []
            if lines:
                text = "\n".join(f"    {line}" for line in lines)
                return [f"pod {thing['metadata']['name']} wrote last:\n{text}"]
    return []
