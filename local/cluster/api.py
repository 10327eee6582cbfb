"""The few requests that the node's own commands make to its API server."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any

from local.cluster.certificates import CLUSTER_AUTHORITY
from local.instance import API_SERVER_PORT

if TYPE_CHECKING:
    from local.cluster.certificates import Certificates
    from local.instance import Instance

REQUEST_SECONDS = 10.0
FIELD_MANAGER = "plinth-node"
OK = range(200, 300)
NOT_FOUND = 404


class ApiError(Exception):
    """The API server could not be asked, or said no."""


class Api:
    """The API server, as its administrator."""

    def __init__(self, instance: Instance, certificates: Certificates) -> None:
        self._address = instance.node_address
        self._certificates = certificates

    def get(self, path: str) -> dict[str, Any]:
        """An object or a list.

        Raises:
            ApiError: no answer, or not a good one.
        """
        result: dict[str, Any] = json.loads(self.request("GET", path))
        return result

    def apply(self, path: str, manifest: dict[str, Any]) -> None:
        """Server-side apply of one object.

        Raises:
            ApiError: no answer, or not a good one.
        """
        url = f"{path}/{manifest['metadata']['name']}?fieldManager={FIELD_MANAGER}&force=true"
        self.request("PATCH", url, json.dumps(manifest), "application/apply-patch+yaml")

    def ready(self) -> str:
        """What /readyz says; empty when it is ready."""
        try:
            self.request("GET", "/readyz", timeout=2.0)
        except ApiError as error:
            return str(error)
        return ""

    def request(
        self,
        method: str,
        path: str,
        body: str | None = None,
        content_type: str = "application/json",
        timeout: float = REQUEST_SECONDS,
    ) -> str:
        """One request, over one connection.

        Raises:
            ApiError: no answer, or not a good one.
        """
        try:
            context = ssl.create_default_context(
                cafile=str(self._certificates.certificate(CLUSTER_AUTHORITY))
            )
            context.load_cert_chain(self._certificates.certificate("admin"), self._certificates.key("admin"))
            connection = http.client.HTTPSConnection(
                self._address, API_SERVER_PORT, timeout=timeout, context=context
            )
            try:
                connection.request(method, path, body, {"Content-Type": content_type})
                answer = connection.getresponse()
                text = answer.read().decode()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(f"no answer from https://{self._address}:{API_SERVER_PORT}: {error}") from error
        if answer.status not in OK:
            raise ApiError(f"{method} {path}: {answer.status} {answer.reason}: {text.strip()[:500]}")
        return text
