"""The embedded node: a single-node Kubernetes and an AWS emulator on a machine made of namespaces."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from local.cluster.api import Api, ApiError
from local.cluster.binaries import Binaries, Toolchain, installed
from local.cluster.certificates import Certificates
from local.cluster.cluster import ProcessHealth
from local.cluster.images import Image, Images
from local.cluster.layout import ISSUER, Layout
from local.cluster.machine import Machine
from local.cluster.preparation import PROGRAM_NAMES, Preparation
from local.cluster.readiness import Readiness
from local.cluster.recollection import Recollection
from local.cluster.services import EMULATOR_STOP_SECONDS
from local.cluster.used_images import used_images
from local.errors import LocalError
from local.supervision.control import RUNNING, STARTING, ProcessState, Supervisor
from local.toolchain import NODE_TOOLS, Tool, debian

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from local.images.names import BuiltImage, ImageName
    from local.instance import Instance
    from local.progress import Progress

READY_SECONDS = 90.0
"""Limit for each part of the node to answer."""
KUBELET_SECONDS = 10.0
"""Time for the kubelet to end; it has nothing to put away."""
ETCD_SECONDS = 5.0
"""Time for etcd to end; it is killed after one second (see its program)."""


class Node:
    """One instance's node. Every method may be called at any time, in whichever state the node is."""

    issuer = ISSUER
    """OIDC issuer of the cluster's service-account tokens."""

    tools: tuple[Tool, ...] = NODE_TOOLS
    packages: tuple[debian.Package, ...] = debian.NODE

    def __init__(self, instance: Instance, toolchain: Toolchain) -> None:
        self._instance = instance
        self._layout = Layout(instance)
        self._binaries = Binaries(toolchain)
        self._certificates = Certificates(self._layout.pki)
        self._preparation = Preparation(self._layout, self._certificates, self._binaries)
        self._machine = Machine(self._layout)
        self._supervisor = Supervisor(self._layout.supervisor_socket)
        self._api = Api(instance, self._certificates)
        self._recollection = Recollection(instance.emulator_url, self._layout.root)
        self._readiness = Readiness(self._layout, self._api, self._recollection)

    @property
    def node_address(self) -> str:
        """Where its node ports answer."""
        return self._instance.node_address

    @property
    def api_server_url(self) -> str:
        """The Kubernetes API as the host reaches it."""
        return self._instance.api_server_url

    @property
    def emulator_url(self) -> str:
        """The AWS emulator as the host reaches it."""
        return self._instance.emulator_url

    # Life

    def start(self, progress: Progress) -> None:
        """Bring the node up, or repair it, and return when it is ready.

        Raises:
            LocalError: this machine can't run it, or a part did not become ready.
        """
        if os.geteuid() != 0:
            raise LocalError(
                f"The embedded node needs root, and this is user {os.geteuid()}. Run `sudo make up`, or use "
                "a cluster that you have: `make up KUBECONFIG=/path/to/kubeconfig`."
            )
        self._binaries.require()
        with progress.step("start the node", then="wait until it is ready"):
            self._preparation.write()
            fingerprint = self._preparation.fingerprint()
            record = self._machine.running()
            if record is not None and record.fingerprint != fingerprint:
                progress.say("the running node has another configuration: it is restarted")
                self._end()
                record = None
            if record is None:
                self._machine.clean()
                command = (
                    sys.executable,
                    "-m",
                    "supervisor.supervisord",
                    "-c",
                    str(self._preparation.supervisor_file),
                )
                self._machine.start(command, fingerprint)
            self._start_stopped()
            self._images.load(self._preparation.pause_archive, self._preparation.pause)
        self.ready(progress)

    def stop(self, progress: Progress) -> None:
        """End every process of the node, pods included, and keep everything that it has stored."""
        if self._machine.running() is None:
            self._machine.clean()
            return
        with progress.step("stop the node"):
            self._end()

    def destroy(self, progress: Progress) -> None:
        """End every process and remove everything that the node has stored."""
        with progress.step("destroy the node"):
            self._machine.clean()
            self._machine.forget()
            shutil.rmtree(self._layout.root, ignore_errors=True)
            self._instance.kubeconfig.unlink(missing_ok=True)
            if self._layout.root.exists():
                raise LocalError(
                    f"{self._layout.root} can't be removed. Something still writes there; look with lsof."
                )

    def leftovers(self) -> list[str]:
        """What a destroyed node still holds: processes, namespaces, interface, mounts, cgroups, folders."""
        found = self._machine.leftovers()
        return [*found, f"folder {self._layout.root}"] if self._layout.root.exists() else found

    def ready(self, progress: Progress, timeout: float = READY_SECONDS) -> None:
        """Wait until API server, node, DNS and emulator answer, `timeout` seconds for each.

        Raises:
            LocalError: one did not; names it, says for how long and why, with its log's last lines.
        """
        record = self._machine.running()
        if record is None:
            raise LocalError(f"The node of {self._instance.name} does not run. `make up` starts it.")
        with progress.step("wait until the node is ready"):
            self._readiness.wait(timeout, since=record.created)

    # Questions

    def programs(self) -> list[ProcessState]:
        """What the supervisor says of each program; empty when it does not answer."""
        return self._supervisor.processes()

    def health(self) -> list[ProcessHealth]:
        """Every program of the node, whether it runs or not."""
        states = {state.name: state for state in self.programs()}
        probes = {
            "kube-apiserver": self._readiness.api_server,
            "emulator": self._readiness.emulator,
            "coredns": self._readiness.dns,
            "kubelet": self._readiness.node,
        }
        found = []
        for name in PROGRAM_NAMES:
            state = states.get(name)
            if state is None:
                found.append(ProcessHealth(name, healthy=False, detail="not running"))
                continue
            if state.state not in {RUNNING, STARTING}:
                found.append(ProcessHealth(name, healthy=False, detail=f"{state.state}: {state.detail}"))
                continue
            fault = probes[name]() if name in probes else ""
            detail = fault or f"running for {state.seconds} s"
            found.append(ProcessHealth(name, healthy=not fault and state.state == RUNNING, detail=detail))
        return found

    def lost(self) -> list[str]:
        """What the emulator forgot since `accept_losses` was last called; empty when nothing."""
        return self._recollection.lost()

    def accept_losses(self) -> None:
        """Note that what the emulator forgot has been rebuilt."""
        self._recollection.accept()

    def versions(self) -> dict[str, str]:
        """Versions of what the node runs."""
        commands = {
            "kubernetes": (self._binaries.kubernetes("kubelet"), "--version"),
            "containerd": (self._binaries.containerd, "--version"),
            "etcd": (self._binaries.etcd, "--version"),
            "coredns": (self._binaries.coredns, "-version"),
        }
        return {name: _version(*command) for name, command in commands.items()}

    def workload_pods(self) -> list[str]:
        """`namespace/name` of every pod that the API server knows.

        Raises:
            LocalError: it could not be asked.
        """
        try:
            pods = self._api.get("/api/v1/pods")["items"]
        except ApiError as error:
            raise LocalError(f"The pods can't be listed: {error}. `make up` starts the node.") from error
        return [f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in pods]

    def enter(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside the node, for tests and for finding out what is wrong.

        Raises:
            LocalError: the node does not run.
        """
        record = self._machine.running()
        if record is None:
            raise LocalError(f"The node of {self._instance.name} does not run. `make up` starts it.")
        nsenter = str(installed("nsenter", "util-linux"))
        return subprocess.run(  # noqa: S603 - the caller's own words
            [nsenter, "--target", str(record.pid), "--mount", "--uts", "--ipc", "--net", "--pid", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    # Images

    def provide(self, images: Mapping[ImageName, BuiltImage], progress: Progress) -> dict[ImageName, str]:
        """Load images into the node; they keep their references.

        Raises:
            LocalError: an import failed.
        """
        with progress.step("load images into the node"):
            for image in images.values():
                self.import_image(image.archive, image.reference)
        return {name: image.reference for name, image in images.items()}

    def import_image(self, oci_archive: Path, reference: str) -> bool:
        """Load an image so that a pod may use `reference` with pull policy Never; False if it is there.

        Raises:
            LocalError: the import failed, or the archive holds another image.
        """
        return self._images.load(oci_archive, reference)

    def images(self) -> list[Image]:
        """Every image in the node."""
        return self._images.all()

    def collect_images(self, keep: Iterable[str], progress: Progress) -> None:
        """Remove what neither `keep` nor anything in the cluster nor the node itself names.

        The kubelet must not do it, as images can't be pulled again; each edit of the application would leave
        one more. A failure is only told: everything is up, and the next time is as good.
        """
        try:
            removed = self._images.collect([*keep, *used_images(self._api), self._preparation.pause])
        except (ApiError, LocalError) as error:
            progress.say(f"warning: images that nothing uses any more stay in the node for now: {error}")
            return
        if removed:
            progress.say(f"removed from the node, as nothing uses them any more: {', '.join(removed)}")

    # Inside

    @property
    def _images(self) -> Images:
        return Images(self._binaries.ctr, self._layout.containerd_socket)

    def _start_stopped(self) -> None:
        """Programs that an interrupted stop left stopped in a machine that still runs."""
        states = {state.name: state.state for state in self._supervisor.processes()}
        names = [name for name in PROGRAM_NAMES if states.get(name) in {"STOPPED", "EXITED"}]
        if names:
            self._supervisor.start(*names)

    def _end(self) -> None:
        record = self._machine.running()
        if record is not None:
            # First the kubelet, or it would start again what ends; last etcd, which the others write to.
            self._supervisor.stop("kubelet", seconds=KUBELET_SECONDS)
            self._machine.end_pods()
            others = (name for name in PROGRAM_NAMES if name != "etcd")
            self._supervisor.stop(*others, seconds=EMULATOR_STOP_SECONDS)
            self._supervisor.stop("etcd", seconds=ETCD_SECONDS)
            states = self.programs()
            if not states or any(state.pid for state in states):
                self._machine.end(record)  # no supervisor, or one that could not: its own end comes first
            self._machine.clean()


def _version(*command: Path | str) -> str:
    result = subprocess.run(  # noqa: S603 - the node's own programs
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=10
    )
    lines = result.stdout.splitlines() or ["unknown"]
    words = lines[0].replace("CoreDNS-", "").replace(",", " ").split()
    return next((word for word in words if word[-1:].isdigit() or "~" in word), lines[0])
