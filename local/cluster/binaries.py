"""The programs of a node: ours from the toolchain, the rest from the machine's packages."""

from __future__ import annotations

import os
import shutil
from functools import cached_property
from pathlib import Path
from typing import Protocol

from local.errors import LocalError

ADMINISTRATOR_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""A shell without these in PATH still has the programs."""

CNI_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni")
"""Where Debian, everybody else, and Fedora keep CNI plugins."""
CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")


class Toolchain(Protocol):
    """What a node asks of `local.toolchain.Toolchain`."""

    def binary(self, name: str) -> Path:
        """A program by the name it is called by."""
        ...


class Binaries:
    """Paths of everything that a node starts."""

    def __init__(self, toolchain: Toolchain) -> None:
        self._toolchain = toolchain

    def kubernetes(self, name: str) -> Path:
        """`kube-apiserver`, `kubelet`, ..."""
        return self._toolchain.binary(name)

    @cached_property
    def coredns(self) -> Path:
        """The DNS server."""
        return self._toolchain.binary("coredns")

    @cached_property
    def pause(self) -> Path:
        """The process that holds a pod's namespaces."""
        return self._toolchain.binary("pause")

    @cached_property
    def etcd(self) -> Path:
        """The cluster's database."""
        return installed("etcd", "etcd-server")

    @cached_property
    def containerd(self) -> Path:
        """The container runtime."""
        return installed("containerd", "containerd")

    @cached_property
    def ctr(self) -> Path:
        """Containerd's own client."""
        return installed("ctr", "containerd")

    @cached_property
    def runc(self) -> Path:
        """What makes containers."""
        return installed("runc", "runc")

    @cached_property
    def cni(self) -> Path:
        """Folder of the CNI plugins."""
        for folder in CNI_FOLDERS:
            if all((Path(folder) / plugin).exists() for plugin in CNI_PLUGINS):
                return Path(folder)
        raise LocalError(
            f"The CNI plugins {', '.join(CNI_PLUGINS)} are in none of {', '.join(CNI_FOLDERS)}. "
            "Install containernetworking-plugins."
        )

    def require(self) -> None:
        """Ask for everything once, so that a missing program is told before anything is started.

        Raises:
            LocalError: a program is missing; names the package.
        """
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet"):
            self.kubernetes(name)
        _ = (self.coredns, self.pause, self.etcd, self.containerd, self.ctr, self.runc, self.cni)
        node_path()


MACHINE_PROGRAMS = {
    "conntrack": "conntrack",
    "ip": "iproute2",
    "iptables": "iptables",
    "mount": "mount",
    "nsenter": "util-linux",
}
"""What the node's programs call by name, with Debian's package."""


def node_path() -> str:
    """PATH inside the node: the same from whichever shell it is started."""
    folders = ADMINISTRATOR_FOLDERS.split(":")
    for name, package in MACHINE_PROGRAMS.items():
        folder = str(installed(name, package).parent)
        if folder not in folders:
            folders.append(folder)
    return ":".join(folders)


def search_path() -> str:
    """Where programs of the machine are looked for."""
    return f"{ADMINISTRATOR_FOLDERS}:{os.environ.get('PATH', '')}".rstrip(":")


def installed(name: str, package: str) -> Path:
    """A program of the machine.

    Raises:
        LocalError: it is not there.
    """
    found = shutil.which(name, path=search_path())
    if found is None:
        raise LocalError(f"`{name}` is not installed. Install the package {package} (Debian's name for it).")
    return Path(found)
