"""What has to be in the cluster before anything of the stack: rights of the node's own programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.cluster.api import Api

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def ensure_objects(api: Api) -> None:
    """Apply them; the same objects again change nothing.

    Raises:
        ApiError: the API server could not be asked.
    """
    for path, manifest in manifests():
        api.apply(path, manifest)


def manifests() -> list[tuple[str, dict[str, Any]]]:
    """CoreDNS reads what it answers with; the API server may ask the kubelet for logs and the like."""
    watch = ["list", "watch"]
    dns_rules = [
        {"apiGroups": [""], "resources": ["namespaces", "pods", "services"], "verbs": watch},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": watch},
    ]
    return [
        (f"{RBAC}/clusterroles", _object("ClusterRole", "plinth:coredns", rules=dns_rules)),
        (f"{RBAC}/clusterrolebindings", _binding("plinth:coredns", "plinth:coredns", "plinth:coredns")),
        (
            f"{RBAC}/clusterrolebindings",
            _binding(
                "plinth:apiserver-to-kubelet", "system:kubelet-api-admin", "plinth:apiserver-to-kubelet"
            ),
        ),
    ]


def _object(kind: str, name: str, **fields: object) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        **fields,
    }


def _binding(name: str, role: str, user: str) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return _object(
        "ClusterRoleBinding",
        name,
        roleRef={"apiGroup": group, "kind": "ClusterRole", "name": role},
        subjects=[{"apiGroup": group, "kind": "User", "name": user}],
    )
