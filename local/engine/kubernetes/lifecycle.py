"""What happens to an API object from its declaration to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local.engine.kubernetes import naming
from local.engine.kubernetes.apply import Applier, placed
from local.engine.kubernetes.drift import declared_as_live, imported
from local.engine.kubernetes.errors import ApiError, UnknownKindError, UnreachableError
from local.engine.kubernetes.kinds import WITHOUT_NAMESPACE, Kind, identity_of, kind_of, parse_identity
from local.engine.kubernetes.objects import (
    DELETION_ANNOTATION,
    SKIP_AWAIT_ANNOTATION,
    TIMEOUT_ANNOTATION,
    Object,
    inputs_of,
    is_true,
    manifest,
    mark_secrets,
    name_of,
    namespace_of,
    notes_of,
    outputs_of,
    tagged,
)
from local.engine.kubernetes.planning import Planner, refusal
from local.engine.kubernetes.readiness.rules import CHECKED_ON_READ, judge, rule_for
from local.engine.kubernetes.readiness.verdict import State, Verdict
from local.engine.kubernetes.readiness.waiting import DEFAULT_SECONDS, Waiter
from local.engine.provider import (
    CancelledError,
    Checked,
    Diff,
    PartialFailureError,
    ProviderError,
    ReadResult,
    Resource,
    Severity,
    UpdateCall,
)
from local.engine.values import Properties, reveal

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.kubernetes import client as api
    from local.engine.kubernetes.settings import Settings
    from local.engine.provider import Reporter

_DEFINITION: Final = "CustomResourceDefinition"

_DELETED_WITHOUT_WAIT: Final = frozenset(
    {"Namespace", "Pod", "ReplicationController", "DaemonSet", "Deployment", "StatefulSet", "Job"}
)
"""Kinds whose `pulumi.com/skipAwait` counts for the deletion too, as in the official provider."""


_LEAVES: Final = """
    ClusterRole ClusterRoleBinding ConfigMap HorizontalPodAutoscaler LimitRange NetworkPolicy
    PersistentVolume PersistentVolumeClaim PodDisruptionBudget PriorityClass ResourceQuota Role RoleBinding
    Secret ServiceAccount StorageClass
"""
_OWNS_NOTHING: Final = frozenset(_LEAVES.split())
"""Kinds that are deleted in the background. The official provider deletes everything in the foreground, which
sends each object through the garbage collector, and that does about 13 a second for the whole cluster."""


class Lifecycle:
    """Creates, compares, reads, changes and deletes API objects of one cluster.

    Args:
        client: the cluster.
        settings: the provider's configuration.
        pause: sleeps; raises when the engine asks to stop.
        report: shows a line to the person.
    """

    def __init__(
        self, client: api.Client, settings: Settings, pause: Callable[[float], None], report: Reporter
    ) -> None:
        self._client = client
        self._settings = settings
        self._report = report
        self._applier = Applier(client, pause, patch_force=settings.patch_force)
        self._planner = Planner(client, self._applier, settings, report)
        self._waiter = Waiter(client, pause, self._say)

    def _say(self, urn: str, text: str) -> None:
        self._report(Severity.INFO, text, urn, ephemeral=True)

    # Declaration

    def check(self, resource: Resource, inputs: Properties, old_inputs: Properties, seed: bytes) -> Checked:
        """Fill in name and namespace; a Secret's content is marked."""
        kind = kind_of(resource.type, reveal(inputs))
        completed = naming.complete(
            {"apiVersion": kind.api_version, "kind": kind.name, **inputs},
            old_inputs,
            resource_name=resource.name,
            random_seed=seed,
            namespace=self._namespace(kind),
        )
        return Checked(mark_secrets(completed))

    def _namespace(self, kind: Kind) -> str | None:
        try:
            namespaced = self._client.resource(kind).namespaced
        except UnknownKindError:
            namespaced = True  # a definition that isn't there yet; create looks again
        except UnreachableError as error:
            self._planner.warn_once(error)
            namespaced = kind.name not in WITHOUT_NAMESPACE
        return (self._settings.namespace or self._client.cluster.namespace) if namespaced else None

    def diff(self, call: UpdateCall) -> Diff:
        """See `Planner.diff`."""
        return self._planner.diff(call)

    # Creation

    def create(
        self, resource: Resource, inputs: Properties, *, preview: bool, timeout: float
    ) -> tuple[str, Properties]:
        """Apply for the first time and wait until ready."""
        thing = manifest(inputs)
        kind = kind_of(resource.type, thing)
        if preview:
            return "", self._planner.creation(kind, inputs)
        seconds = _timeout(timeout, thing)
        adopted = self._make_room(resource, kind, thing, seconds)
        try:
            live = self._applier.apply_when_possible(kind, tagged(thing, resource.urn), timeout=seconds)
        except ApiError as error:
            raise refusal(thing, error) from error
        if adopted:
            self._report(Severity.INFO, "it exists already and is this resource's; taken over", resource.urn)
        identity = identity_of(namespace_of(live), name_of(live))
        return identity, self._settle(resource, kind, thing, live, seconds)

    def _make_room(self, resource: Resource, kind: Kind, thing: Object, seconds: float) -> bool:
        """See to what bears the name already; gives whether that becomes the resource."""
        try:
            served = self._client.resource(kind)
            live = self._client.get(served, namespace_of(thing), name_of(thing))
        except UnknownKindError:
            return False
        if live is None:
            return False
        if live["metadata"].get("deletionTimestamp"):
            self._waiter.until_gone(served, live, urn=resource.urn, timeout=seconds)
            return False
        objection = self._applier.objection(live, resource.urn, upsert=self._settings.upsert)
        if objection:
            raise ProviderError(objection)
        return True

    def _settle(
        self, resource: Resource, kind: Kind, thing: Object, live: Object, seconds: float
    ) -> Properties:
        served = self._client.resource(kind)
        try:
            live, verdict = self._waiter.until_ready(
                served, live, rule_for(kind, thing), urn=resource.urn, timeout=seconds
            )
        except (CancelledError, UnreachableError, ApiError) as error:
            identity = identity_of(namespace_of(live), name_of(live))
            raise PartialFailureError(identity, outputs_of(live), [str(error)]) from error
        if kind.name == _DEFINITION:
            self._client.forget_kinds()
        _demand(kind, live, verdict)
        return outputs_of(live)

    # Reading

    def read(
        self, resource: Resource, identity: str, inputs: Properties, outputs: Properties
    ) -> ReadResult | None:
        """What exists now, and what would have to be declared to get it."""
        declared = manifest(inputs)
        kind = kind_of(resource.type, declared or reveal(outputs))
        namespace, name = parse_identity(identity)
        try:
            served = self._client.resource(kind)
        except UnknownKindError:
            return None
        if not served.namespaced:
            namespace = ""
        elif not namespace:
            namespace = self._namespace(kind) or ""
        live = self._client.get(served, namespace, name)
        if live is None:
            return None
        identity = identity_of(namespace, name)
        if not declared:
            return ReadResult(identity, inputs_of(imported(live)), outputs_of(live))
        found = inputs_of(declared_as_live(declared, live, self._expected(served, declared)))
        if kind.name in CHECKED_ON_READ and outputs:
            _demand(kind, live, judge(rule_for(kind, declared), live, self._waiter.look), found)
        return ReadResult(identity, found, outputs_of(live))

    def _expected(self, served: api.Resource, declared: Object) -> Object | None:
        try:
            return self._client.apply(served, placed(served, declared), dry_run=True, force=True)
        except ApiError:
            return None

    # Change

    def update(self, call: UpdateCall) -> Properties:
        """Apply again and wait until ready."""
        if call.preview:
            return self._planner.update(call)
        declared = manifest(call.inputs)
        try:
            served, thing = self._planner.next_manifest(call)
            live = self._applier.apply(served, tagged(thing, call.resource.urn), dry_run=False)
        except ApiError as error:
            raise refusal(declared, error) from error
        kind = kind_of(call.resource.type, declared)
        return self._settle(call.resource, kind, declared, live, _timeout(call.timeout, declared))

    # End

    def delete(
        self, resource: Resource, identity: str, inputs: Properties, outputs: Properties, *, timeout: float
    ) -> None:
        """Delete and wait until it is gone; an absent object, or an absent kind, is already deleted."""
        declared: Object = manifest(inputs) or reveal(outputs)
        kind = kind_of(resource.type, declared)
        namespace, name = parse_identity(identity)
        try:
            served = self._client.resource(kind)
        except UnknownKindError:
            return
        live = self._client.get(served, namespace, name)
        if live is None:
            return
        try:
            self._client.delete(served, namespace, name, _propagation(kind, declared))
        except ApiError as error:
            if error.is_absence:
                return
            raise refusal(live, error) from error
        if is_true(declared, SKIP_AWAIT_ANNOTATION) and kind.name in _DELETED_WITHOUT_WAIT:
            return
        self._waiter.until_gone(served, live, urn=resource.urn, timeout=_timeout(timeout, declared))
        if kind.name == _DEFINITION:
            self._client.forget_kinds()


def _demand(kind: Kind, live: Object, verdict: Verdict, inputs: Properties | None = None) -> None:
    if verdict.state is not State.READY:
        identity = identity_of(namespace_of(live), name_of(live))
        first, *others = verdict.reasons or ("not ready",)
        reasons = [f"{kind.name} {identity}: {first}", *others]
        raise PartialFailureError(identity, outputs_of(live), reasons, inputs)


def _timeout(stated: float, thing: Object) -> float:
    if stated:
        return stated
    noted = str(notes_of(thing).get(TIMEOUT_ANNOTATION, ""))
    return float(noted) if noted.isdigit() else DEFAULT_SECONDS


def _propagation(kind: Kind, declared: Object) -> str:
    wanted = str(notes_of(declared).get(DELETION_ANNOTATION, "")).lower()
    default = "Background" if kind.name in _OWNS_NOTHING else "Foreground"
    return {"orphan": "Orphan", "background": "Background", "foreground": "Foreground"}.get(wanted, default)
