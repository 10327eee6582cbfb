"""Addresses that are taken already."""

from __future__ import annotations

import ipaddress

import pytest

from local.cluster.network import colliding

LINK = ipaddress.IPv4Network("10.213.4.8/30")


@pytest.mark.parametrize(
    ("route", "collides"),
    [
        ({"dst": "default", "dev": "eth0"}, False),
        ({"dst": "192.168.1.0/24", "dev": "eth0"}, False),
        ({"dst": "10.0.0.0/8", "dev": "vpn0"}, False),
        ({"dst": "10.213.0.0/16", "dev": "vpn0"}, True),
        ({"dst": "10.213.4.0/24", "dev": "eth1"}, True),
        ({"dst": "10.213.4.10", "dev": "eth1"}, True),
        ({"dst": "10.213.4.8/30", "dev": "pl-other"}, True),
        ({"dst": "10.213.4.12/30", "dev": "pl-other"}, False),
        ({"dst": "10.213.4.8/30", "dev": "pl-own"}, False),
        ({"dst": "fe80::/64", "dev": "eth0"}, False),
    ],
)
def test_a_route_into_the_link_of_another_interface_is_a_collision(
    route: dict[str, str], *, collides: bool
) -> None:
    assert (colliding([route], LINK, "pl-own") is not None) is collides
