"""When the Gateway API's objects are in force.

The official provider doesn't wait for these. Here it is worth it, because what comes next sends requests; but
only where a controller looks after the class at all: a rehearsal on a bare API server has none.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from local.engine.kubernetes.kinds import Kind
from local.engine.kubernetes.readiness.verdict import (
    READY,
    Surroundings,
    Verdict,
    condition,
    holds,
    sentence,
    spec_of,
    status_of,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.kubernetes.objects import Object

_GROUP: Final = "gateway.networking.k8s.io/v1"
_CLASS: Final = Kind(_GROUP, "GatewayClass")
_GATEWAY: Final = Kind(_GROUP, "Gateway")

CONTROLLER_SECONDS: Final = 15.0
"""How long a class may stay without a controller before its gateways are taken for nobody's."""


def gateway(thing: Object, look: Surroundings) -> Verdict:
    """Its listeners are programmed into the proxy."""
    name = str(spec_of(thing).get("gatewayClassName", ""))
    if not _is_looked_after(name, look):
        return (
            READY
            if _age(thing) > CONTROLLER_SECONDS
            else waiting(f"no controller has taken the class {name} yet")
        )
    return _all_hold(thing, status_of(thing), ("Accepted", "Programmed"))


def route(thing: Object, look: Surroundings) -> Verdict:
    """Every parent has accepted it, and all that it names exists."""
    namespace = thing["metadata"].get("namespace", "")
    spec = spec_of(thing)
    parents = [
        parent for parent in spec.get("parentRefs") or [] if parent.get("kind", "Gateway") == "Gateway"
    ]
    listed = status_of(thing).get("parents") or []
    reasons: list[str] = []
    for parent in parents:
        found = look.get(_GATEWAY, parent.get("namespace") or namespace, str(parent.get("name")))
        looked_after = found is not None and _is_looked_after(
            str(spec_of(found).get("gatewayClassName", "")), look
        )
        if not looked_after:
            if _age(thing) <= CONTROLLER_SECONDS:
                reasons.append(f"the gateway {parent.get('name')} is nobody's yet")
            continue
        status: Mapping[str, Any] = next(
            (item for item in listed if _same_parent(item.get("parentRef") or {}, parent)), {}
        )
        verdict = _all_hold(thing, status, ("Accepted", "ResolvedRefs"))
        reasons.extend(f"gateway {parent.get('name')}: {reason}" for reason in verdict.reasons)
    return waiting(*reasons) if reasons else READY


def _same_parent(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.get("name") == other.get("name") and one.get("sectionName") == other.get("sectionName")


def _all_hold(thing: Mapping[str, Any], status: Mapping[str, Any], names: tuple[str, ...]) -> Verdict:
    generation = (thing.get("metadata") or {}).get("generation", 0)
    reasons = []
    for name in names:
        found = condition({"conditions": status.get("conditions") or []}, name)
        if not found or int(found.get("observedGeneration") or 0) < int(generation):
            reasons.append(f"{name} has not been decided yet")
        elif not holds(found):
            reasons.append(sentence(found))
    return waiting(*reasons) if reasons else READY


def _is_looked_after(class_name: str, look: Surroundings) -> bool:
    found = look.get(_CLASS, "", class_name)
    return found is not None and holds(condition(found, "Accepted"))


def _age(thing: Mapping[str, Any]) -> float:
    created = (thing.get("metadata") or {}).get("creationTimestamp")
    if not created:
        return 0.0
    moment = datetime.fromisoformat(str(created)).astimezone(UTC)
    return time.time() - moment.timestamp()
