"""etcd and the Kubernetes control plane: their programs and configuration files."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING

from local.cluster.certificates import CLUSTER_AUTHORITY, ETCD_AUTHORITY, FRONT_PROXY_AUTHORITY
from local.cluster.layout import ETCD_PORT, ISSUER, POD_NETWORK, SERVICE_NETWORK
from local.instance import API_SERVER_PORT
from local.storage import write_atomically
from local.supervision.program import Program

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from local.cluster.binaries import Binaries
    from local.cluster.certificates import Certificates
    from local.cluster.layout import Layout

ETCD_URL = f"https://127.0.0.1:{ETCD_PORT}"
ETCD_PEER_URL = "https://127.0.0.1:2380"
ENCRYPTION_KEY_BYTES = 32
"""Key length of secretbox (XSalsa20 and Poly1305)."""
AUDIT_MEGABYTES, AUDIT_BACKUPS, AUDIT_DAYS = 20, 3, 30

CIPHERS = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
)
"""For TLS 1.2; every key of ours is an elliptic one."""

WATCHES = {"feature-gates": "WatchList=false"}
"""Debian's etcd 3.4 can't stream lists. Told so by the API server, a client lists and watches as ever; told
by the etcd, it tries again and again, up to a minute apart, and sees nothing meanwhile."""

EVERYDAY_USERS = (
    "system:apiserver",
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:kube-proxy",
    "plinth:coredns",
)
"""The cluster talking to itself; their reading is not worth a line of the audit log."""


class ControlPlane:
    """What etcd, the API server, the controller manager and the scheduler run with."""

    def __init__(self, layout: Layout, certificates: Certificates, binaries: Binaries) -> None:
        self._layout = layout
        self._pki = certificates
        self._binaries = binaries

    def write(self) -> None:
        """Write the configuration files; the encryption key is made once and kept."""
        self._keep_encryption_key()
        self._document("audit-policy", audit_policy())
        self._document("admission", admission())

    def programs(self) -> tuple[Program, ...]:
        """The programs, in the order of need."""
        return (self._etcd(), self._api_server(), self._controller_manager(), self._scheduler())

    def _etcd(self) -> Program:
        certificate, key = str(self._pki.certificate("etcd")), str(self._pki.key("etcd"))
        authority = str(self._pki.certificate(ETCD_AUTHORITY))
        options = {
            "name": "node",
            "data-dir": str(self._layout.etcd),
            "listen-client-urls": ETCD_URL,
            "advertise-client-urls": ETCD_URL,
            "listen-peer-urls": ETCD_PEER_URL,
            "initial-advertise-peer-urls": ETCD_PEER_URL,
            "initial-cluster": f"node={ETCD_PEER_URL}",
            "cert-file": certificate,
            "key-file": key,
            "client-cert-auth": "true",
            "trusted-ca-file": authority,
            "peer-cert-file": certificate,
            "peer-key-file": key,
            "peer-client-cert-auth": "true",
            "peer-trusted-ca-file": authority,
            "auto-compaction-retention": "1",
            "snapshot-count": "10000",
            "quota-backend-bytes": str(2 << 30),
            "logger": "zap",
            "log-level": "warn",
        }
        # Asked to end, it waits seven seconds for connections that nobody will close; what it confirmed is on
        # disk before it confirms it, so that killing it loses nothing.
        return Program("etcd", (str(self._binaries.etcd), *_flags(options)), stop_seconds=1)

    def _api_server(self) -> Program:
        address = self._layout.instance.node_address
        pki = self._pki
        options = {
            "bind-address": address,
            "advertise-address": address,
            "secure-port": str(API_SERVER_PORT),
            "etcd-servers": ETCD_URL,
            "etcd-cafile": str(pki.certificate(ETCD_AUTHORITY)),
            "etcd-certfile": str(pki.certificate("apiserver-etcd")),
            "etcd-keyfile": str(pki.key("apiserver-etcd")),
            "tls-cert-file": str(pki.certificate("apiserver")),
            "tls-private-key-file": str(pki.key("apiserver")),
            "tls-min-version": "VersionTLS12",
            "tls-cipher-suites": ",".join(CIPHERS),
            "client-ca-file": str(pki.certificate(CLUSTER_AUTHORITY)),
            "anonymous-auth": "false",
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "admission-control-config-file": str(self._file("admission")),
            "kubelet-client-certificate": str(pki.certificate("apiserver-kubelet")),
            "kubelet-client-key": str(pki.key("apiserver-kubelet")),
            "kubelet-certificate-authority": str(pki.certificate(CLUSTER_AUTHORITY)),
            "kubelet-preferred-address-types": "InternalIP",
            "service-account-issuer": ISSUER,
            "service-account-key-file": str(pki.verifying_key),
            "service-account-signing-key-file": str(pki.signing_key),
            "service-cluster-ip-range": str(SERVICE_NETWORK),
            "proxy-client-cert-file": str(pki.certificate("front-proxy")),
            "proxy-client-key-file": str(pki.key("front-proxy")),
            "requestheader-client-ca-file": str(pki.certificate(FRONT_PROXY_AUTHORITY)),
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "encryption-provider-config": str(self._file("encryption")),
            "audit-policy-file": str(self._file("audit-policy")),
            "audit-log-path": str(self._layout.instance.logs / "audit.log"),
            "audit-log-maxsize": str(AUDIT_MEGABYTES),
            "audit-log-maxbackup": str(AUDIT_BACKUPS),
            "audit-log-maxage": str(AUDIT_DAYS),
            "profiling": "false",
            "event-ttl": "1h",
            **WATCHES,
        }
        command = (str(self._binaries.kubernetes("kube-apiserver")), *_flags(options))
        return Program("kube-apiserver", command, (f"tcp:127.0.0.1:{ETCD_PORT}",), stop_seconds=15)

    def _controller_manager(self) -> Program:
        pki = self._pki
        kubeconfig = str(self._layout.kubeconfigs / "controller-manager.yaml")
        options = {
            "bind-address": "127.0.0.1",
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "client-ca-file": str(pki.certificate(CLUSTER_AUTHORITY)),
            "root-ca-file": str(pki.certificate(CLUSTER_AUTHORITY)),
            "cluster-signing-cert-file": str(pki.certificate(CLUSTER_AUTHORITY)),
            "cluster-signing-key-file": str(pki.key(CLUSTER_AUTHORITY)),
            "service-account-private-key-file": str(pki.signing_key),
            "use-service-account-credentials": "true",
            "cluster-cidr": str(POD_NETWORK),
            "service-cluster-ip-range": str(SERVICE_NETWORK),
            # One node, one controller manager: nobody to elect against, and no lease to wait out.
            "leader-elect": "false",
            # A new node is tainted until this looks at it; five seconds is its habit.
            "node-monitor-period": "1s",
            "profiling": "false",
        }
        command = (str(self._binaries.kubernetes("kube-controller-manager")), *_flags(options))
        return Program("kube-controller-manager", command, (self._layout.api_target,))

    def _scheduler(self) -> Program:
        kubeconfig = str(self._layout.kubeconfigs / "scheduler.yaml")
        options = {
            "bind-address": "127.0.0.1",
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "leader-elect": "false",
            "profiling": "false",
        }
        command = (str(self._binaries.kubernetes("kube-scheduler")), *_flags(options))
        return Program("kube-scheduler", command, (self._layout.api_target,))

    def _file(self, name: str) -> Path:
        return self._layout.configuration / f"{name}.json"

    def _document(self, name: str, content: dict[str, Any]) -> None:
        write_atomically(self._file(name), json.dumps(content, indent=1), mode=0o600)

    def _keep_encryption_key(self) -> None:
        """Without this very key the Secrets in etcd are noise, so it lives beside the certificates."""
        kept = self._layout.pki / "secrets-encryption.key"
        if not kept.exists():
            text = base64.b64encode(secrets.token_bytes(ENCRYPTION_KEY_BYTES)).decode()
            write_atomically(kept, text, mode=0o600)
        self._document("encryption", encryption(kept.read_text()))


def encryption(key: str) -> dict[str, Any]:
    """Secrets are encrypted before they reach etcd; the key is base64 of 32 bytes."""
    providers = [{"secretbox": {"keys": [{"name": "first", "secret": key}]}}, {"identity": {}}]
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": providers}],
    }


def audit_policy() -> dict[str, Any]:
    """Who did what to which object, never the content (it may be a Secret), without the everyday noise."""
    reading = ["get", "list", "watch"]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {
                "level": "None",
                "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi*"],
            },
            {
                "level": "None",
                "resources": [
                    {"group": "", "resources": ["events"]},
                    {"group": "events.k8s.io", "resources": ["events"]},
                    {"group": "coordination.k8s.io", "resources": ["leases"]},
                ],
            },
            {"level": "None", "users": list(EVERYDAY_USERS), "verbs": reading},
            {"level": "None", "userGroups": ["system:nodes"], "verbs": reading},
            {
                "level": "None",
                "userGroups": ["system:serviceaccounts:kube-system"],
                "verbs": reading,
            },
            {"level": "Metadata"},
        ],
    }


def admission() -> dict[str, Any]:
    """Pods are held to `baseline` where a namespace does not ask for more; breaking `restricted` is told."""
    defaults = {
        "enforce": "baseline",
        "enforce-version": "latest",
        "audit": "restricted",
        "audit-version": "latest",
        "warn": "restricted",
        "warn-version": "latest",
    }
    configuration = {
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": defaults,
        "exemptions": {"usernames": [], "runtimeClasses": [], "namespaces": ["kube-system"]},
    }
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": "PodSecurity", "configuration": configuration}],
    }


def _flags(options: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in options.items())
