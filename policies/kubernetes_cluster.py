"""Around the pods: namespaces, network policies, rights, and charts of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.build import equals, forbidden_types, property_rule, resource_rule, stack_rule
from policies.core.pods import (
    POD_LIKE,
    POD_TYPES,
    PROXY,
    in_namespace,
    labels_of,
    namespace_of,
    selects,
)
from policies.core.rules import Context, Problem, Rule, Severity, Topic
from policies.core.values import UndecidedError, View, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policies.core.resources import Resource

NAMESPACE: Final = "kubernetes:core/v1:Namespace"
NETWORK_POLICY: Final = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ROLES: Final = (
    "kubernetes:rbac.authorization.k8s.io/v1:Role",
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
)
BINDINGS: Final = (
    "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
)
RELEASE: Final = "kubernetes:helm.sh/v3:Release"
RECORDED_ONLY: Final = "__recordedOnly"
"""Output by which the provider's stand-in says that it couldn't have the chart and installed nothing."""
PATCHABLE: Final = frozenset({"name", "resources", "volumeMounts"})
"""What a patch of the proxies may say of a container without touching its security."""
PATCHES: Final = tuple(
    f"{token}Patch" for token in (*POD_TYPES, NAMESPACE, NETWORK_POLICY, *ROLES, *BINDINGS)
)
DIRECTIONS: Final = frozenset({"Ingress", "Egress"})
ENFORCE: Final = "pod-security.kubernetes.io/enforce"
RIGHTS_TO_RIGHTS: Final = frozenset({"escalate", "bind", "impersonate"})
ALMIGHTY: Final = frozenset({"cluster-admin", "admin", "system:masters"})
ANYBODY: Final = frozenset({"system:anonymous", "system:unauthenticated", "system:authenticated"})


def _is_selected(workload: Resource, context: Context) -> Iterator[Problem]:
    labels = labels_of(workload)
    for policy in in_namespace(NETWORK_POLICY, namespace_of(workload).text(), context.stack):
        selector = policy.at("spec", "podSelector")
        if selector.mapping() and selects(selector, labels):
            return
    yield Problem("<NetworkPolicy>", f"none in its namespace selects {show(labels.value)}")


def _denies_by_default(subject: Resource, context: Context) -> Iterator[Problem]:
    if subject.type == NAMESPACE:
        name = subject.at("metadata", "name").text()
    else:
        name = namespace_of(subject).text()
        if any(held.at("metadata", "name").text() == name for held in context.stack.of(NAMESPACE)):
            return  # judged as itself
    for policy in in_namespace(NETWORK_POLICY, name, context.stack):
        spec = policy.at("spec")
        everything = not spec.at("podSelector").mapping()
        both = set(spec.at("policyTypes").texts()) >= DIRECTIONS
        if everything and both and not spec.at("ingress").items() and not spec.at("egress").items():
            return
    yield Problem("<NetworkPolicy>", "none denies all traffic of all pods by default")


def _says_who(policy: Resource, _context: Context) -> Iterator[Problem]:
    spec = policy.at("spec")
    for rule in spec.at("ingress").items():
        peers = rule.at("from").items()
        if not peers:
            yield Problem(f"{rule.path}.from", "absent: everybody", "Name the peers.")
        for peer in peers:
            if not _is_narrow(peer):
                yield Problem(peer.path, show(peer.value), "Name pods, namespaces or a range of addresses.")
    for rule in spec.at("egress").items():
        if not rule.at("to").items() and not rule.at("ports").items():
            yield Problem(rule.path, "every peer on every port", "Name the peers or the ports.")


def _is_narrow(peer: View) -> bool:
    """Whether a peer of a network policy is fewer than everybody."""
    if not set(peer.mapping()) & {"podSelector", "namespaceSelector", "ipBlock"}:
        return False
    return not (peer.at("ipBlock", "cidr").text() or "").endswith("/0")


def _both_directions(policy: Resource, _context: Context) -> Iterator[Problem]:
    view = policy.at("spec", "policyTypes")
    if not set(view.texts()) >= DIRECTIONS:
        yield Problem(view.path, show(view.value))


def _no_wildcard_rights(role: Resource, _context: Context) -> Iterator[Problem]:
    for rule in role.at("rules").items():
        for key in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
            view = rule.at(key)
            if any("*" in value for value in view.texts()):
                yield Problem(view.path, show(view.value))


def _no_rights_to_rights(role: Resource, _context: Context) -> Iterator[Problem]:
    for rule in role.at("rules").items():
        wrong = RIGHTS_TO_RIGHTS & set(rule.at("verbs").texts())
        if wrong:
            yield Problem(rule.at("verbs").path, show(sorted(wrong)))


def _no_almighty(binding: Resource, _context: Context) -> Iterator[Problem]:
    role = binding.at("roleRef", "name")
    if role.text() in ALMIGHTY or not role.text():
        yield Problem(role.path, show(role.value), "Bind a role with named rights.")
    for subject in binding.at("subjects").items():
        if subject.at("name").text() in ANYBODY | ALMIGHTY:
            yield Problem(subject.at("name").path, show(subject.at("name").value), "Name a service account.")


def _is_rendered(release: Resource, context: Context) -> Iterator[Problem]:
    name = release.at("name").text() or release.name
    if context.stack.holds_rendered(name):
        return
    if is_installed(release):
        raise UndecidedError("manifests", f"what the chart renders wasn't given: add --manifests {name}.yaml")
    # A fact and not a doubt, so that an exemption can say who answers for it.
    yield Problem(
        "manifests",
        f"nothing: the chart {show(release.at('chart').value)} could not be had, and was recorded only",
        f"Render it where it can be had, by `python -m policies render`, and add --manifests {name}.yaml.",
    )


def is_installed(release: Resource) -> bool:
    """Whether a chart was installed, so that there is something to judge."""
    return release.at(RECORDED_ONLY).flag() is not True


def namespace_of_release(release: str, resources: Sequence[Resource]) -> str:
    """Where a chart is installed, by the name of its release; empty if no release is called so."""
    for resource in resources:
        if resource.type == RELEASE and release in {resource.props.get("name"), resource.name}:
            return str(resource.props.get("namespace") or "")
    return ""


def _pinned_chart(view: View) -> bool:
    version = view.text() or ""
    return bool(version) and not any(mark in version for mark in "*^~><| xX")


def _is_pinned(release: Resource, _context: Context) -> Iterator[Problem]:
    if not _pinned_chart(release.at("version")) and not (release.at("chart").text() or "").startswith(
        (".", "/")
    ):
        yield Problem("version", show(release.at("version").value))


def _harmless_patch(proxy: Resource, _context: Context) -> Iterator[Problem]:
    kubernetes = proxy.at("spec", "provider", "kubernetes")
    for kind in ("envoyDeployment", "envoyDaemonSet"):
        spec = kubernetes.at(kind, "patch", "value", "spec", "template", "spec")
        for name, view in spec.entries():
            if name not in {"containers", "initContainers"}:
                yield Problem(view.path, show(view.value), "Say it in pod or container, where it is judged.")
        for container in [*spec.at("containers").items(), *spec.at("initContainers").items()]:
            for name, view in container.entries():
                if name not in PATCHABLE:
                    yield Problem(view.path, show(view.value), "Say it in container, where it is judged.")


RULES: Final[tuple[Rule, ...]] = (
    stack_rule(
        "kubernetes-network-policy",
        POD_LIKE,
        _is_selected,
        title="Every pod is selected by a network policy of its own",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("CIS Kubernetes 5.3.2",),
        reads=(NETWORK_POLICY,),
        remediation="Add a NetworkPolicy whose podSelector names the pod's labels.",
    ),
    stack_rule(
        "kubernetes-default-deny",
        (NAMESPACE, *POD_LIKE),
        _denies_by_default,
        title="Every namespace, whoever declares it, denies all traffic by default",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("CIS Kubernetes 5.3.2", "CKV2_K8S_6"),
        remediation="Add a NetworkPolicy with an empty podSelector, both policyTypes and no rules.",
    ),
    resource_rule(
        "kubernetes-policy-peers",
        (NETWORK_POLICY,),
        _says_who,
        title="Network policies name who may call, and do not open everything",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        remediation="Name the peers of every ingress rule, and the peers or ports of every egress rule.",
    ),
    resource_rule(
        "kubernetes-policy-directions",
        (NETWORK_POLICY,),
        _both_directions,
        title="Network policies govern both directions",
        topic=Topic.ACCESS,
        severity=Severity.MEDIUM,
        remediation="Set policyTypes to [Ingress, Egress].",
    ),
    property_rule(
        "kubernetes-namespace-restricted",
        (NAMESPACE,),
        ("metadata", "labels", ENFORCE),
        equals("restricted"),
        title="Every namespace enforces the Pod Security Standard `restricted`",
        topic=Topic.HARDENING,
        severity=Severity.HIGH,
        public_ids=("PSS restricted", "CIS Kubernetes 5.2.1"),
        remediation=f"Set the label {ENFORCE} to restricted.",
    ),
    resource_rule(
        "kubernetes-no-wildcard-rights",
        ROLES,
        _no_wildcard_rights,
        title="No role has rights by wildcard",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("CIS Kubernetes 5.1.3", "CKV_K8S_49"),
        remediation="Name the groups, resources and verbs.",
    ),
    resource_rule(
        "kubernetes-no-rights-to-rights",
        ROLES,
        _no_rights_to_rights,
        title="No role can give itself other rights",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("CIS Kubernetes 5.1.8", "CKV_K8S_157", "CKV_K8S_158"),
        remediation="Remove escalate, bind and impersonate.",
    ),
    resource_rule(
        "kubernetes-no-almighty-binding",
        BINDINGS,
        _no_almighty,
        title="Nobody is bound to an administrator's role, and no role to everybody",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("CIS Kubernetes 5.1.1",),
        remediation="Bind a role of its own to a named service account.",
    ),
    forbidden_types(
        "kubernetes-no-patches",
        PATCHES,
        title="Nothing is patched from the side, where the rules would see only the patch",
        topic=Topic.INTEGRITY,
        severity=Severity.MEDIUM,
        remediation="Declare the whole object.",
    ),
    stack_rule(
        "kubernetes-charts-rendered",
        (RELEASE,),
        _is_rendered,
        title="What charts of others render is judged like our own",
        topic=Topic.HARDENING,
        severity=Severity.HIGH,
        remediation="Render the chart by `helm template` and give the file to the gate.",
        resolved_only=True,
    ),
    resource_rule(
        "kubernetes-charts-pinned",
        (RELEASE,),
        _is_pinned,
        title="Charts are used at one exact version, or from files of our own",
        topic=Topic.INTEGRITY,
        severity=Severity.MEDIUM,
        remediation="Set version to one exact version.",
    ),
    resource_rule(
        "kubernetes-proxy-patch",
        (PROXY,),
        _harmless_patch,
        title="The gateway's proxies are not loosened by a patch of their Deployment",
        topic=Topic.HARDENING,
        severity=Severity.HIGH,
        remediation="Leave only names, mounts and resources in the patch.",
    ),
)
