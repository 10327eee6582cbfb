"""Kubeconfigs: one for each party, with its certificate inside."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from local.cluster.certificates import CLUSTER_AUTHORITY
from local.storage import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from local.cluster.certificates import Certificates
    from local.cluster.layout import Layout

PARTIES = ("controller-manager", "scheduler", "kubelet", "kube-proxy", "coredns")


def write_kubeconfigs(layout: Layout, certificates: Certificates) -> None:
    """Write the control plane's kubeconfigs and the administrator's."""
    for party in PARTIES:
        path = layout.kubeconfigs / f"{party}.yaml"
        write_atomically(path, kubeconfig(layout, certificates, party), mode=0o600)
    administrator = kubeconfig(layout, certificates, "admin")
    write_atomically(layout.instance.kubeconfig, administrator, mode=0o600)


def kubeconfig(layout: Layout, certificates: Certificates, party: str) -> str:
    """The kubeconfig of one party of the embedded cluster."""
    return kubeconfig_text(layout.instance.name, layout.instance.api_server_url, certificates, party)


def kubeconfig_text(name: str, server: str, certificates: Certificates, party: str) -> str:
    """A kubeconfig as JSON, which is YAML too.

    Args:
        name: of cluster and context.
        server: address of the API server.
        certificates: where the party's key is.
        party: whose certificate it holds.
    """
    cluster = {
        "server": server,
        "certificate-authority-data": _encoded(certificates.certificate(CLUSTER_AUTHORITY)),
    }
    user = {
        "client-certificate-data": _encoded(certificates.certificate(party)),
        "client-key-data": _encoded(certificates.key(party)),
    }
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": party, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": party}}],
        "current-context": name,
    }
    return json.dumps(content, indent=1) + "\n"


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
