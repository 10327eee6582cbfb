"""The namespace that workloads run in: restricted pods, and no traffic that nobody asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as kubernetes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.tags import Tags

POD_SECURITY_LABELS = {
    f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")
}
"""Pod Security Admission, at the strictest standard, in all its modes."""

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""Set by the API server itself on every namespace, so it can't be borrowed."""


@dataclass(frozen=True)
class WorkspaceArgs:
    """What the namespace needs to know.

    Attributes:
        tags: ownership.
        namespace: its name, a DNS label.
    """

    tags: Tags
    namespace: str


class Workspace(pulumi.ComponentResource):
    """A namespace in which everything is refused until a component allows it for its own pods.

    Attributes:
        namespace: its name; known only when the refusal of all traffic stands.
    """

    namespace: pulumi.Output[str]

    def __init__(self, name: str, args: WorkspaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Workspace", name, None, opts)
        self._prefix = name
        self._args = args
        namespace = create_namespace(f"{name}-namespace", args.namespace, args.tags, self)
        refusal = self._create_default_deny(namespace)
        self.namespace = pulumi.Output.all(namespace.metadata.name, refusal.id).apply(lambda v: str(v[0]))
        self.register_outputs({"namespace": self.namespace})

    def _create_default_deny(
        self, namespace: kubernetes.core.v1.Namespace
    ) -> kubernetes.networking.v1.NetworkPolicy:
        return kubernetes.networking.v1.NetworkPolicy(
            f"{self._prefix}-default-deny",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name="default-deny",
                namespace=namespace.metadata.name,
                labels=self._args.tags.kubernetes("workspace"),
            ),
            spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
                pod_selector=kubernetes.meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def create_namespace(
    name: str, namespace: str, tags: Tags, parent: pulumi.Resource
) -> kubernetes.core.v1.Namespace:
    """A namespace that admits restricted pods only, and says whose it is.

    Args:
        name: of the Pulumi resource.
        namespace: of the namespace.
        tags: ownership; a mailbox is no label value, so the owner is an annotation.
        parent: the component it belongs to.
    """
    ownership: Mapping[str, str] = {
        "plinth.dev/owner": tags.owner,
        "plinth.dev/cost-centre": tags.cost_centre,
    }
    return kubernetes.core.v1.Namespace(
        name,
        metadata=kubernetes.meta.v1.ObjectMetaArgs(
            name=namespace,
            labels={**tags.kubernetes("workspace"), **POD_SECURITY_LABELS},
            annotations=dict(ownership),
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
