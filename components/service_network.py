"""The addresses that an EKS cluster gives to its Services, the API server's own among them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from components.traffic import PRIVATE

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICE_NETWORK = "172.20.0.0/16"
"""What EKS itself takes where the VPC lies in 10.0.0.0/8; said here, so that policies can name it."""

PREFIX_LENGTHS = range(12, 25)
"""What EKS takes (KubernetesNetworkConfigRequest, EKS API)."""


def check_service_network(cidr: str, others: Sequence[str]) -> None:
    """Refuse addresses of Services that EKS doesn't take, or that something else has.

    Args:
        cidr: of the Services.
        others: the VPC's own network and those that are connected to it.

    Raises:
        ValueError: it is not private, of a wrong size, or overlaps one of the others.
    """
    network = ipaddress.IPv4Network(cidr)
    if network.prefixlen not in PREFIX_LENGTHS:
        raise ValueError(
            f"The Services' network {cidr} is a /{network.prefixlen}; EKS takes /12 to /24. "
            "Change serviceCidr in plinth:cluster."
        )
    if not any(network.subnet_of(ipaddress.IPv4Network(private)) for private in PRIVATE):
        raise ValueError(
            f"The Services' network {cidr} is not a private one; EKS takes a part of {', '.join(PRIVATE)}. "
            "Change serviceCidr in plinth:cluster."
        )
    for other in others:
        if network.overlaps(ipaddress.IPv4Network(other)):
            raise ValueError(
                f"The Services' network {cidr} overlaps {other}, which the VPC has or is connected to; pods "
                "could not tell a Service from a machine there. Change serviceCidr in plinth:cluster."
            )


def api_server_address(cidr: str) -> str:
    """The Service `kubernetes`, which always has the first address, as a network of one.

    Args:
        cidr: of the Services.
    """
    return f"{ipaddress.IPv4Network(cidr)[1]}/32"
