"""One embedded environment on this machine, and every name and path that derives from it.

Two checkouts run side by side because nothing here is shared but the tool cache: the interface, the
namespaces, the cgroup, the addresses and the state folder all come from the instance's name.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from local.errors import LocalError

CHECKOUT = Path(__file__).resolve().parent.parent

NAME_PATTERN = re.compile(r"[a-z][a-z0-9-]{0,19}")

LINK_NETWORKS = ipaddress.ip_network("10.213.0.0/16")
"""Where the host's end and the node's end of each instance's link get their addresses, a /30 each."""

STACK = "local"


@dataclass(frozen=True)
class Instance:
    """Names, folders and addresses of one embedded environment.

    Attributes:
        name: lower-case letters, digits and hyphens, at most 20 characters, unique on the machine.
        checkout: the checkout it belongs to; its state lives there, in one ignored folder.
        cache: what may be thrown away and shared between instances: built tools, downloads.
    """

    name: str
    checkout: Path
    cache: Path

    def __post_init__(self) -> None:
        """Refuse a name that an interface, a cgroup or a label could not carry."""
        if not NAME_PATTERN.fullmatch(self.name):
            raise LocalError(
                f"The instance name {self.name!r} is not usable: lower-case letters, digits and hyphens, "
                "starting with a letter, at most 20 characters. Give another one: `make up INSTANCE=name`."
            )

    @classmethod
    def of_checkout(cls, checkout: Path = CHECKOUT) -> Instance:
        """The instance of a checkout: INSTANCE from the environment, else a name made from the path."""
        digest = hashlib.sha256(str(checkout).encode()).hexdigest()
        name = os.environ.get("INSTANCE") or f"plinth-{digest[:8]}"
        cache_home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return cls(name=name, checkout=checkout, cache=Path(cache_home) / "plinth")

    @cached_property
    def digest(self) -> str:
        """Hexadecimal digest of the name, for what has to be short and unique."""
        return hashlib.sha256(self.name.encode()).hexdigest()

    # Folders

    @property
    def state(self) -> Path:
        """Everything this instance keeps: logs, certificates, etcd, the engine's state. Never committed."""
        return self.checkout / ".plinth"

    def make_state(self) -> Path:
        """Make the state folder its owner's only, whoever made it first."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.state.chmod(0o700)
        return self.state

    @property
    def logs(self) -> Path:
        """One file for each supervised process and each long command."""
        return self.state / "logs"

    @property
    def run(self) -> Path:
        """Sockets and pid files. A short path, because a socket's may hold 107 characters only."""
        return self.runs / self.name

    @property
    def runs(self) -> Path:
        """The same of all of this user's instances."""
        user = os.geteuid()
        return Path("/run/plinth") if user == 0 else Path(tempfile.gettempdir()) / f"plinth-{user}"

    @property
    def kubeconfig(self) -> Path:
        """Administrator's kubeconfig of the embedded cluster."""
        return self.state / "kubeconfig.yaml"

    @property
    def pulumi_home(self) -> Path:
        """The engine's home: plugins and credentials of this instance only."""
        return self.state / "pulumi-home"

    @property
    def pulumi_state(self) -> Path:
        """The engine's file backend."""
        return self.state / "pulumi-state"

    @property
    def bin(self) -> Path:
        """Links to the tools this instance uses, in front of PATH in `make shell`."""
        return self.state / "bin"

    @property
    def charts(self) -> Path:
        """Helm charts that the stack's config names by this relative path."""
        return self.state / "charts"

    # Network

    @cached_property
    def link(self) -> ipaddress.IPv4Network:
        """The /30 between host and node."""
        index = int(self.digest[:8], 16) % (LINK_NETWORKS.num_addresses // 4)
        base = int(LINK_NETWORKS.network_address) + 4 * index
        return ipaddress.ip_network((base, 30))  # type: ignore[return-value]

    @property
    def host_address(self) -> str:
        """The host's end of the link."""
        return str(self.link[1])

    @property
    def node_address(self) -> str:
        """The node's end of the link; everything the environment serves is bound to it."""
        return str(self.link[2])

    @property
    def interface(self) -> str:
        """The host's end of the link, at most 15 characters as the kernel demands."""
        return f"pl-{self.digest[:10]}"

    @property
    def namespace(self) -> str:
        """Network namespace of the node, also its cgroup."""
        return f"plinth-{self.digest[:10]}"

    @property
    def emulator_url(self) -> str:
        """The AWS emulator as the host and the pods reach it."""
        return f"http://{self.node_address}:{EMULATOR_PORT}"

    @property
    def api_server_url(self) -> str:
        """The Kubernetes API as the host reaches it."""
        return f"https://{self.node_address}:{API_SERVER_PORT}"


EMULATOR_PORT = 4566
API_SERVER_PORT = 6443
EMULATOR_SERVICE = "aws-emulator"
EMULATOR_NAMESPACE = "plinth-emulator"
EMULATOR_HOSTNAME = f"{EMULATOR_SERVICE}.{EMULATOR_NAMESPACE}.svc.cluster.local"
"""What pods call the emulator, so that the stack's config is the same for every instance and cluster. The
embedded node's DNS answers to it by itself; an existing cluster gets a Service of this name."""
