"""Which existing cluster an environment was brought up on; kept, so that later commands need no variables."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from local.errors import LocalError
from local.instance import EMULATOR_PORT
from local.storage import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.engine.kubernetes.kubeconfig import Cluster as Access
    from local.instance import Instance

CONTEXT = "plinth"
FILE_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True)
class Place:
    """An existing cluster, and where its pods find what this machine offers.

    Attributes:
        api_server_url: as its kubeconfig names it.
        node_address: a node's address, where the gateway's node port is expected to answer.
        emulator_address: address of this machine to which the AWS emulator is bound.
        registry: `host[:port][/path]` from which the cluster pulls.
    """

    api_server_url: str
    node_address: str
    emulator_address: str
    registry: str

    @property
    def emulator_url(self) -> str:
        """The AWS emulator as this machine reaches it."""
        return f"http://{self.emulator_address}:{EMULATOR_PORT}"

    @classmethod
    def read(cls, instance: Instance) -> Place | None:
        """The recorded one, None where the environment is on the embedded node or nowhere yet.

        Raises:
            LocalError: the record is damaged.
        """
        path = folder(instance) / "place.json"
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise LocalError(
                f"{path} does not say which cluster this environment is on ({error}). "
                "Remove it and run `make up KUBECONFIG=... IMAGE_REGISTRY=...` again."
            ) from error

    def write(self, instance: Instance) -> None:
        """Record it."""
        write_atomically(folder(instance) / "place.json", json.dumps(asdict(self), indent=2), mode=0o600)


def folder(instance: Instance) -> Path:
    """What an environment on an existing cluster keeps on this machine."""
    return instance.state / "existing"


def asked_for(instance: Instance, variables: Mapping[str, str] = os.environ) -> str | None:
    """The KUBECONFIG that a person gave; what `make shell` sets is not a person's."""
    given = variables.get("KUBECONFIG")
    return given if given and given != str(instance.kubeconfig) else None


def pin(access: Access, path: Path) -> None:
    """Write a kubeconfig with one context: no later change of the person's context leads us elsewhere.

    Files and login programs stay where they are; only their paths become absolute.

    Args:
        access: cluster and user that were chosen.
        path: of the kubeconfig, readable for its owner only.
    """
    cluster, user = (
        {
            name: str((access.folder / value).resolve()) if name in FILE_KEYS and value else value
            for name, value in entry.items()
        }
        for entry in (access.cluster, access.user)
    )
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": CONTEXT, "user": user}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
        "current-context": CONTEXT,
    }
    write_atomically(path, yaml.safe_dump(document, sort_keys=False), mode=0o600)


def source_address(url: str) -> str:
    """This machine's address on the way to a server; no packet is sent.

    Raises:
        LocalError: there is no way to it.
    """
    parts = urlsplit(url)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((parts.hostname or "", parts.port or 443))
            return str(probe.getsockname()[0])
    except OSError as error:
        raise LocalError(
            f"This machine has no IPv4 way to {url} ({error}), so the address at which pods reach it is "
            "unknown. Give it: `make up EMULATOR_ADDRESS=...`."
        ) from error


def checked_address(address: str) -> str:
    """An address of this machine that pods can be told.

    Raises:
        LocalError: it is every address, the machine's own loop, not IPv4, or not this machine's.
    """
    remedy = (
        "Give an IPv4 address of this machine that the cluster's pods reach: `make up EMULATOR_ADDRESS=...`."
    )
    try:
        parsed = ipaddress.IPv4Address(address)
    except ValueError as error:
        raise LocalError(f"The emulator's address {address!r} is not an IPv4 address. {remedy}") from error
    if parsed.is_loopback:
        raise LocalError(
            f"The AWS emulator would be bound to {address}, which no pod of another machine or network "
            f"namespace reaches. {remedy} With kind or minikube it is the address of their bridge."
        )
    if parsed.is_unspecified or parsed.is_link_local or parsed.is_multicast:
        raise LocalError(
            f"The AWS emulator is never bound to {address}: it asks nobody who they are. {remedy}"
        )
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise LocalError(
                f"{address} is no address of this machine ({error.strerror}). {remedy}"
            ) from error
    return address
