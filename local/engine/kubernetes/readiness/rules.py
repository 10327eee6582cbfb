"""The rule of each kind that has one; the official provider's kinds, and four more.

As there (`provider/pkg/await`): Deployment, StatefulSet, DaemonSet, Job, Pod, Service, Ingress,
PersistentVolume, PersistentVolumeClaim, ReplicationController, ResourceQuota, service-account-token Secret.
Besides: CustomResourceDefinition, APIService, Gateway and HTTPRoute.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from local.engine.kubernetes.comparison import lookup, parse
from local.engine.kubernetes.kinds import Kind
from local.engine.kubernetes.objects import SKIP_AWAIT_ANNOTATION, WAIT_FOR_ANNOTATION, is_true, notes_of
from local.engine.kubernetes.readiness import gateways, pods, workloads
from local.engine.kubernetes.readiness.verdict import (
    READY,
    State,
    Surroundings,
    Verdict,
    condition,
    failed,
    holds,
    sentence,
    spec_of,
    status_of,
    waiting,
)
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.kubernetes.objects import Object

    Rule: TypeAlias = Callable[[Object, Surroundings], Verdict]

_ENDPOINT_SLICE: Final = Kind("discovery.k8s.io/v1", "EndpointSlice")
_STORAGE_CLASS: Final = Kind("storage.k8s.io/v1", "StorageClass")
_SERVICE: Final = Kind("v1", "Service")


def service(thing: Object, look: Surroundings) -> Verdict:
    """Traffic has somewhere to go: no selected pod is still unready, a load balancer has an address.

    A Service whose selector matches no pod at all is ready after its endpoints are known, as in the official
    provider; so are headless ones, ones without selector and names of something outside.
    """
    spec = spec_of(thing)
    reasons = []
    if spec.get("type") == "LoadBalancer" and not (status_of(thing).get("loadBalancer") or {}).get("ingress"):
        reasons.append("no load balancer has given it an address")
    elsewhere = (
        spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None" or not spec.get("selector")
    )
    if not elsewhere:
        reasons.extend(_endpoints(thing, look))
    return waiting(*reasons) if reasons else READY


def _endpoints(thing: Object, look: Surroundings) -> list[str]:
    metadata = thing["metadata"]
    selector = f"kubernetes.io/service-name={metadata['name']}"
    slices = look.list(_ENDPOINT_SLICE, metadata.get("namespace", ""), selector)
    if not slices:
        return ["its endpoints are not known yet"]
    addresses = [endpoint for part in slices for endpoint in part.get("endpoints") or []]
    unready = [
        (endpoint.get("targetRef") or {}).get("name", "?")
        for endpoint in addresses
        if (endpoint.get("conditions") or {}).get("ready") is False
        and not (endpoint.get("conditions") or {}).get("terminating")
    ]
    return (
        [f"{len(unready)} of {len(addresses)} selected pods are not ready: {', '.join(unready[:3])}"]
        if unready
        else []
    )


def ingress(thing: Object, look: Surroundings) -> Verdict:
    """It has an address, and every rule's Service exists."""
    namespace = thing["metadata"].get("namespace", "")
    reasons = []
    if not (status_of(thing).get("loadBalancer") or {}).get("ingress"):
        reasons.append("no ingress controller has given it an address")
    for rule in spec_of(thing).get("rules") or []:
        for path in (rule.get("http") or {}).get("paths") or []:
            name = ((path.get("backend") or {}).get("service") or {}).get("name")
            if name and look.get(_SERVICE, namespace, name) is None:
                reasons.append(
                    f"the Service {name} of its rule {rule.get('host', '*')}{path.get('path', '')} is absent"
                )
    return waiting(*reasons) if reasons else READY


def persistent_volume_claim(thing: Object, look: Surroundings) -> Verdict:
    """It has a volume; where volumes wait for their first pod, being pending is enough."""
    phase = status_of(thing).get("phase")
    if phase == "Bound":
        return READY
    if phase == "Lost":
        return failed("its volume is lost")
    name = spec_of(thing).get("storageClassName")
    storage = look.get(_STORAGE_CLASS, "", name) if name else None
    if storage and storage.get("volumeBindingMode") == "WaitForFirstConsumer" and phase == "Pending":
        return READY
    if name and storage is None:
        return waiting(f"the storage class {name} does not exist")
    return waiting(f"it is {phase or 'new'}, no volume is bound to it")


def persistent_volume(thing: Object, look: Surroundings) -> Verdict:
    """It can be claimed, or is."""
    del look
    phase = status_of(thing).get("phase")
    return READY if phase in {"Available", "Bound"} else waiting(f"it is {phase or 'new'}")


def resource_quota(thing: Object, look: Surroundings) -> Verdict:
    """Its limits are in force."""
    del look
    in_force = status_of(thing).get("hard") == spec_of(thing).get("hard")
    return READY if in_force else waiting("its limits are not in force yet")


def secret(thing: Object, look: Surroundings) -> Verdict:
    """A token for a service account has been filled in; any other secret is ready as it is."""
    del look
    pending = thing.get("type") == "kubernetes.io/service-account-token" and not thing.get("data")
    return waiting("its token has not been issued yet") if pending else READY


def definition(thing: Object, look: Surroundings) -> Verdict:
    """The API server serves the new kind."""
    del look
    names = condition(thing, "NamesAccepted")
    if names.get("status") == "False":
        return failed(sentence(names))
    established = condition(thing, "Established")
    return READY if holds(established) else waiting("the API server does not serve it yet")


def api_service(thing: Object, look: Surroundings) -> Verdict:
    """The server behind it answers."""
    del look
    available = condition(thing, "Available")
    return (
        READY if holds(available) else waiting(sentence(available) if available else "it is not served yet")
    )


RULES: Final[dict[tuple[str, str], Rule]] = {
    ("", "PersistentVolume"): persistent_volume,
    ("", "PersistentVolumeClaim"): persistent_volume_claim,
    ("", "Pod"): pods.pod,
    ("", "ReplicationController"): workloads.replication_controller,
    ("", "ResourceQuota"): resource_quota,
    ("", "Secret"): secret,
    ("", "Service"): service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): definition,
    ("apiregistration.k8s.io", "APIService"): api_service,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("batch", "Job"): workloads.job,
    ("gateway.networking.k8s.io", "Gateway"): gateways.gateway,
    ("gateway.networking.k8s.io", "HTTPRoute"): gateways.route,
    ("networking.k8s.io", "Ingress"): ingress,
}
"""By API group and kind."""

CHECKED_ON_READ: Final = frozenset(
    {"DaemonSet", "Deployment", "Ingress", "Job", "Pod", "Service", "StatefulSet"}
)
"""Kinds whose readiness a refresh looks at too, as in the official provider."""

_PATH_EQUALS: Final = re.compile(r"jsonpath=\{?\.?([^}=]+)\}?(?:=(.*))?")


def rule_for(kind: Kind, declared: Object) -> Rule | None:
    """How to tell that an object of a kind is ready; None if it is as soon as it exists.

    Raises:
        ProviderError: the program's own `pulumi.com/waitFor` can't be read.
    """
    if is_true(declared, SKIP_AWAIT_ANNOTATION):
        return None
    wanted = notes_of(declared).get(WAIT_FOR_ANNOTATION)
    if wanted:
        return _stated(str(wanted))
    return RULES.get((kind.group, kind.name))


def _stated(text: str) -> Rule:
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = text
    expressions = [str(item) for item in parsed] if isinstance(parsed, list) else [text]
    for expression in expressions:
        if not expression.startswith(("jsonpath=", "condition=")):
            raise ProviderError(
                f"{WAIT_FOR_ANNOTATION} is {expression!r}: expected `condition=TYPE[=STATUS]` or "
                "`jsonpath={.status.phase}=VALUE`, or a JSON list of these."
            )

    def rule(thing: Object, look: Surroundings) -> Verdict:
        del look
        missing = [expression for expression in expressions if not _fulfilled(thing, expression)]
        return waiting(*(f"{expression} does not hold yet" for expression in missing)) if missing else READY

    return rule


def _fulfilled(thing: Object, expression: str) -> bool:
    if expression.startswith("condition="):
        name, _, wanted = expression.removeprefix("condition=").partition("=")
        return str(condition(thing, name).get("status", "")).lower() == (wanted or "True").lower()
    match = _PATH_EQUALS.fullmatch(expression)
    if match is None:
        return False
    found: Any = lookup(thing, parse(match[1]))
    wanted_value = match[2]
    return found is not None if wanted_value is None else str(found) == wanted_value


def judge(rule: Rule | None, thing: Object, look: Surroundings) -> Verdict:
    """A rule's verdict; an object on its way out is never ready."""
    if rule is None:
        return READY
    if (thing.get("metadata") or {}).get("deletionTimestamp"):
        return Verdict(State.WAITING, ("it is being deleted",))
    return rule(thing, look)
