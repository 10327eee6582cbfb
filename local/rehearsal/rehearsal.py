"""One environment on throwaway emulators, driven by the real engine."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from local.engine.environment import environment as engine_environment
from local.engine.install import install
from local.engine.kubernetes.helm.mirror import VARIABLE as MIRROR_VARIABLE
from local.errors import LocalError
from local.instance import Instance
from local.rehearsal.gateways import GatewayController
from local.rehearsal.ground import Ground
from local.rehearsal.processes import LOOPBACK
from local.rehearsal.project import Project, project
from local.stack import Stack
from local.storage import link
from local.toolchain import Tool, ensure
from local.toolchain.recipes import RECIPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from local.progress import Progress
    from local.rehearsal.kubernetes import Kubernetes
    from local.toolchain import Toolchain

TOOLS = (Tool.KUBERNETES, Tool.PULUMI, Tool.HELM, Tool.ENVOY_GATEWAY, Tool.KWOK)
"""In the order in which they are built where they are missing, the longest first."""

COMMANDS = ("helm", "kubectl")
PREVIEW_SECONDS = 600.0
ERROR = "error: "
"""What the engine puts before the reason of a failure."""
TRACEBACK = "Traceback "
TRACED_LINES = 12
"""How much is told of what a program raised: the last calls, and the exception's own words."""

RELEASE = "kubernetes:helm.sh/v3:Release"


@dataclass(frozen=True)
class Preview:
    """What the engine would do.

    Attributes:
        status: 0 if it may go ahead; anything else if the program, a provider or a policy refuses.
        plan: the engine's JSON: `steps`, `diagnostics`, `changeSummary`; empty if it gave none.
        output: standard output and error, as a person would read them.
    """

    status: int
    plan: dict[str, Any]
    output: str

    @property
    def errors(self) -> list[str]:
        """What the engine, the program, a provider or a policy says against it, each with its resource."""
        return [
            f"  {str(entry.get('urn', '')).rpartition('::')[2]} {entry['message'].strip()}"
            for entry in self.plan.get("diagnostics") or []
            if entry.get("severity") == "error"
        ]


class Rehearsal:
    """An environment's stack on a ground of its own.

    Attributes:
        project: the throwaway copy of program, config and release; change it to see the effect.
        ground: the emulators.
        stack: the engine's commands.
        variables: environment variables under which `pulumi`, `helm`, `kubectl` and AWS clients work on it.
        cluster: the API server as its administrator.
        progress: where steps are told.
    """

    def __init__(self, project: Project, ground: Ground, toolchain: Toolchain, progress: Progress) -> None:
        self.project = project
        self.ground = ground
        self.progress = progress
        self.cluster: Kubernetes = ground.cluster()
        self._instance = project.instance(Instance.of_checkout().cache)
        self._toolchain = toolchain
        self._mirror = project.folder / "charts.json"
        self.variables = {
            **engine_environment(self._instance, ground.emulator_url, LOOPBACK),
            "AWS_REGION": project.surroundings().region,
            "AWS_DEFAULT_REGION": project.surroundings().region,
            "KUBECONFIG": str(ground.kubeconfig),
            # The copy of the program, instead of the one that is installed in the virtual environment.
            "PYTHONPATH": str(project.root),
            MIRROR_VARIABLE: str(self._mirror),
            "HELM_CACHE_HOME": str(project.folder / "helm" / "cache"),
            "HELM_CONFIG_HOME": str(project.folder / "helm" / "config"),
            "HELM_DATA_HOME": str(project.folder / "helm" / "data"),
            # The engine writes the whole state before and after each step, so that a killed update can be
            # taken up again; a killed rehearsal never is.
            "PULUMI_SKIP_CHECKPOINTS": "true",
            # Whatever a killed engine, provider or Helm leaves there goes with the rehearsal.
            "TMPDIR": str(ground.scratch),
        }
        self.stack = Stack(self._instance, self.variables, project.stack)

    def prepare(self) -> None:
        """Give the engine its plugins and an empty stack."""
        install(self._instance, self._toolchain.path(Tool.PULUMI))
        for tool in COMMANDS:
            link(self._instance.bin / tool, self._toolchain.binary(tool))
        self._mirror_charts()
        self.stack.prepare()

    def _mirror_charts(self) -> None:
        """Put the charts that the toolchain carries in place of those that their projects publish."""
        mirror = {}
        for recipe in (RECIPES[tool] for tool in TOOLS):
            for name, chart in recipe.charts.items():
                folder = self._toolchain.chart(name, self._instance.charts / name)
                if chart.published:
                    mirror[chart.published.format(version=recipe.version)] = str(folder)
        self._mirror.write_text(json.dumps(mirror))

    def preview(self, *arguments: str) -> Preview:
        """What an update would do now; nothing is changed.

        Args:
            arguments: more words for `pulumi preview`, such as `--policy-pack`, or `--refresh`.
        """
        result = self.stack.attempt(
            "preview", "--json", "--stack", self.stack.name, *arguments, timeout=PREVIEW_SECONDS
        )
        try:
            plan = json.loads(result.stdout)
        except ValueError:
            plan = {}
        return Preview(result.returncode, plan, f"{result.stdout}\n{result.stderr}")

    def bring_up(self, name: str = "bring everything up", *, refresh: bool = False) -> dict[str, int]:
        """Make it so; give the changes by operation.

        Args:
            name: of the step, as it is told.
            refresh: look at the world first.

        Raises:
            LocalError: the engine refused or failed.
        """
        try:
            return dict(self.stack.up(self.progress, name, refresh=refresh))
        except LocalError as error:
            raise LocalError(f"{name} failed:\n{self._reasons() or error}") from error

    def _reasons(self) -> str:
        """What the engine's log calls an error; the log itself goes with the rehearsal."""
        try:
            lines = (self._instance.logs / "pulumi.log").read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line}" for line in reasons(lines))

    def state(self) -> dict[str, Any]:
        """The resolved state as `pulumi stack export` gives it."""
        return self.stack.export()

    def write_state(self) -> str:
        """The same in a file of the rehearsal's folder; give its path."""
        path = self.project.folder / "state.json"
        path.write_text(json.dumps(self.state()))
        return str(path)

    def manifests(self) -> list[dict[str, Any]]:
        """Every Kubernetes object as it was declared, those of Helm charts as Helm rendered them included."""
        found = []
        for resource in self.stack.resources():
            if resource["type"] == RELEASE:
                found += self._rendered(resource["id"])
            elif resource["type"].startswith("kubernetes:"):
                found.append(dict(resource["inputs"]))
        return found

    def _rendered(self, identity: str) -> list[dict[str, Any]]:
        namespace, _, name = identity.rpartition("/")
        helm = str(self._instance.bin / "helm")
        text = ""
        for part in ("manifest", "hooks"):
            text += f"---\n{self._run(helm, 'get', part, name, '--namespace', namespace)}\n"
        return [thing for thing in yaml.safe_load_all(text) if isinstance(thing, dict)]

    def _run(self, *command: str) -> str:
        result = subprocess.run(  # noqa: S603 - our own words
            command,
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if result.returncode != 0:
            raise LocalError(f"`{' '.join(command)}` failed: {result.stderr.strip()}")
        return result.stdout


def reasons(lines: Sequence[str]) -> list[str]:
    """Lines of an engine's log that tell an error, each once; the program's own with what it raised."""
    told: dict[str, None] = {}
    for place, line in enumerate(lines):
        if ERROR not in line:
            continue
        told[line.strip()] = None
        if TRACEBACK in "".join(lines[place + 1 : place + 2]):
            traced = list(itertools.takewhile(str.strip, lines[place + 1 :]))
            told |= dict.fromkeys(text.strip() for text in traced[-TRACED_LINES:])
    return list(told)


@contextlib.contextmanager
def rehearsing(stack: str, progress: Progress) -> Iterator[Rehearsal]:
    """A rehearsal's ground with an empty stack on it, gone at the end, however that comes.

    Args:
        stack: name of the environment.
        progress: where steps are told.

    Raises:
        LocalError: the environment's files are refused, or the ground did not come up.
    """
    with project(stack) as copy:
        for line in copy.supplied:
            progress.say(line)
        toolchain = ensure(Instance.of_checkout().cache, TOOLS, progress)
        ground = Ground(copy.folder, toolchain, copy.surroundings())
        rehearsal = Rehearsal(copy, ground, toolchain, progress)
        try:
            with progress.step("start a fresh AWS emulator and a bare Kubernetes API server"):
                ground.start()
                rehearsal.prepare()
            with GatewayController(ground.cluster()):
                yield rehearsal
        finally:
            ground.stop()
