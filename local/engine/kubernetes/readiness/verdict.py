"""What a look at an object tells about its readiness."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine.kubernetes.kinds import Kind
    from local.engine.kubernetes.objects import Object


class State(StrEnum):
    """Whether it makes sense to go on waiting."""

    READY = "ready"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Readiness, with a sentence for each thing that is missing."""

    state: State
    reasons: tuple[str, ...] = ()


READY = Verdict(State.READY)


def waiting(*reasons: str) -> Verdict:
    """Not yet."""
    return Verdict(State.WAITING, reasons)


def failed(*reasons: str) -> Verdict:
    """Not ever, without a change."""
    return Verdict(State.FAILED, reasons)


class Surroundings(Protocol):
    """What a rule may look at besides the object itself."""

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Another object, None if there is none."""

    def list(self, kind: Kind, namespace: str, selector: str = "") -> Sequence[Object]:
        """Other objects by their labels."""

    def last_lines(self, pod: Object, container: str) -> Sequence[str]:
        """What a container wrote last."""


def status_of(thing: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object's status, empty if there is none yet."""
    status: Mapping[str, Any] = thing.get("status") or {}
    return status


def spec_of(thing: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object's spec, empty if there is none."""
    spec: Mapping[str, Any] = thing.get("spec") or {}
    return spec


def condition(thing: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """One of the conditions that a status (or a part of one) lists, empty if it isn't there."""
    listed = thing.get("conditions") if "conditions" in thing else status_of(thing).get("conditions")
    for found in listed or []:
        if found.get("type") == kind:
            result: Mapping[str, Any] = found
            return result
    return {}


def holds(found: Mapping[str, Any]) -> bool:
    """Whether a condition is true."""
    return found.get("status") == "True"


def sentence(found: Mapping[str, Any]) -> str:
    """A condition as a person reads it."""
    text = f"{found.get('type')} is {found.get('status')}"
    said = ": ".join(str(found[name]) for name in ("reason", "message") if found.get(name))
    return f"{text} ({said})" if said else text


def is_observed(thing: Mapping[str, Any]) -> bool:
    """Whether the controller's status is about the newest spec."""
    generation = (thing.get("metadata") or {}).get("generation", 0)
    return int(status_of(thing).get("observedGeneration", 0)) >= int(generation)


def selector_text(labels: Mapping[str, Any]) -> str:
    """Labels as a query has them."""
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def label_selector(selector: Mapping[str, Any]) -> str:
    """A LabelSelector as a query has it."""
    parts = [selector_text(selector.get("matchLabels") or {})] if selector.get("matchLabels") else []
    for expression in selector.get("matchExpressions") or []:
        key, operator = expression["key"], expression["operator"]
        values = ",".join(expression.get("values") or [])
        parts.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": str(key),
                "DoesNotExist": f"!{key}",
            }[operator]
        )
    return ",".join(parts)


def is_owned_by(thing: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    """Whether one object belongs to another."""
    uid = (owner.get("metadata") or {}).get("uid")
    return any(
        reference.get("uid") == uid
        for reference in (thing.get("metadata") or {}).get("ownerReferences") or []
    )
