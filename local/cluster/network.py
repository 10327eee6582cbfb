"""The link between host and node, seen from the host."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.cluster.binaries import installed
from local.cluster.layout import NODE_INTERFACE
from local.errors import LocalError
from local.instance import LINK_NETWORKS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.instance import Instance


class Link:
    """A pair of virtual interfaces; the node's end vanishes with the node, and takes the other along."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def require_free_addresses(self) -> None:
        """Refuse to take addresses that this machine already routes elsewhere.

        Raises:
            LocalError: another interface has a route into the link's network.
        """
        routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all"))
        taken = colliding(routes, self._instance.link, self._instance.interface)
        if taken is not None:
            raise LocalError(
                f"The instance {self._instance.name} would use {self._instance.link}, and this machine "
                f"already routes {taken['dst']} through {taken.get('dev', 'another device')}. "
                "Another instance name has other addresses: `make up INSTANCE=name`."
            )

    def connect(self, pid: int) -> None:
        """Make the link, with its far end in the network namespace of `pid`."""
        here = self._instance.interface
        _ip("link", "add", here, "type", "veth", "peer", "name", NODE_INTERFACE, "netns", str(pid))
        no_ipv6 = Path(f"/proc/sys/net/ipv6/conf/{here}/disable_ipv6")
        if no_ipv6.exists():
            no_ipv6.write_text("1")
        prefix = self._instance.link.prefixlen
        _ip("address", "add", f"{self._instance.host_address}/{prefix}", "dev", here)
        _ip("link", "set", here, "up")

    def disconnect(self) -> None:
        """Remove what a dead node left."""
        if not self.exists():
            return
        try:
            _ip("link", "delete", self._instance.interface)
        except LocalError:
            if self.exists():  # or the kernel, which removes it with the namespace, was faster
                raise

    @property
    def named_namespace(self) -> Path:
        """Where `ip netns` would keep a namespace of the node's name."""
        return Path("/run/netns") / self._instance.namespace

    def forget_namespace(self) -> None:
        """Remove the name, if somebody gave the node's network namespace one; the name keeps it alive."""
        if self.named_namespace.exists():
            _ip("netns", "delete", self._instance.namespace)

    def exists(self) -> bool:
        """Whether the host's end is there."""
        return (Path("/sys/class/net") / self._instance.interface).exists()


def colliding(
    routes: Iterable[dict[str, Any]], link: ipaddress.IPv4Network, own_interface: str
) -> dict[str, Any] | None:
    """The first route of another interface that stands in the way of the link's network.

    A route that is much wider (a company's 10.0.0.0/8 over a VPN) is none: the link's four addresses are
    more specific and are all that it loses. One as narrow as a site's network would lose a neighbour.
    """
    for route in routes:
        destination = str(route.get("dst", "default"))
        if destination == "default" or route.get("dev") == own_interface:
            continue
        try:
            network = ipaddress.IPv4Network(destination, strict=False)
        except ValueError:
            continue
        if network.overlaps(link) and network.prefixlen >= LINK_NETWORKS.prefixlen:
            return route
    return None


def _ip(*words: str) -> str:
    result = subprocess.run(  # noqa: S603 - the machine's own program, our words
        [str(installed("ip", "iproute2")), *words], capture_output=True, text=True, check=False, timeout=30
    )
    if result.returncode != 0:
        raise LocalError(
            f"`ip {' '.join(words)}` ended with status {result.returncode}: {result.stderr.strip()}. "
            "The embedded node needs root and the right to make network interfaces."
        )
    return result.stdout
