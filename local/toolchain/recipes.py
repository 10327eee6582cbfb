"""What each tool is built from, and which installed one is as good."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping

MODULES = Path(__file__).resolve().parent / "modules"

SYSTEM = platform.system().lower()
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())

FLAGS = ("-mod=readonly", "-buildvcs=false", "-trimpath", "-gcflags=all=-dwarf=false")
"""Given to every build in place of the user's GOFLAGS, so that equal sources make equal programs.

The compiler need not write what a debugger reads: the linker would leave it out.
"""


class Tool(StrEnum):
    """What can be asked of the toolchain; the value names its folder under modules/ and in the cache."""

    PULUMI = "pulumi"
    HELM = "helm"
    KUBERNETES = "kubernetes"
    KUBECTL = "kubectl"
    COREDNS = "coredns"
    ENVOY_GATEWAY = "envoy_gateway"
    PAUSE = "pause"
    KWOK = "kwok"
    KUBECONFORM = "kubeconform"
    KUBE_SCORE = "kube_score"


@dataclass(frozen=True)
class Installed:
    """Which program on PATH does as well as one that we would build.

    Attributes:
        arguments: make the program print its version.
        minimum: the oldest accepted major and minor version; a newer major is not accepted.
    """

    arguments: tuple[str, ...]
    minimum: tuple[int, int]

    def accepts(self, version: tuple[int, int, int]) -> bool:
        """Whether a program of this version is compatible."""
        return version[0] == self.minimum[0] and version[:2] >= self.minimum


@dataclass(frozen=True)
class Chart:
    """A Helm chart that a module carries beside its program.

    Attributes:
        folder: where the chart lies in the module.
        placeholders: what `values.tmpl.yaml` leaves open, with `{version}` for the module's version.
        published: where its project publishes the same chart, `oci://registry/chart@version` or
            `https://repository/chart@version`, with `{version}` for the module's; empty if nowhere. A
            rehearsal takes this one in its place.
    """

    folder: str
    placeholders: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    published: str = ""


@dataclass(frozen=True)
class Recipe:
    """How one tool is built.

    Attributes:
        tool: which one; its folder under modules/ has the go.mod and go.sum.
        binary: what the built file is called.
        package: the Go package, or "." for a main.go of our own in the folder.
        module: the module whose required version is the tool's version; empty for a program of our own.
        own_version: the version of a program of our own.
        stamps: Go string variables to set, with `{version}`, `{major}`, `{minor}` and `{patch}` of the tool.
        links: further names that the program is called by.
        installed: which program on PATH is accepted instead; None if always our own.
        charts: Helm charts of the module, by the name they are asked for.
    """

    tool: Tool
    binary: str
    package: str = "."
    module: str = ""
    own_version: str = ""
    stamps: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    links: tuple[str, ...] = ()
    installed: Installed | None = None
    charts: Mapping[str, Chart] = field(default_factory=lambda: MappingProxyType({}))
    modules: Path = MODULES

    @property
    def folder(self) -> Path:
        """Where go.mod lies."""
        return self.modules / self.tool

    @cached_property
    def version(self) -> str:
        """The tool's version as go.mod requires it, such as `v1.36.1`.

        Raises:
            LocalError: go.mod doesn't require the module.
        """
        if not self.module:
            return self.own_version
        return _required(self.folder / "go.mod", rf"{re.escape(self.module)}\s+(v\S+)", self.module)

    @cached_property
    def go_version(self) -> tuple[int, int, int]:
        """The oldest Go that go.mod accepts."""
        return parse_version(_required(self.folder / "go.mod", r"go\s+(\S+)", "go"))

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a caller may ask for."""
        return self.links or (self.binary,)

    @property
    def link_flags(self) -> str:
        """Flags for Go's linker: no debugging tables, and the version where the program keeps it."""
        major, minor, patch = parse_version(self.version)
        stamps = (
            f"-X {name}={value.format(version=self.version, major=major, minor=minor, patch=patch)}"
            for name, value in sorted(self.stamps.items())
        )
        return " ".join(("-s", "-w", *stamps))

    @cached_property
    def key(self) -> str:
        """Digest of everything that decides what the build gives, 12 hexadecimal digits.

        Go's own version is left out on purpose: a newer compiler is no reason to build again.
        """
        sources = sorted(
            file
            for file in self.folder.iterdir()
            if file.suffix == ".go" or file.name in {"go.mod", "go.sum"}
        )
        charts = {
            name: [chart.folder, dict(chart.placeholders)] for name, chart in sorted(self.charts.items())
        }
        parts = [
            self.binary,
            self.package,
            self.version,
            self.link_flags,
            FLAGS,
            self.links,
            charts,
            SYSTEM,
            MACHINE,
            [(file.name, file.read_text()) for file in sources],
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _required(file: Path, pattern: str, wanted: str) -> str:
    found = re.search(rf"^\s*(?:require\s+)?{pattern}\s*(?://.*)?$", file.read_text(), re.MULTILINE)
    if found is None:
        raise LocalError(f"{file} has no line for {wanted!r}, which the tool's version comes from.")
    return found[1]


def parse_version(text: str) -> tuple[int, int, int]:
    """The first version in a text: `v1.36.1`, `go1.26`, `Python 3.11.7`.

    Raises:
        LocalError: there is none.
    """
    found = re.search(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", text)
    if found is None:
        raise LocalError(f"{text.strip()[:200]!r} holds no version.")
    return (int(found[1]), int(found[2] or 0), int(found[3] or 0))


KUBERNETES_VERSION = "k8s.io/component-base/version"

RECIPES: Mapping[Tool, Recipe] = MappingProxyType(
    {
        recipe.tool: recipe
        for recipe in (
            Recipe(
                tool=Tool.PULUMI,
                binary="pulumi",
                package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
                module="github.com/pulumi/pulumi/pkg/v3",
                stamps={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "{version}"},
                installed=Installed(arguments=("version",), minimum=(3, 259)),
            ),
            Recipe(
                tool=Tool.HELM,
                binary="helm",
                package="helm.sh/helm/v3/cmd/helm",
                module="helm.sh/helm/v3",
                stamps={"helm.sh/helm/v3/internal/version.version": "{version}"},
                # 3.8 is the first that reads charts by digest from a registry without a switch.
                installed=Installed(arguments=("version", "--short"), minimum=(3, 8)),
            ),
            Recipe(
                tool=Tool.KUBERNETES,
                binary="kubernetes",
                module="k8s.io/kubernetes",
                stamps={
                    f"{KUBERNETES_VERSION}.gitVersion": "{version}",
                    f"{KUBERNETES_VERSION}.gitMajor": "{major}",
                    f"{KUBERNETES_VERSION}.gitMinor": "{minor}",
                    f"{KUBERNETES_VERSION}.gitTreeState": "clean",
                },
                links=(
                    "kube-apiserver",
                    "kube-controller-manager",
                    "kube-proxy",
                    "kube-scheduler",
                    "kubectl",
                    "kubelet",
                ),
            ),
            Recipe(
                tool=Tool.KUBECTL,
                binary="kubectl",
                module="k8s.io/kubectl",
                # Kubernetes' libraries count v0.36.1 where its programs count v1.36.1.
                stamps={f"{KUBERNETES_VERSION}.gitVersion": "v1.{minor}.{patch}"},
                # kubectl serves API servers one minor older to one newer.
                installed=Installed(arguments=("version", "--client"), minimum=(1, 35)),
            ),
            Recipe(
                tool=Tool.COREDNS,
                binary="coredns",
                module="github.com/coredns/coredns",
            ),
            Recipe(
                tool=Tool.ENVOY_GATEWAY,
                binary="envoy-gateway",
                package="github.com/envoyproxy/gateway/cmd/envoy-gateway",
                module="github.com/envoyproxy/gateway",
                stamps={
                    "github.com/envoyproxy/gateway/internal/cmd/version.envoyGatewayVersion": "{version}"
                },
                charts={
                    "envoy-gateway": Chart(
                        folder="charts/gateway-helm",
                        published="oci://docker.io/envoyproxy/gateway-helm@{version}",
                        placeholders={
                            "GatewayImage": "docker.io/envoyproxy/gateway:{version}",
                            "GatewayImagePullPolicy": "IfNotPresent",
                        },
                    )
                },
            ),
            Recipe(
                tool=Tool.PAUSE,
                binary="pause",
                own_version="v1.0.0",
                stamps={"main.version": "{version}"},
            ),
            Recipe(
                tool=Tool.KWOK,
                binary="kwok",
                package="sigs.k8s.io/kwok/cmd/kwok",
                module="sigs.k8s.io/kwok",
                stamps={"sigs.k8s.io/kwok/pkg/consts.Version": "{version}"},
            ),
            Recipe(
                tool=Tool.KUBECONFORM,
                binary="kubeconform",
                package="github.com/yannh/kubeconform/cmd/kubeconform",
                module="github.com/yannh/kubeconform",
                stamps={"main.version": "{version}"},
            ),
            Recipe(
                tool=Tool.KUBE_SCORE,
                binary="kube-score",
                package="github.com/zegl/kube-score/cmd/kube-score",
                module="github.com/zegl/kube-score",
                stamps={"main.version": "{version}"},
            ),
        )
    }
)
