"""Small pieces of NetworkPolicy that several components say alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as kubernetes

from components.workspace import NAMESPACE_LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

networking = kubernetes.networking.v1

LINK_LOCAL = "169.254.0.0/16"
"""Where node metadata and its credentials are; no pod of ours is ever let there."""

ANYWHERE = "0.0.0.0/0"
HTTPS_PORT = 443
DNS_PORT = 53

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""Addresses of private networks (RFC 1918)."""

API_SERVER_PORTS = (443, 6443)
"""Where API servers answer: EKS's on the first, most others on the second."""


@dataclass(frozen=True)
class Egress:
    """Where the application's pods may connect to: cluster DNS and AWS, nothing else.

    Attributes:
        aws_endpoint_url: the emulator's address if there is one; its port is opened instead of 443.
        aws_networks: networks, CIDR, in which AWS's services are reached. Default everywhere (but port 443
            only): the public addresses of S3 change. Narrow it where interface endpoints serve everything.
    """

    aws_endpoint_url: str | None = None
    aws_networks: tuple[str, ...] = (ANYWHERE,)

    def rules(self) -> list[kubernetes.networking.v1.NetworkPolicyEgressRuleArgs]:
        """DNS, and AWS by its port."""
        return [to_dns(), to_networks(self.aws_networks, self._aws_port())]

    def _aws_port(self) -> int:
        if self.aws_endpoint_url is None:
            return HTTPS_PORT
        return urlsplit(self.aws_endpoint_url).port or HTTPS_PORT


def to_dns() -> kubernetes.networking.v1.NetworkPolicyEgressRuleArgs:
    """Rule that lets names be resolved by any server, as a node-local cache has an address of the node."""
    return networking.NetworkPolicyEgressRuleArgs(
        ports=[
            networking.NetworkPolicyPortArgs(protocol="UDP", port=DNS_PORT),
            networking.NetworkPolicyPortArgs(protocol="TCP", port=DNS_PORT),
        ]
    )


def to_networks(networks: Sequence[str], *ports: int) -> kubernetes.networking.v1.NetworkPolicyEgressRuleArgs:
    """Rule that lets pods connect to some ports in some networks, the nodes' metadata always left out.

    Args:
        networks: CIDR.
        ports: TCP.
    """
    return networking.NetworkPolicyEgressRuleArgs(
        to=[
            networking.NetworkPolicyPeerArgs(
                ip_block=networking.IPBlockArgs(
                    cidr=network, except_=[LINK_LOCAL] if network == ANYWHERE else None
                )
            )
            for network in networks
        ],
        ports=_tcp(ports),
    )


def to_pods(
    labels: Mapping[str, str], *ports: int, namespace: pulumi.Input[str] | None = None
) -> kubernetes.networking.v1.NetworkPolicyEgressRuleArgs:
    """Rule that lets pods connect to other pods.

    Args:
        labels: of those, none for all of them.
        ports: TCP.
        namespace: where those are, default the policy's own.
    """
    peer = networking.NetworkPolicyPeerArgs(
        pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=dict(labels) or None)
        if labels or namespace is None
        else None,
        namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels={NAMESPACE_LABEL: namespace})
        if namespace is not None
        else None,
    )
    return networking.NetworkPolicyEgressRuleArgs(to=[peer], ports=_tcp(ports))


def from_pods(
    labels: Mapping[str, str], *ports: int
) -> kubernetes.networking.v1.NetworkPolicyIngressRuleArgs:
    """Rule that lets pods of the same namespace connect to some TCP ports."""
    peer = networking.NetworkPolicyPeerArgs(
        pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=dict(labels))
    )
    return networking.NetworkPolicyIngressRuleArgs(from_=[peer], ports=_tcp(ports))


def from_networks(
    networks: Sequence[str], *ports: int
) -> kubernetes.networking.v1.NetworkPolicyIngressRuleArgs:
    """Rule that lets some networks, CIDR, connect to some TCP ports."""
    peers = [
        networking.NetworkPolicyPeerArgs(ip_block=networking.IPBlockArgs(cidr=network))
        for network in networks
    ]
    return networking.NetworkPolicyIngressRuleArgs(from_=peers, ports=_tcp(ports))


def _tcp(ports: Sequence[int]) -> list[kubernetes.networking.v1.NetworkPolicyPortArgs]:
    return [networking.NetworkPolicyPortArgs(protocol="TCP", port=port) for port in ports]


def network_policy(  # noqa: PLR0913 - what a policy says
    resource: str,
    metadata: kubernetes.meta.v1.ObjectMetaArgs,
    parent: pulumi.Resource,
    *,
    pods: Mapping[str, str],
    ingress: Sequence[kubernetes.networking.v1.NetworkPolicyIngressRuleArgs] = (),
    egress: Sequence[kubernetes.networking.v1.NetworkPolicyEgressRuleArgs] = (),
) -> kubernetes.networking.v1.NetworkPolicy:
    """A policy of both directions: what no rule allows is refused.

    Args:
        resource: name of the Pulumi resource.
        metadata: of the policy.
        parent: the component that it belongs to.
        pods: labels of the pods it is about, none for every pod of the namespace.
        ingress: who may connect to them.
        egress: where they may connect to.
    """
    return networking.NetworkPolicy(
        resource,
        metadata=metadata,
        spec=networking.NetworkPolicySpecArgs(
            pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=dict(pods) or None),
            policy_types=["Ingress", "Egress"],
            ingress=list(ingress) or None,
            egress=list(egress) or None,
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def from_namespace(
    namespace: pulumi.Input[str], port: int
) -> kubernetes.networking.v1.NetworkPolicyIngressRuleArgs:
    """Rule that lets every pod of one namespace connect to one port."""
    return networking.NetworkPolicyIngressRuleArgs(
        from_=[
            networking.NetworkPolicyPeerArgs(
                namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(
                    match_labels={NAMESPACE_LABEL: namespace}
                )
            )
        ],
        ports=[networking.NetworkPolicyPortArgs(protocol="TCP", port=port)],
    )
