"""What the node offers to pods and host beside Kubernetes: names and the AWS emulator."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from local.cluster.layout import CLUSTER_DOMAIN, DNS_HEALTH_PORT, DNS_PORT
from local.instance import CHECKOUT, EMULATOR_HOSTNAME, EMULATOR_PORT
from local.storage import write_atomically
from local.supervision.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from local.cluster.binaries import Binaries
    from local.cluster.layout import Layout

EMULATOR_STOP_SECONDS = 60
"""Its last snapshot is written after SIGTERM, and it takes longer the more the stores hold."""


class Services:
    """What CoreDNS and the emulator run with."""

    def __init__(self, layout: Layout, binaries: Binaries) -> None:
        self._layout = layout
        self._binaries = binaries

    def write(self) -> None:
        """Write the configuration files."""
        write_atomically(self._layout.configuration / "Corefile", self.corefile(), mode=0o600)

    def programs(self) -> tuple[Program, ...]:
        """The programs."""
        emulator = emulator_program(self._layout.instance.node_address, self._layout.memory)
        return (emulator, self._coredns())

    def corefile(self) -> str:
        """Cluster names, the emulator's name, and a plain no to any other: there is nobody to forward to."""
        return COREFILE.format(
            address=self._layout.instance.node_address,
            port=DNS_PORT,
            health_port=DNS_HEALTH_PORT,
            domain=CLUSTER_DOMAIN,
            kubeconfig=self._layout.kubeconfigs / "coredns.yaml",
            emulator=EMULATOR_HOSTNAME,
        )

    def _coredns(self) -> Program:
        corefile = str(self._layout.configuration / "Corefile")
        return Program(
            "coredns", (str(self._binaries.coredns), "-conf", corefile), (self._layout.api_target,)
        )


def emulator_program(address: str, memory: Path) -> Program:
    """The AWS emulator on one address, with its memory in a folder."""
    command = (
        sys.executable,
        "-m",
        "local.emulator.server",
        "--host",
        address,
        "--port",
        str(EMULATOR_PORT),
        "--memory",
        str(memory),
    )
    return Program(
        "emulator",
        command,
        environment={"PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"},
        ends_by="TERM",
        stop_seconds=EMULATOR_STOP_SECONDS,
    )


COREFILE = """\
{domain}:{port} in-addr.arpa:{port} ip6.arpa:{port} {{
    bind {address}
    errors
    kubernetes {domain} in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
    }}
    health 127.0.0.1:{health_port}
    cache 5
}}

{emulator}:{port} {{
    bind {address}
    errors
    hosts {{
        {address} {emulator}
        ttl 60
    }}
}}

.:{port} {{
    bind {address}
    errors
    template ANY ANY . {{
        rcode NXDOMAIN
        authority ". 60 IN SOA node.{domain}. nobody.{domain}. 1 60 60 60 60"
    }}
}}
"""
