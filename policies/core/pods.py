"""The pod inside a workload, whichever kind of workload it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from policies.core.values import MalformedError, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource, Stack

POD: Final = "kubernetes:core/v1:Pod"
DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
STATEFUL_SET: Final = "kubernetes:apps/v1:StatefulSet"
DAEMON_SET: Final = "kubernetes:apps/v1:DaemonSet"
REPLICA_SET: Final = "kubernetes:apps/v1:ReplicaSet"
JOB: Final = "kubernetes:batch/v1:Job"
CRON_JOB: Final = "kubernetes:batch/v1:CronJob"
TEMPLATES: Final = {
    POD: (),
    DEPLOYMENT: ("spec", "template"),
    STATEFUL_SET: ("spec", "template"),
    DAEMON_SET: ("spec", "template"),
    REPLICA_SET: ("spec", "template"),
    "kubernetes:core/v1:ReplicationController": ("spec", "template"),
    JOB: ("spec", "template"),
    CRON_JOB: ("spec", "jobTemplate", "spec", "template"),
}
"""Where each kind of workload keeps its pod."""
POD_TYPES: Final = tuple(TEMPLATES)
PROXY: Final = "kubernetes:gateway.envoyproxy.io/v1alpha1:EnvoyProxy"
"""Describes the gateway's own pods, which its controller makes."""
PROXY_LABELS: Final = {
    "app.kubernetes.io/name": "envoy",
    "app.kubernetes.io/component": "proxy",
    "app.kubernetes.io/managed-by": "envoy-gateway",
}
"""What Envoy Gateway puts on every proxy's pod, whatever its description says."""
POD_LIKE: Final = (*POD_TYPES, PROXY)
LASTING: Final = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET)
"""Workloads that are meant to serve without end, so that they need probes."""
REPLICATED: Final = (DEPLOYMENT, STATEFUL_SET)
CONTAINER_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")
DEFAULT_NAMESPACE: Final = "default"


@dataclass(frozen=True)
class Pod:
    """A pod as its workload describes it: `metadata` and `spec`."""

    view: View

    @property
    def spec(self) -> View:
        """The pod's specification."""
        return self.view.at("spec")

    @property
    def labels(self) -> View:
        """The pod's labels."""
        return self.view.at("metadata", "labels")

    @cached_property
    def containers(self) -> list[View]:
        """Every container, initial and ephemeral ones too.

        Raises:
            MalformedError: there is none; a pod without containers is no pod that could pass.
        """
        if not self.spec.at("containers").items():
            raise MalformedError(f"{self.view.path or 'pod'}.spec.containers", None, "at least one container")
        return [container for key in CONTAINER_LISTS for container in self.spec.at(key).items()]

    @property
    def main_containers(self) -> list[View]:
        """The containers that run as long as the pod does: sidecars among the initial ones too."""
        sidecars = [
            container
            for container in self.spec.at("initContainers").items()
            if container.at("restartPolicy").text() == "Always"
        ]
        return [*sidecars, *(container for container in self.containers if ".containers[" in container.path)]


def pod_of(workload: Resource) -> Pod:
    """The pod of a workload, or of the proxies that Envoy Gateway makes by a description of its own."""
    if workload.type == PROXY:
        return _pod_of_proxy(workload)
    return Pod(workload.at(*TEMPLATES[workload.type]))


def _pod_of_proxy(proxy: Resource) -> Pod:
    deployment = proxy.at("spec", "provider", "kubernetes", "envoyDeployment")
    container = deployment.at("container").known()
    if not isinstance(container, Mapping):
        raise MalformedError(
            deployment.at("container").path, container, "a description of the proxy's container"
        )
    pod = deployment.at("pod").mapping()
    initial = [view.known() for view in deployment.at("initContainers").items()]
    held = {"spec": {**pod, "initContainers": initial, "containers": [container]}}
    return Pod(View(held, deployment.path))


def labels_of(workload: Resource) -> View:
    """The labels that a workload's pods will have; the gateway's controller adds its own to the proxies'."""
    if workload.type != PROXY:
        return pod_of(workload).labels
    described = workload.at("spec", "provider", "kubernetes", "envoyDeployment", "pod", "labels")
    return View({**described.mapping(), **PROXY_LABELS}, described.path)


def namespace_of(resource: Resource) -> View:
    """The namespace that an object lives in, `default` where it names none."""
    view = resource.at("metadata", "namespace")
    return view if view.present() else View(DEFAULT_NAMESPACE, view.path)


def in_namespace(token: str, namespace: str | None, stack: Stack) -> Iterator[Resource]:
    """The objects of a type in a namespace."""
    for resource in stack.of(token):
        if namespace_of(resource).text() == namespace:
            yield resource


def selects(selector: View, labels: View) -> bool:
    """Whether a label selector selects something that has these labels; an empty one selects everything.

    Raises:
        MalformedError: it has other keys, which would be dropped, so that it would select everything.
    """
    if set(selector.mapping()) - {"matchLabels", "matchExpressions"}:
        raise MalformedError(selector.path, selector.value, "matchLabels or matchExpressions")
    held = {key: label.text() for key, label in labels.entries()}
    if any(held.get(key) != wanted.text() for key, wanted in selector.at("matchLabels").entries()):
        return False
    return all(_holds(expression, held) for expression in selector.at("matchExpressions").items())


def _holds(expression: View, labels: dict[str, str | None]) -> bool:
    key, operator = expression.at("key").text() or "", expression.at("operator").text()
    values = expression.at("values").texts()
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }.get(operator or "", False)
