"""The one thing of ours in a cluster that the stack doesn't own: a name for the emulator on this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from local.engine.kubernetes.client import Client, Resource
from local.engine.kubernetes.errors import ApiError
from local.errors import LocalError
from local.instance import EMULATOR_NAMESPACE, EMULATOR_PORT, EMULATOR_SERVICE

if TYPE_CHECKING:
    from local.instance import Instance

OWNER: Final = "plinth.dev/checkout"
"""Annotation that says which checkout the namespace belongs to."""

GONE_SECONDS: Final = 90.0
POLL_SECONDS: Final = 0.5

_NAMESPACES: Final = Resource("/api/v1", "namespaces", namespaced=False)
_SERVICES: Final = Resource("/api/v1", "services", namespaced=True)
_SLICES: Final = Resource("/apis/discovery.k8s.io/v1", "endpointslices", namespaced=True)


class Outpost:
    """A namespace with a Service that has no pods behind it, but an address of this machine."""

    def __init__(self, client: Client, instance: Instance) -> None:
        self._client = client
        self._owner = f"{instance.name} {instance.checkout}"

    def refuse_another_owner(self) -> None:
        """Leave alone what somebody else made.

        Raises:
            LocalError: the namespace is there and belongs to another environment, or to nobody we know.
        """
        found = self._client.get(_NAMESPACES, "", EMULATOR_NAMESPACE)
        if found is None:
            return
        owner = (found["metadata"].get("annotations") or {}).get(OWNER)
        if owner != self._owner:
            raise LocalError(
                f"The cluster has a namespace {EMULATOR_NAMESPACE} already, which belongs to "
                f"{owner or 'somebody unknown'}. A cluster holds one such environment: run `make down` "
                "there, or use another cluster."
            )

    def ensure(self, address: str) -> None:
        """Let pods find the emulator by its name at an address; the same again changes nothing."""
        labels = {"app.kubernetes.io/part-of": "plinth", "app.kubernetes.io/managed-by": "plinth"}
        within: dict[str, Any] = {"name": EMULATOR_SERVICE, "namespace": EMULATOR_NAMESPACE}
        port = {"name": "http", "port": EMULATOR_PORT, "protocol": "TCP"}
        self._apply(
            _NAMESPACES,
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": EMULATOR_NAMESPACE,
                    "labels": labels,
                    "annotations": {OWNER: self._owner},
                },
            },
        )
        self._apply(
            _SERVICES,
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {**within, "labels": labels},
                # Without an address of its own: pods connect to the machine itself, so that their network
                # policy sees the same port as everybody else.
                "spec": {"clusterIP": "None", "ports": [port]},
            },
        )
        self._apply(
            _SLICES,
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {**within, "labels": {**labels, "kubernetes.io/service-name": EMULATOR_SERVICE}},
                "addressType": "IPv4",
                "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
                "ports": [port],
            },
        )

    def remove(self) -> None:
        """Delete the namespace with all that is in it, if it is ours, and return when it is gone.

        Raises:
            LocalError: it belongs to another, or does not go.
        """
        self.refuse_another_owner()
        if not self.exists():
            return
        self._client.delete(_NAMESPACES, "", EMULATOR_NAMESPACE, "Background")
        deadline = time.monotonic() + GONE_SECONDS
        while self.exists():
            if time.monotonic() >= deadline:
                raise LocalError(
                    f"The namespace {EMULATOR_NAMESPACE} is still there {GONE_SECONDS:.0f} s after its "
                    "deletion. `kubectl describe namespace` says what holds it; run `make down` again."
                )
            time.sleep(POLL_SECONDS)

    def exists(self) -> bool:
        """Whether the namespace is there, whoever owns it."""
        return self._client.get(_NAMESPACES, "", EMULATOR_NAMESPACE) is not None

    def _apply(self, resource: Resource, manifest: dict[str, Any]) -> None:
        try:
            self._client.apply(resource, manifest, dry_run=False, force=True)
        except ApiError as error:
            raise LocalError(
                f"{manifest['kind']} {manifest['metadata']['name']} can't be made in the cluster: {error}. "
                "The kubeconfig's user has to be an administrator of it."
            ) from error
