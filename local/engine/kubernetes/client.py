"""A thin client of the Kubernetes API: requests, errors, which kinds there are.

The official Python client takes a second to import and models every kind; here objects stay dictionaries.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import urllib3

from local.engine.kubernetes.errors import ApiError, UnknownKindError, UnreachableError
from local.engine.kubernetes.ownership import FIELD_MANAGER
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine.kubernetes.kinds import Kind
    from local.engine.kubernetes.kubeconfig import Cluster, Credentials
    from local.engine.kubernetes.objects import Object

CONNECTIONS: Final = 32
"""Kept open; the engine's parallelism may be higher, further ones are opened and closed."""

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 65.0
"""The API server's own limit for one request is 60 s."""

ATTEMPTS: Final = 4
"""How often a request is sent while the server is too busy, restarting, or drops the connection."""

PAUSE_SECONDS: Final = 0.25
_BUSY: Final = frozenset({429, 502, 503, 504})
_EXPIRY_MARGIN: Final = timedelta(seconds=60)

# The kubeconfig itself asks for it; a warning for each request would bury everything else.
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

APPLY: Final = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Resource:
    """How the API serves a kind.

    Attributes:
        path: of the group's version.
        plural: the kind's name in paths.
        namespaced: whether its objects live in namespaces.
    """

    path: str
    plural: str
    namespaced: bool

    def url(self, namespace: str = "", name: str = "") -> str:
        """Path of the collection, or of one object."""
        where = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.path}{where}/{self.plural}" + (f"/{name}" if name else "")


class Client:
    """Requests to one cluster; safe to use from many threads."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._lock = threading.Lock()
        self._credentials: Credentials | None = None
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._groups: dict[str, dict[str, Resource]] = {}
        self._prefix = (urllib3.util.parse_url(cluster.url).path or "").rstrip("/")

    # Objects

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """An object as it is, None if there is none."""
        try:
            return self.request("GET", resource.url(namespace, name))
        except ApiError as error:
            if error.is_absence:
                return None
            raise

    def list(self, resource: Resource, namespace: str, selector: str = "") -> Sequence[Object]:
        """The objects of a namespace, or of all of them, that bear labels."""
        query = {"labelSelector": selector} if selector else {}
        items: Sequence[Object] = self.request("GET", resource.url(namespace), query).get("items") or []
        return items

    def apply(self, resource: Resource, thing: Object, *, dry_run: bool, force: bool) -> Object:
        """Server-side apply; unknown fields are refused.

        Args:
            resource: how its kind is served.
            thing: all fields that are ours, and no others.
            dry_run: the server says what would be and keeps nothing.
            force: fields that others set become ours.
        """
        metadata = thing["metadata"]
        query = {"fieldManager": FIELD_MANAGER, "force": str(force).lower(), "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        return self.request(
            "PATCH", resource.url(metadata.get("namespace", ""), metadata["name"]), query, thing, APPLY
        )

    def delete(self, resource: Resource, namespace: str, name: str, propagation: str) -> None:
        """Ask for an object's removal."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        self.request("DELETE", resource.url(namespace, name), body=body)

    def logs(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """The last lines that a container wrote."""
        query = urlencode({"container": container, "tailLines": lines})
        response = self._send("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log?{query}", None, {})
        return response.data.decode(errors="replace") if response.status == _OK else ""

    # Kinds

    def resource(self, kind: Kind) -> Resource:
        """How a kind is served; asks the server again if it wasn't there before.

        Raises:
            UnknownKindError: the server has no such kind now.
        """
        found = self._groups.get(kind.api_version, {}).get(kind.name)
        if found is None:
            self._groups[kind.api_version] = self._discover(kind.path)
            found = self._groups[kind.api_version].get(kind.name)
        if found is None:
            raise UnknownKindError(
                f"{self.cluster.url} serves no {kind}. If a CustomResourceDefinition or a chart brings it, "
                "let this resource depend on that one; else correct the apiVersion."
            )
        return found

    def forget_kinds(self) -> None:
        """Ask anew, because a definition came or went."""
        self._groups.clear()

    def _discover(self, path: str) -> dict[str, Resource]:
        try:
            served = self.request("GET", path)
        except ApiError as error:
            if error.is_absence:
                return {}
            raise
        return {
            item["kind"]: Resource(path, item["name"], bool(item["namespaced"]))
            for item in served.get("resources") or []
            if "/" not in item["name"]
        }

    # Requests

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> Object:
        """Send one request and give the answer's JSON.

        Raises:
            ApiError: the server refused.
            UnreachableError: there is no server.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body).encode()
        response = self._send(method, target, data, {"Content-Type": content_type} if data else {})
        answer = _parse(response.data)
        if response.status >= _FIRST_ERROR:
            raise ApiError(response.status, answer)
        return answer

    def _send(
        self, method: str, target: str, data: bytes | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            pool, credentials = self._connect()
            try:
                response = pool.urlopen(
                    method,
                    self._prefix + target,
                    body=data,
                    headers={"Accept": "application/json", **credentials.headers, **headers},
                    retries=False,
                    redirect=False,
                )
            except urllib3.exceptions.SSLError as error:
                raise self._unreachable(error) from error
            except urllib3.exceptions.HTTPError as error:
                # A server that isn't there is said at once; one that drops a connection may be restarting.
                if last or isinstance(error, urllib3.exceptions.NewConnectionError):
                    raise self._unreachable(error) from error
            else:
                if response.status == _UNAUTHORIZED and "exec" in self.cluster.user and attempt == 1:
                    self._log_out()
                    continue
                if response.status not in _BUSY or last:
                    return response
            time.sleep(PAUSE_SECONDS * 2**attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _unreachable(self, error: Exception) -> UnreachableError:
        cause = getattr(error, "reason", None) or error
        return UnreachableError(
            f"The Kubernetes API at {self.cluster.url} doesn't answer ({type(error).__name__}: {cause}). "
            "For the local environment run `make up`; else check KUBECONFIG, the address and the network. "
            "If the cluster is gone for good, PULUMI_K8S_DELETE_UNREACHABLE=true drops what it had from the "
            "state at the next refresh or destroy."
        )

    def _connect(self) -> tuple[urllib3.HTTPConnectionPool, Credentials]:
        with self._lock:
            if self._credentials is not None and _expired(self._credentials.expires):
                self._credentials = self._pool = None
            if self._credentials is None or self._pool is None:
                self._credentials = self.cluster.credentials()
                self._pool = _open(self.cluster, self._credentials)
            return self._pool, self._credentials

    def _log_out(self) -> None:
        with self._lock:
            self._credentials = self._pool = None


_OK: Final = 200
_FIRST_ERROR: Final = 400
_UNAUTHORIZED: Final = 401


def _open(cluster: Cluster, credentials: Credentials) -> urllib3.HTTPConnectionPool:
    address = urllib3.util.parse_url(cluster.url)
    if not address.host:
        raise ProviderError(
            f"The kubeconfig's server {cluster.url!r} is not an address: expected https://HOST:PORT."
        )
    settings: dict[str, Any] = {
        "maxsize": CONNECTIONS,
        "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
    }
    if address.scheme == "http":
        return urllib3.HTTPConnectionPool(address.host, address.port or 80, **settings)
    return urllib3.HTTPSConnectionPool(
        address.host,
        address.port or 443,
        ssl_context=cluster.tls(credentials),
        server_hostname=cluster.cluster.get("tls-server-name"),
        assert_hostname=False if cluster.cluster.get("insecure-skip-tls-verify") else None,
        **settings,
    )


def _expired(moment: str | None) -> bool:
    if moment is None:
        return False
    return datetime.fromisoformat(moment) - _EXPIRY_MARGIN < datetime.now(UTC)


def _parse(data: bytes) -> Object:
    try:
        answer = json.loads(data or b"{}")
    except ValueError:
        return {"message": data.decode(errors="replace").strip()[:500]}
    return answer if isinstance(answer, dict) else {}
