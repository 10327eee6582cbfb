"""Everything that lies on disk before the node starts, and a digest of it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.cluster.binaries import node_path
from local.cluster.certificates import leaves
from local.cluster.control_plane import ControlPlane
from local.cluster.kubeconfigs import write_kubeconfigs
from local.cluster.pause import pack_pause
from local.cluster.services import Services
from local.cluster.worker import Worker
from local.storage import is_unfinished, write_atomically
from local.supervision.program import supervisor_configuration

if TYPE_CHECKING:
    from local.cluster.binaries import Binaries
    from local.cluster.certificates import Certificates
    from local.cluster.layout import Layout
    from local.supervision.program import Program

PROGRAM_NAMES = (
    "emulator",
    "etcd",
    "containerd",
    "kube-apiserver",
    "kubelet",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "coredns",
)
"""In the order in which they start: first what waits for nothing, then what the others wait for longest."""

SOURCES = ("cluster/init.py", "supervision/launch.py", "emulator")
"""Code that runs inside the node; when it changes, a running node is not the one that was asked for."""


class Preparation:
    """Writes certificates, configuration files and the pause image of one node."""

    def __init__(self, layout: Layout, certificates: Certificates, binaries: Binaries) -> None:
        self._layout = layout
        self._certificates = certificates
        self._binaries = binaries

    @property
    def supervisor_file(self) -> Path:
        """The supervisor's configuration."""
        return self._layout.configuration / "supervisord.conf"

    @property
    def pause_archive(self) -> Path:
        """The image of the pods' first process."""
        return self._layout.root / "pause.tar"

    @property
    def pause(self) -> str:
        """Its full reference, once written."""
        return (self._layout.root / "pause.reference").read_text()

    def write(self) -> tuple[Program, ...]:
        """Write everything; what is right already stays as it is.

        Returns:
            The programs, in the order in which they start.
        """
        layout = self._layout
        layout.make()
        self._certificates.ensure(leaves(layout.instance))
        write_kubeconfigs(layout, self._certificates)
        pause = pack_pause(self._binaries.pause, self.pause_archive)
        write_atomically(layout.root / "pause.reference", pause)
        parts = (
            ControlPlane(layout, self._certificates, self._binaries),
            Worker(layout, self._certificates, self._binaries, sandbox_image=pause),
            Services(layout, self._binaries),
        )
        for part in parts:
            part.write()
        programs = [program for part in parts for program in part.programs()]
        programs.sort(key=lambda program: PROGRAM_NAMES.index(program.name))
        text = supervisor_configuration(
            programs,
            socket=layout.supervisor_socket,
            folder=layout.instance.run,
            logs=layout.instance.logs,
            path=node_path(),
        )
        write_atomically(self.supervisor_file, text, mode=0o600)
        return tuple(programs)

    def fingerprint(self) -> str:
        """Digest of everything that a running node depends on."""
        digest = hashlib.sha256(sys.executable.encode())
        package = Path(__file__).resolve().parent.parent
        roots = [package / source for source in SOURCES]
        roots += [self._layout.pki, self._layout.configuration, self._layout.kubeconfigs]
        for root in roots:
            files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
            for file in files:
                if file.suffix != ".pyc" and file.name != "machine.json" and not is_unfinished(file):
                    digest.update(f"{file}\0".encode() + file.read_bytes())
        return digest.hexdigest()
