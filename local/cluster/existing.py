"""A cluster that somebody else runs: the stack goes there, the AWS emulator stays on this machine."""

from __future__ import annotations

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from local.cluster.cluster import ProcessHealth
from local.cluster.lone_emulator import LoneEmulator
from local.cluster.outpost import Outpost
from local.cluster.place import Place, asked_for, checked_address, folder, pin, source_address
from local.cluster.pushed import PushRecord
from local.cluster.reach import prove_reach
from local.engine.kubernetes import kubeconfig
from local.engine.kubernetes.client import Client
from local.engine.provider import ProviderError
from local.errors import LocalError
from local.images import ImageName, push
from local.images.push import REGISTRY
from local.toolchain import Tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.images.names import BuiltImage
    from local.instance import Instance
    from local.progress import Progress
    from local.toolchain.debian import Package

MINIMUM_VERSION = (1, 30)
PART_OF = "app.kubernetes.io/part-of=plinth,app.kubernetes.io/managed-by=pulumi"
LOOPBACK_REGISTRY = re.compile(r"(localhost|127\.[0-9.]+)(:[0-9]+)?(/.*)?")
"""The one kind of registry that is spoken to in plain HTTP, as Docker does."""


def choose(instance: Instance, variables: Mapping[str, str] = os.environ) -> None:
    """Check and record the existing cluster that `make up` is asked for; nothing where it isn't.

    Before the record is written nothing has been changed, here or there.

    Args:
        instance: of which the cluster becomes part.
        variables: KUBECONFIG, IMAGE_REGISTRY and EMULATOR_ADDRESS; what is absent stays as recorded.

    Raises:
        LocalError: the cluster can't be used, the environment is on another, or something is missing.
    """
    recorded, given = Place.read(instance), asked_for(instance, variables)
    if given is None and recorded is None:
        return
    if recorded is None and (instance.state / "node").exists():
        raise LocalError(
            f"KUBECONFIG names {given}, but this checkout's environment is on the embedded cluster. "
            "Go on with that one by `make up KUBECONFIG=`, or run `make down` first."
        )
    access = _access(given or str(instance.kubeconfig))
    if recorded is not None and access.url != recorded.api_server_url:
        raise LocalError(
            f"KUBECONFIG names the cluster {access.url}, but this checkout's environment is on "
            f"{recorded.api_server_url}. Run `make down` first, or use another clone."
        )
    registry = _registry(variables.get("IMAGE_REGISTRY") or (recorded.registry if recorded else ""))
    client = Client(access)
    try:
        _version(client)
        node_address = _node_address(client)
        Outpost(client, instance).refuse_another_owner()
    except ProviderError as error:
        raise LocalError(str(error)) from error
    address = variables.get("EMULATOR_ADDRESS") or (recorded.emulator_address if recorded else "")
    place = Place(
        api_server_url=access.url,
        node_address=node_address,
        emulator_address=checked_address(address or source_address(access.url)),
        registry=registry,
    )
    if given is not None:
        pin(access, instance.kubeconfig)
    place.write(instance)


class ExistingCluster:
    """The recorded cluster, as the commands see it. It changes nothing there but what it made itself."""

    tools: tuple[Tool, ...] = (Tool.KUBERNETES,)
    packages: tuple[Package, ...] = ()

    def __init__(self, instance: Instance, place: Place) -> None:
        self._instance = instance
        self._place = place
        self._emulator = LoneEmulator(instance, folder(instance) / "emulator", place.emulator_address)

    @property
    def node_address(self) -> str:
        """Where the gateway's node port answers."""
        return self._place.node_address

    @property
    def api_server_url(self) -> str:
        """The Kubernetes API as the kubeconfig names it."""
        return self._place.api_server_url

    @property
    def emulator_url(self) -> str:
        """The AWS emulator on this machine."""
        return self._place.emulator_url

    # Life

    def start(self, progress: Progress) -> None:
        """Run the emulator here and make its name known there.

        Raises:
            LocalError: the cluster doesn't answer or refuses, or the emulator can't run.
        """
        with progress.step("start the AWS emulator"):
            self._emulator.start()
        progress.say(
            f"the AWS emulator is on {self.emulator_url}: the cluster's pods must be able to reach it, and "
            "whoever else reaches that address can use it"
        )
        try:
            outpost = self._outpost
            outpost.refuse_another_owner()
            outpost.ensure(self._place.emulator_address)
        except ProviderError as error:
            raise LocalError(str(error)) from error

    def stop(self, progress: Progress) -> None:
        """End the emulator. The cluster and its pods are not ours to stop."""
        with progress.step("stop the AWS emulator"):
            self._emulator.stop()
        progress.say(f"the pods in {self.api_server_url} are left running; `make down` removes them")

    def destroy(self, progress: Progress) -> None:
        """Remove the emulator with all it stored, and its name from the cluster.

        Raises:
            LocalError: the cluster can't be asked, or the name's namespace does not go.
        """
        with progress.step("remove the AWS emulator"):
            try:
                self._outpost.remove()
            except ProviderError as error:
                raise LocalError(str(error)) from error
            self._emulator.destroy()

    def leftovers(self) -> list[str]:
        """What is still here of the emulator; that its name is gone from the cluster, `destroy` saw."""
        return self._emulator.leftovers()

    # Questions

    def health(self) -> list[ProcessHealth]:
        """The API server, and the emulator."""
        try:
            self._client.request("GET", "/version")
            fault = ""
        except ProviderError as error:
            fault = str(error)
        emulator = self._emulator.fault()
        return [
            ProcessHealth("emulator", healthy=not emulator, detail=emulator),
            ProcessHealth("kubernetes", healthy=not fault, detail=fault),
        ]

    def lost(self) -> list[str]:
        """What the emulator forgot since `accept_losses` was last called; empty when nothing."""
        return self._emulator.memory.lost()

    def accept_losses(self) -> None:
        """Note that what the emulator forgot has been rebuilt."""
        self._emulator.memory.accept()

    def versions(self) -> dict[str, str]:
        """The cluster's version."""
        try:
            return {"kubernetes": str(self._client.request("GET", "/version").get("gitVersion", "unknown"))}
        except ProviderError:
            return {"kubernetes": "unknown"}

    def workload_pods(self) -> list[str]:
        """`namespace/name` of every pod in the stack's namespaces; other namespaces are not ours.

        Raises:
            LocalError: the API server could not be asked.
        """
        try:
            namespaces = self._client.request("GET", "/api/v1/namespaces", {"labelSelector": PART_OF})
            names = [entry["metadata"]["name"] for entry in namespaces["items"]]
            return [
                f"{name}/{pod['metadata']['name']}"
                for name in names
                for pod in self._client.request("GET", f"/api/v1/namespaces/{name}/pods")["items"]
            ]
        except ProviderError as error:
            raise LocalError(f"The pods can't be listed: {error}") from error

    # Images

    def provide(self, images: Mapping[ImageName, BuiltImage], progress: Progress) -> dict[ImageName, str]:
        """Push the images that the registry has not yet; see that nodes pull and that pods reach us.

        Raises:
            LocalError: nothing here can push, the registry refused, or the cluster can't use what it has.
        """
        registry = self._place.registry
        tls = not LOOPBACK_REGISTRY.fullmatch(registry)
        record = PushRecord(folder(self._instance) / "pushed.json", tls=tls)
        held = {name: record.held(image.reference, registry) for name, image in images.items()}
        references = {name: reference for name, reference in held.items() if reference}
        missing = [image for name, image in images.items() if name not in references]
        if missing:
            references |= push(missing, registry, self._instance.cache, progress, verify_tls=tls)
            record.note({images[name].reference: reference for name, reference in references.items()})
        with progress.step("see whether the cluster's pods reach the AWS emulator"):
            try:
                prove_reach(self._client, references[ImageName.SERVING], self._place.emulator_address)
            except ProviderError as error:
                raise LocalError(str(error)) from error
        return references

    def collect_images(self, keep: Iterable[str], progress: Progress) -> None:
        """Nothing: the cluster's nodes do that by themselves, and can pull again."""

    # Inside

    @cached_property
    def _client(self) -> Client:
        return Client(_access(str(self._instance.kubeconfig)))

    @property
    def _outpost(self) -> Outpost:
        return Outpost(self._client, self._instance)


def _access(path: str) -> kubeconfig.Cluster:
    try:
        return kubeconfig.load(path)
    except ProviderError as error:
        raise LocalError(str(error)) from error


def _registry(name: str) -> str:
    if not name:
        raise LocalError(
            "An existing cluster pulls the images, and no registry is named from which it could. Give one "
            "that you can push to: `make up KUBECONFIG=... IMAGE_REGISTRY=host[:port]/prefix`; or leave "
            "KUBECONFIG out (`make up KUBECONFIG=`) to use the embedded cluster as root."
        )
    if not REGISTRY.fullmatch(name):
        raise LocalError(
            f"IMAGE_REGISTRY is {name!r}, which can't be part of an image's name. Give host, port and path "
            "only, in lower case and without https://, as in registry.example.org:5000/team."
        )
    return name


def _version(client: Client) -> None:
    found = client.request("GET", "/version")
    numbers = [re.match(r"[0-9]+", str(found.get(part, ""))) for part in ("major", "minor")]
    version = tuple(int(number[0]) for number in numbers if number)
    if len(version) != len(numbers) or version < MINIMUM_VERSION:
        raise LocalError(
            f"{client.cluster.url} runs Kubernetes {found.get('gitVersion', 'of an unknown version')}; "
            f"Plinth needs {'.'.join(map(str, MINIMUM_VERSION))} or later. Upgrade, or use another cluster."
        )


def _node_address(client: Client) -> str:
    """An address where a node port answers: the internal one of a ready node, else the external one."""
    nodes: list[dict[str, Any]] = client.request("GET", "/api/v1/nodes")["items"]
    ready = [node for node in nodes if _is_ready(node)]
    for kind in ("InternalIP", "ExternalIP"):
        for node in ready:
            for entry in node.get("status", {}).get("addresses", []):
                if entry["type"] == kind:
                    return str(entry["address"])
    raise LocalError(
        f"None of the {len(nodes)} nodes of {client.cluster.url} is ready and has an address. "
        "`kubectl get nodes` shows why; run `make up` again when one is."
    )


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
