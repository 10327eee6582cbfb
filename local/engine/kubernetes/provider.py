"""The stand-in itself: sends each call to what looks after objects, releases or files."""

from __future__ import annotations

import threading
from importlib import metadata
from typing import TYPE_CHECKING

from local.engine.kubernetes import kubeconfig, manifests
from local.engine.kubernetes.client import Client
from local.engine.kubernetes.errors import UnknownKindError, UnreachableError
from local.engine.kubernetes.helm.command import Helm
from local.engine.kubernetes.helm.mirror import Mirror
from local.engine.kubernetes.helm.releases import Releases
from local.engine.kubernetes.kinds import RELEASE_TOKEN, kind_of
from local.engine.kubernetes.lifecycle import Lifecycle
from local.engine.kubernetes.rendering import Rendering
from local.engine.kubernetes.settings import Settings
from local.engine.provider import (
    Change,
    ChangeKind,
    Checked,
    Diff,
    Provider,
    ProviderError,
    ReadResult,
    Resource,
    Severity,
    UpdateCall,
)
from local.engine.values import Properties, has_unknown

if TYPE_CHECKING:
    from local.engine.kubernetes.objects import Object


class KubernetesProvider(Provider):
    """Stands in for pulumi-kubernetes where its plugin can't be had."""

    name = "kubernetes"
    version = metadata.version("pulumi-kubernetes")

    def __init__(self) -> None:
        super().__init__()
        self._settings = Settings()
        self._lock = threading.Lock()
        self._made: tuple[Lifecycle, Releases] | None = None
        self._client: Client | None = None

    def configure(self, variables: Properties) -> None:
        """Take the configuration; the cluster is not asked before the first resource."""
        self._settings = Settings.of(variables)

    def diff_configuration(self, old: Properties, new: Properties) -> Diff:
        """Another cluster makes its resources new ones; anything else about the provider is an update."""
        changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        identifier = new.get("clusterIdentifier")
        moved = identifier != old.get("clusterIdentifier") if identifier else _moves(old, new)
        decisive = {"clusterIdentifier"} if identifier else {"kubeconfig", "context", "cluster"}
        return Diff(
            {name: Change(ChangeKind.UPDATE, replaces=moved and name in decisive) for name in changed}
        )

    def _parts(self) -> tuple[Lifecycle, Releases]:
        with self._lock:
            if self._made is None:
                settings = self._settings
                cluster = kubeconfig.load(settings.kubeconfig, settings.context, settings.cluster)
                self._client = client = Client(cluster)
                helm = Helm(settings, self.cancelled)
                self._made = (
                    Lifecycle(client, settings, self.wait, self.report),
                    Releases(
                        client,
                        helm,
                        settings.namespace or cluster.namespace,
                        self.report,
                        Mirror.from_environment(),
                    ),
                )
            return self._made

    @property
    def _objects(self) -> Lifecycle:
        return self._parts()[0]

    @property
    def _releases(self) -> Releases:
        return self._parts()[1]

    @property
    def _rendering(self) -> Rendering | None:
        directory = self._settings.render_directory
        return Rendering(directory, self.report) if directory is not None else None

    # Resources

    def check(
        self, resource: Resource, inputs: Properties, old_inputs: Properties, random_seed: bytes
    ) -> Checked:
        """See `Lifecycle.check` and `Releases.check`."""
        if resource.type == RELEASE_TOKEN:
            return self._releases.check(resource, inputs, old_inputs, random_seed)
        return self._objects.check(resource, inputs, old_inputs, random_seed)

    def diff(self, call: UpdateCall) -> Diff:
        """See `Lifecycle.diff` and `Releases.diff`."""
        if call.resource.type == RELEASE_TOKEN:
            return self._releases.diff(call)
        return self._objects.diff(call)

    def create(
        self, resource: Resource, inputs: Properties, *, preview: bool, timeout: float
    ) -> tuple[str, Properties]:
        """See `Lifecycle.create` and `Releases.create`."""
        if resource.type == RELEASE_TOKEN:
            return self._releases.create(resource, inputs, preview=preview)
        if self._rendering is not None:
            return self._rendering.write(resource, inputs, preview=preview)
        return self._objects.create(resource, inputs, preview=preview, timeout=timeout)

    def read(
        self, resource: Resource, identity: str, inputs: Properties, outputs: Properties
    ) -> ReadResult | None:
        """See `Lifecycle.read` and `Releases.read`."""
        try:
            if resource.type == RELEASE_TOKEN:
                return self._releases.read(identity, inputs)
            if self._rendering is not None:
                return self._rendering.read(identity, inputs, outputs)
            return self._objects.read(resource, identity, inputs, outputs)
        except UnreachableError as error:
            if not self._settings.delete_unreachable:
                raise
            self.report(Severity.WARNING, f"dropped from the state: {error}", resource.urn)
            return None

    def update(self, call: UpdateCall) -> Properties:
        """See `Lifecycle.update` and `Releases.update`."""
        if call.resource.type == RELEASE_TOKEN:
            return self._releases.update(call)
        if self._rendering is not None:
            return self._rendering.write(call.resource, call.inputs, preview=call.preview)[1]
        return self._objects.update(call)

    def delete(
        self, resource: Resource, identity: str, inputs: Properties, outputs: Properties, *, timeout: float
    ) -> None:
        """See `Lifecycle.delete` and `Releases.delete`."""
        try:
            if resource.type == RELEASE_TOKEN:
                self._releases.delete(identity, inputs)
            elif self._rendering is not None:
                self._rendering.remove(outputs)
            else:
                self._objects.delete(resource, identity, inputs, outputs, timeout=timeout)
        except UnreachableError as error:
            if not self._settings.delete_unreachable:
                raise
            self.report(Severity.WARNING, f"dropped from the state: {error}", resource.urn)

    # Functions

    def invoke(self, token: str, arguments: Properties) -> Properties:
        """`kubernetes:yaml:decode`, which ConfigFile and ConfigGroup call.

        Raises:
            ProviderError: any other function.
        """
        if token != "kubernetes:yaml:decode":  # noqa: S105 - a type token
            raise ProviderError(
                f"The kubernetes stand-in has no function {token}; it has kubernetes:yaml:decode. "
                "Use a helm.sh/v3 Release instead of a Chart."
            )
        if has_unknown(arguments):
            return {"result": []}
        namespace = arguments.get("defaultNamespace") or self._settings.namespace
        objects = manifests.parse(str(arguments.get("text", "")))
        return {"result": list(manifests.with_namespace(objects, namespace, self._is_namespaced))}

    def _is_namespaced(self, thing: Object) -> bool:
        self._parts()
        if self._client is None:
            return True
        try:
            return self._client.resource(kind_of("kubernetes:v1:Any", thing)).namespaced
        except (UnknownKindError, UnreachableError):
            return True


def _moves(old: Properties, new: Properties) -> bool:
    """Whether two configurations mean different API servers; new credentials or another path don't count."""

    def server(variables: Properties) -> str | None:
        try:
            return kubeconfig.load(
                variables.get("kubeconfig"), variables.get("context"), variables.get("cluster")
            ).url
        except ProviderError:
            return None

    before, after = server(old), server(new)
    return before is not None and after is not None and before != after
