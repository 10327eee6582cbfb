"""More than one replica: spread over nodes, and not all drained at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.build import stack_rule
from policies.core.pods import PROXY, REPLICATED, in_namespace, namespace_of, pod_of, selects
from policies.core.rules import Context, Problem, Rule, Severity, Topic
from policies.core.values import View, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

DISRUPTION_BUDGET: Final = "kubernetes:policy/v1:PodDisruptionBudget"
AUTOSCALER: Final = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"


def _of_proxies(proxy: Resource, part: str) -> View:
    """What the description of the gateway's proxies says of their Deployment, budget or autoscaler."""
    return proxy.at("spec", "provider", "kubernetes", part)


def _replicas(workload: Resource, context: Context) -> float:
    """The fewest pods that are meant to run at a time."""
    if workload.type == PROXY:
        stated = _of_proxies(workload, "envoyDeployment").at("replicas").number() or 1
        return max(stated, _of_proxies(workload, "envoyHpa").at("minReplicas").number() or 1)
    least = workload.at("spec", "replicas").number() or 1
    for scaler in in_namespace(AUTOSCALER, namespace_of(workload).text(), context.stack):
        target = scaler.at("spec", "scaleTargetRef")
        same_kind = target.at("kind").text() == workload.type.rpartition(":")[2]
        if same_kind and target.at("name").text() == workload.at("metadata", "name").text():
            least = max(least, scaler.at("spec", "minReplicas").number() or 1)
    return least


def _survives_drains(workload: Resource, context: Context) -> Iterator[Problem]:
    if _replicas(workload, context) <= 1:
        return
    if workload.type == PROXY:
        budget = _of_proxies(workload, "envoyPDB")
        if not any(budget.at(bound).present() for bound in ("minAvailable", "maxUnavailable")):
            yield Problem(budget.path, show(budget.value), "Set envoyPDB.maxUnavailable.")
        return
    labels = pod_of(workload).labels
    for held in in_namespace(DISRUPTION_BUDGET, namespace_of(workload).text(), context.stack):
        selector = held.at("spec", "selector")
        if selector.present() and selects(selector, labels):
            return
    yield Problem("<PodDisruptionBudget>", "none in its namespace selects the pods")


def _is_spread(workload: Resource, context: Context) -> Iterator[Problem]:
    if _replicas(workload, context) <= 1:
        return
    spec = pod_of(workload).spec
    apart = spec.at("affinity", "podAntiAffinity")
    constraints = spec.at("topologySpreadConstraints")
    spread = [constraint for constraint in constraints.items() if constraint.at("topologyKey").text()]
    if not spread and not apart.mapping():
        yield Problem("topologySpreadConstraints", show(constraints.value))


RULES: Final[tuple[Rule, ...]] = (
    stack_rule(
        "kubernetes-disruption-budget",
        (*REPLICATED, PROXY),
        _survives_drains,
        title="Workloads with more than one replica keep some of them through a drain",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        public_ids=("kube-score pod-disruptionbudget",),
        reads=(DISRUPTION_BUDGET, AUTOSCALER),
        remediation="Add a PodDisruptionBudget that selects the pods.",
    ),
    stack_rule(
        "kubernetes-spread",
        (*REPLICATED, PROXY),
        _is_spread,
        title="Replicas don't all stand on one node",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        public_ids=("kube-score podantiaffinity",),
        remediation="Add topologySpreadConstraints or pod anti-affinity.",
    ),
)
