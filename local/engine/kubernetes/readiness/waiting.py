"""Watch an object until it is ready or gone, and say meanwhile what is missing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from local.engine.kubernetes.errors import ApiError, UnknownKindError
from local.engine.kubernetes.kinds import Kind, identity_of
from local.engine.kubernetes.objects import Object, name_of, namespace_of
from local.engine.kubernetes.readiness.rules import judge
from local.engine.kubernetes.readiness.verdict import State, Verdict, condition, failed
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.engine.kubernetes.client import Client, Resource
    from local.engine.kubernetes.readiness.rules import Rule

DEFAULT_SECONDS: Final = 600.0
"""As in the official provider; `customTimeouts` and `pulumi.com/timeoutSeconds` say otherwise."""

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 0.5
LOG_LINES: Final = 20

_NAMESPACE_CONDITIONS: Final = (
    "NamespaceContentRemaining",
    "NamespaceFinalizersRemaining",
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionContentFailure",
)


class ClusterSurroundings:
    """What rules look at, in a real cluster."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Another object, None if there is none or its kind is unknown."""
        try:
            return self._client.get(self._client.resource(kind), namespace, name)
        except UnknownKindError:
            return None

    def list(self, kind: Kind, namespace: str, selector: str = "") -> Sequence[Object]:
        """Other objects by their labels; none if we may not see them."""
        try:
            return self._client.list(self._client.resource(kind), namespace, selector)
        except (UnknownKindError, ApiError):
            return []

    def last_lines(self, pod: Object, container: str) -> Sequence[str]:
        """What a container wrote last."""
        return self._client.logs(namespace_of(pod), name_of(pod), container, LOG_LINES).splitlines()


class Waiter:
    """Waits for objects of one cluster.

    Args:
        client: the cluster.
        pause: sleeps; raises when the engine asks to stop.
        say: shows a status line beside a resource, given its URN.
    """

    def __init__(
        self, client: Client, pause: Callable[[float], None], say: Callable[[str, str], None]
    ) -> None:
        self._client = client
        self._pause = pause
        self._say = say
        self.look = ClusterSurroundings(client)

    def until_ready(
        self, resource: Resource, live: Object, rule: Rule | None, *, urn: str, timeout: float
    ) -> tuple[Object, Verdict]:
        """Wait for readiness; gives the object as last seen, and a verdict that is READY or says why not."""
        verdict = judge(rule, live, self.look)
        deadline = time.monotonic() + timeout
        pause = FIRST_PAUSE_SECONDS
        said = ""
        while verdict.state is State.WAITING:
            if time.monotonic() >= deadline:
                return live, failed(f"not ready after {timeout:.0f} s", *verdict.reasons)
            told = "; ".join(verdict.reasons)[:200]
            if told != said:
                self._say(urn, told)
                said = told
            self._pause(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
            found = self._client.get(resource, namespace_of(live), name_of(live))
            if found is None:
                return live, failed("it was deleted by somebody else while it was waited for")
            live = found
            verdict = judge(rule, live, self.look)
        return live, verdict

    def until_gone(self, resource: Resource, live: Object, *, urn: str, timeout: float) -> None:
        """Wait until an object, or the one that it was, no longer exists.

        Raises:
            ProviderError: it is still there; names the finalizers that hold it.
        """
        uid = live["metadata"].get("uid")
        namespace, name = namespace_of(live), name_of(live)
        deadline = time.monotonic() + timeout
        pause = FIRST_PAUSE_SECONDS
        while True:
            found = self._client.get(resource, namespace, name)
            if found is None or found["metadata"].get("uid") != uid:
                return
            if time.monotonic() >= deadline:
                raise ProviderError(_still_there(found, timeout))
            self._say(urn, f"waiting for {_holders(found) or 'its removal'}")
            self._pause(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)


def _holders(thing: Object) -> str:
    metadata = thing["metadata"]
    below = (thing.get("spec") or {}).get("finalizers") or []
    finalizers = [*(metadata.get("finalizers") or []), *below]
    return f"finalizers {', '.join(finalizers)}" if finalizers else ""


def _still_there(thing: Object, timeout: float) -> str:
    told = [
        str(found.get("message"))
        for found in (condition(thing, name) for name in _NAMESPACE_CONDITIONS)
        if found.get("status") == "True"
    ]
    what = f"{thing.get('kind')} {identity_of(namespace_of(thing), name_of(thing))}"
    return " ".join(
        [
            f"{what} is still there {timeout:.0f} s after its deletion was asked for.",
            f"It is held by {_holders(thing) or 'something that it owns'}:",
            "what clears these has to run and succeed; if it is gone for good, remove them by hand.",
            *told,
        ]
    )
