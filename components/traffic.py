"""Small pieces of NetworkPolicy that several components say alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pulumi_kubernetes as kubernetes

from components.workspace import NAMESPACE_LABEL

if TYPE_CHECKING:
    import pulumi

networking = kubernetes.networking.v1

LINK_LOCAL = "169.254.0.0/16"
"""Where node metadata and its credentials are; no pod of ours is ever let there."""

ANYWHERE = "0.0.0.0/0"
HTTPS_PORT = 443
DNS_PORT = 53


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
        """DNS by any server, as a node-local cache has an address of the node; AWS by its port."""
        return [
            networking.NetworkPolicyEgressRuleArgs(
                ports=[
                    networking.NetworkPolicyPortArgs(protocol="UDP", port=DNS_PORT),
                    networking.NetworkPolicyPortArgs(protocol="TCP", port=DNS_PORT),
                ]
            ),
            networking.NetworkPolicyEgressRuleArgs(
                to=[
                    networking.NetworkPolicyPeerArgs(
                        ip_block=networking.IPBlockArgs(
                            cidr=network, except_=[LINK_LOCAL] if network == ANYWHERE else None
                        )
                    )
                    for network in self.aws_networks
                ],
                ports=[networking.NetworkPolicyPortArgs(protocol="TCP", port=self._aws_port())],
            ),
        ]

    def _aws_port(self) -> int:
        if self.aws_endpoint_url is None:
            return HTTPS_PORT
        return urlsplit(self.aws_endpoint_url).port or HTTPS_PORT


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
