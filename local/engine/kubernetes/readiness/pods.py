"""Why a pod isn't ready, in the words of its kubelet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.kubernetes.readiness.verdict import (
    READY,
    Surroundings,
    Verdict,
    condition,
    failed,
    holds,
    spec_of,
    status_of,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine.kubernetes.objects import Object

_NORMAL: Final = frozenset({"ContainerCreating", "PodInitializing"})
_MESSAGE_CHARACTERS: Final = 600
MOST_PODS: Final = 3
"""Pods of one workload mostly fail alike: so many are told of."""


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether traffic may go to it, or its work is done."""
    return holds(condition(pod, "Ready")) or status_of(pod).get("phase") == "Succeeded"


def pod(thing: Object, look: Surroundings) -> Verdict:
    """A pod is ready when its containers are, or when it has succeeded."""
    del look
    if is_ready(thing):
        return READY
    reasons = troubles(thing) or ["the pod is not ready yet"]
    if status_of(thing).get("phase") == "Failed" and spec_of(thing).get("restartPolicy") == "Never":
        return failed(*reasons)
    return waiting(*reasons)


def troubles(thing: Mapping[str, Any]) -> list[str]:
    """One sentence for each thing that keeps a pod from being ready; none if it only needs time."""
    name = (thing.get("metadata") or {}).get("name", "?")
    status = status_of(thing)
    found: list[str] = []
    scheduled = condition(thing, "PodScheduled")
    if scheduled and not holds(scheduled):
        found.append(f"pod {name} can't be scheduled: {_short(scheduled.get('message'))}")
    if status.get("phase") == "Failed" and status.get("reason"):
        found.append(f"pod {name} failed: {status['reason']}: {_short(status.get('message'))}")
    initial = status.get("initContainerStatuses") or []
    for container in [*initial, *(status.get("containerStatuses") or [])]:
        found.extend(
            f"pod {name}, container {container.get('name')}: {text}" for text in _container(container)
        )
    return found


def _container(status: Mapping[str, Any]) -> list[str]:
    state = status.get("state") or {}
    if status.get("ready"):
        return []
    found = []
    blocked = state.get("waiting") or {}
    if blocked.get("reason") and blocked["reason"] not in _NORMAL:
        found.append(f"{blocked['reason']}: {_short(blocked.get('message'))}")
    ended = state.get("terminated") or {}
    if ended and ended.get("exitCode"):
        found.append(_ended(ended))
    before = (status.get("lastState") or {}).get("terminated") or {}
    if before:
        found.append(f"last time it {_ended(before)}")
    if not found and "running" in state:
        restarts = int(status.get("restartCount", 0))
        again = f", restarted {restarts} times" if restarts else ""
        found.append(f"runs, but is not ready{again}")
    return found


def _ended(state: Mapping[str, Any]) -> str:
    said = f": {_short(state['message'])}" if state.get("message") else ""
    return f"ended with status {state.get('exitCode')} ({state.get('reason', 'no reason given')}){said}"


def _short(text: object) -> str:
    # The end of a long message is what a program said last.
    words = str(text or "no message").strip()
    return words if len(words) <= _MESSAGE_CHARACTERS else f"...{words[-_MESSAGE_CHARACTERS:]}"


def troubles_of(pods: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with several pods; those that are ready or on their way out are left out."""
    unready = [
        thing
        for thing in pods
        if not is_ready(thing) and not (thing.get("metadata") or {}).get("deletionTimestamp")
    ]
    found: list[str] = []
    for thing in unready[:MOST_PODS]:
        found.extend(troubles(thing))
    if len(unready) > MOST_PODS:
        found.append(f"and {len(unready) - MOST_PODS} more pods are not ready")
    return found
