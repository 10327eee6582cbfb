"""How to reach a cluster and prove who we are: the parts of a kubeconfig that are used."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import yaml

from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
EKS_DOMAIN: Final = ".eks.amazonaws.com"
"""Where EKS's API servers are, and the emulator says that its own would be."""

EXEC_TIMEOUT_SECONDS: Final = 60.0
"""A credential program that takes longer waits for somebody to log in."""

_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are.

    Attributes:
        headers: sent with every request.
        certificate: PEM of a client certificate, with its key.
        expires: moment after which a credential program has to be asked again; None if never.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    certificate: tuple[str, str] | None = None
    expires: str | None = None


@dataclass(frozen=True)
class Cluster:
    """One cluster and one user of it.

    Attributes:
        url: the API server.
        namespace: the context's own, or `default`.
        cluster: the kubeconfig's cluster entry.
        user: the kubeconfig's user entry.
        folder: what relative paths are relative to.
    """

    url: str
    namespace: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    folder: Path

    def tls(self, credentials: Credentials) -> ssl.SSLContext:
        """The TLS settings for one set of credentials.

        Raises:
            ProviderError: a certificate can't be read.
        """
        try:
            context = ssl.create_default_context(cadata=self._text(self.cluster, "certificate-authority"))
            if self.cluster.get("insecure-skip-tls-verify"):
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if credentials.certificate is not None:
                _load(context, *credentials.certificate)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise ProviderError(
                f"The certificates of the kubeconfig for {self.url} can't be used: {error}."
            ) from error
        return context

    def credentials(self) -> Credentials:
        """Who the user is; asks the user's credential program if there is one.

        Raises:
            ProviderError: the program failed or its answer has no credential.
        """
        certificate = self._text(self.user, "client-certificate")
        key = self._text(self.user, "client-key")
        pair = (certificate, key) if certificate and key else None
        if "exec" in self.user:
            return self._ask(self.user["exec"])
        token = self.user.get("token")
        if not token and self.user.get("tokenFile"):
            token = self._path(self.user["tokenFile"]).read_text().strip()
        if token:
            return Credentials({"Authorization": f"Bearer {token}"}, pair)
        if self.user.get("username"):
            text = f"{self.user['username']}:{self.user.get('password', '')}".encode()
            return Credentials({"Authorization": f"Basic {base64.b64encode(text).decode()}"}, pair)
        return Credentials(certificate=pair)

    def _ask(self, program: Mapping[str, Any]) -> Credentials:
        command = [program["command"], *(program.get("args") or [])]
        environment = {item["name"]: item["value"] for item in program.get("env") or []}
        environment["KUBERNETES_EXEC_INFO"] = json.dumps(
            {
                "apiVersion": program.get("apiVersion", "client.authentication.k8s.io/v1"),
                "kind": "ExecCredential",
                "spec": {"interactive": False},
            }
        )
        try:
            done = subprocess.run(  # noqa: S603 - the user's own kubeconfig names the program
                command,
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                check=True,
                timeout=EXEC_TIMEOUT_SECONDS,
            )
            status = json.loads(done.stdout)["status"]
        except subprocess.CalledProcessError as error:
            raise ProviderError(
                f"`{command[0]}`, which the kubeconfig names for logging in to {self.url}, ended with status "
                f"{error.returncode}: {error.stderr.strip()[-500:]}. Run it by hand to see what it needs."
            ) from error
        except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
            raise ProviderError(
                f"`{command[0]}`, which the kubeconfig names for logging in to {self.url}, gave no "
                f"credential: {type(error).__name__}: {error}. "
                f"{program.get('installHint', 'Is it installed and on PATH?')}"
            ) from error
        headers = {"Authorization": f"Bearer {status['token']}"} if status.get("token") else {}
        certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
        return Credentials(
            headers, (certificate, key) if certificate and key else None, status.get("expirationTimestamp")
        )

    def _path(self, text: str) -> Path:
        return self.folder / text

    def _text(self, entry: Mapping[str, Any], name: str) -> str | None:
        inline = entry.get(f"{name}-data")
        if inline:
            return base64.b64decode(inline).decode()
        return self._path(entry[name]).read_text() if entry.get(name) else None


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    # The ssl module takes a client certificate from a file only; the file is ours alone and gone at once.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{certificate}\n{key}\n")
        file.flush()
        context.load_cert_chain(file.name)


def load(
    content: str | Mapping[str, Any] | None = None, context: str | None = None, cluster: str | None = None
) -> Cluster:
    """The cluster that a kubeconfig and a context choose.

    Args:
        content: text or path of a kubeconfig, or one already parsed; None takes the files of KUBECONFIG, then
            the user's own, then the pod's service account.
        context: a context's name; None takes the current one.
        cluster: a cluster's name, instead of the context's.

    Raises:
        ProviderError: no kubeconfig, an unreadable one, or names in it that don't exist.
    """
    configuration, folder, source = _read(None if is_emulated(content) else content)
    if configuration is None:
        return _in_cluster(source)
    name = context or configuration.get("current-context")
    chosen = _entry(configuration, "contexts", "context", name, source) if name else {}
    cluster_name = cluster or chosen.get("cluster")
    if not cluster_name:
        raise ProviderError(f"{source} has no current context. Set one, or name one as `kubernetes:context`.")
    entry = _entry(configuration, "clusters", "cluster", cluster_name, source)
    user = _entry(configuration, "users", "user", chosen["user"], source) if chosen.get("user") else {}
    return Cluster(
        str(entry.get("server", "")).rstrip("/"), chosen.get("namespace") or "default", entry, user, folder
    )


def is_emulated(content: str | Mapping[str, Any] | None) -> bool:
    """Whether a kubeconfig leads to a cluster of the AWS emulator, which has no API server behind it.

    Such a cluster is played by the one that the ambient kubeconfig names.
    """
    if not os.environ.get("AWS_ENDPOINT_URL") or not content:
        return False
    try:
        parsed = content if isinstance(content, dict) else yaml.load(str(content), Loader=_Loader)  # noqa: S506 - the C twin of the safe loader
        servers = [urlsplit(str(item["cluster"]["server"])).hostname or "" for item in parsed["clusters"]]
    except (yaml.YAMLError, KeyError, TypeError, ValueError):
        return False
    return bool(servers) and all(server.endswith(EKS_DOMAIN) for server in servers)


def _entry(
    configuration: Mapping[str, Any], group: str, kind: str, name: object, source: str
) -> Mapping[str, Any]:
    for item in configuration.get(group) or []:
        if item.get("name") == name:
            found: Mapping[str, Any] = item.get(kind) or {}
            return found
    known = ", ".join(str(item.get("name")) for item in configuration.get(group) or []) or "none"
    raise ProviderError(f"{source} has no {kind} {name!r}; it has: {known}.")


def _read(content: str | Mapping[str, Any] | None) -> tuple[dict[str, Any] | None, Path, str]:
    if isinstance(content, dict):
        return content, Path.cwd(), "The provider's kubeconfig"
    if isinstance(content, str) and "\n" in content.strip():
        return _parse(content, "The provider's kubeconfig"), Path.cwd(), "The provider's kubeconfig"
    if isinstance(content, str) and content.strip():
        paths = [Path(part).expanduser() for part in content.split(os.pathsep) if part]
    else:
        ambient = os.environ.get("KUBECONFIG", "")
        paths = [Path(part).expanduser() for part in ambient.split(os.pathsep) if part]
        if not paths:
            own = Path.home() / ".kube" / "config"
            if not own.is_file():
                return (
                    None,
                    Path.cwd(),
                    "No kubeconfig was given (KUBECONFIG is empty, ~/.kube/config absent)",
                )
            paths = [own]
    merged: dict[str, Any] = {}
    for path in paths:
        try:
            text = path.read_text()
        except OSError as error:
            raise ProviderError(
                f"The kubeconfig {path} can't be read ({error.strerror}). Give the path of one that exists, "
                "in KUBECONFIG or as `kubernetes:kubeconfig`; `make up` writes the local environment's own."
            ) from error
        for name, value in _parse(text, str(path)).items():
            if isinstance(value, list):
                merged.setdefault(name, []).extend(value)
            else:
                merged.setdefault(name, value)
    return merged, paths[0].parent, os.pathsep.join(str(path) for path in paths)


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        parsed = yaml.load(text, Loader=_Loader)  # noqa: S506 - the C twin of the safe loader
    except yaml.YAMLError as error:
        raise ProviderError(f"{source} is not YAML: {getattr(error, 'problem', error)}.") from error
    if not isinstance(parsed, dict):
        raise ProviderError(f"{source} is not a kubeconfig: a mapping was expected.")
    return parsed


def _in_cluster(source: str) -> Cluster:
    host = os.environ.get("KUBERNETES_SERVICE_HOST")
    if not host or not (_SERVICE_ACCOUNT / "token").is_file():
        raise ProviderError(
            f"{source}, and this is not a pod of a cluster. Set KUBECONFIG to the path of a kubeconfig, "
            "or run `make up` for the local environment."
        )
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return Cluster(
        f"https://{host}:{port}",
        (_SERVICE_ACCOUNT / "namespace").read_text().strip(),
        {"certificate-authority": str(_SERVICE_ACCOUNT / "ca.crt")},
        {"tokenFile": str(_SERVICE_ACCOUNT / "token")},
        _SERVICE_ACCOUNT,
    )
