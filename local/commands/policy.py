"""`make policy STACK=...`: preview, update and resolved state of a rehearsal, held to every rule.

Every stage runs on the same rehearsal. What a preview can't decide yet, because a value is unknown until the
update, is decided by the later stages, which fail on whatever is left undecided.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from local.errors import LocalError
from local.instance import CHECKOUT, Instance
from local.rehearsal.rehearsal import rehearsing
from local.stack import RECORDED_ONLY, UPDATE_SECONDS
from local.toolchain import Tool, checkov, ensure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.progress import Progress
    from local.rehearsal.rehearsal import Rehearsal

PACK: Final = CHECKOUT / "policies"
DOCKERFILES: Final = ("app/Dockerfile", "local/images/envoy.Dockerfile")
RELEASE: Final = "kubernetes:helm.sh/v3:Release"
UNDECIDED: Final = "cannot-decide"
"""The pack's word in what it says of a rule that could not run."""
LEAST_MUTANTS: Final = 150
TYPES: Final = "types.json"
"""Report of how many resources of which type an environment has."""
SECONDS: Final = 600


@dataclass
class Gate:
    """The stages of one environment.

    Attributes:
        stack: name of the environment.
        reports: folder for SARIF, JUnit and texts.
        failed: stages that closed the gate.
    """

    stack: str
    reports: Path
    progress: Progress
    failed: list[str] = field(default_factory=list)

    def run(self, rehearsal: Rehearsal, *, mutants: bool) -> None:
        """Every stage; a later one runs even where an earlier one failed, as far as it can."""
        pack = ["--policy-pack", str(PACK), "--policy-pack-config", str(self._config())]
        with self.progress.step(f"{self.stack}: preview with the policy pack"):
            self._preview(rehearsal, pack)
        self._apply(rehearsal, pack)
        inputs = self.judge(rehearsal)
        with self.progress.step(f"{self.stack}: second opinions"):
            self._ask(
                "second opinions",
                "opinions",
                *inputs.shown,
                *self._tools(rehearsal),
                *self._reports("opinions"),
            )
        if mutants:
            with self.progress.step(f"{self.stack}: mutants"):
                least = ["--at-least", str(LEAST_MUTANTS), "--explained"]
                self._ask("mutants", "mutants", *inputs.words, *least)

    def judge(self, rehearsal: Rehearsal) -> _Inputs:
        """Every rule on the resolved state of what is up."""
        inputs = _Inputs.of(rehearsal, self._config())
        with self.progress.step(f"{self.stack}: every rule on the resolved state"):
            types = ["--types", str(self.reports / TYPES)]
            self._ask("resolved state", "check-state", *inputs.words, *types, *self._reports("rules"))
        return inputs

    def _config(self) -> Path:
        return PACK / "config" / f"{self.stack}.json"

    def _preview(self, rehearsal: Rehearsal, pack: Sequence[str]) -> None:
        output, refused = self._engine(rehearsal, "preview", *pack)
        undecided = output.count(UNDECIDED)
        self.progress.say(f"{self.stack}: {undecided} rules wait for values that a preview doesn't know")
        if refused:
            self.failed.append("preview")
            self.progress.say(_refusals(output) or output)

    def _apply(self, rehearsal: Rehearsal, pack: Sequence[str]) -> None:
        with self.progress.step(f"{self.stack}: update with the policy pack"):
            output, refused = self._engine(rehearsal, "up", "--yes", "--skip-preview", *pack)
        if not refused:
            return
        self.failed.append("update")
        self.progress.say(_refusals(output) or output)
        # The engine stops at the first resource that a rule refuses; the resolved state tells all.
        with self.progress.step(f"{self.stack}: the rest of the update, without the pack"):
            output, refused = self._engine(rehearsal, "up", "--yes", "--skip-preview")
        if refused:
            raise LocalError(f"{self.stack} can't be brought up, with or without rules:\n{output[-3000:]}")

    def _engine(self, rehearsal: Rehearsal, command: str, *words: str) -> tuple[str, bool]:
        """Run one of the engine's commands; give all that it says, and whether it refused."""
        common = ("--stack", rehearsal.stack.name, "--color", "never", "--suppress-progress")
        done = rehearsal.stack.attempt(command, *common, *words, timeout=UPDATE_SECONDS)
        output = done.stdout + done.stderr
        (self.reports / f"{command}.txt").write_text(output)
        return output, done.returncode != 0

    def _tools(self, rehearsal: Rehearsal) -> list[str]:
        cache = Instance.of_checkout().cache
        built = ensure(cache, [Tool.KUBECONFORM, Tool.KUBE_SCORE, Tool.KUBERNETES], self.progress)
        return [
            *("--checkov", str(checkov.ensure(cache, self.progress))),
            *("--kube-score", str(built.path(Tool.KUBE_SCORE))),
            *("--kubeconform", str(built.path(Tool.KUBECONFORM))),
            *("--kubectl", str(built.binary("kubectl"))),
            *("--kubeconfig", str(rehearsal.ground.kubeconfig)),
            *(word for name in DOCKERFILES for word in ("--dockerfile", name)),
        ]

    def _reports(self, name: str) -> list[str]:
        return [
            *("--sarif", str(self.reports / f"{name}.sarif")),
            *("--junit", str(self.reports / f"{name}.xml")),
        ]

    def _ask(self, stage: str, *words: str) -> None:
        """Run one of the pack's own commands and show what it says."""
        if not _ask(self.reports / f"{words[0]}.txt", *words):
            self.failed.append(stage)


def _ask(report: Path, *words: str) -> bool:
    """Run one of the pack's own commands, show and keep what it says; whether it ended well."""
    done = subprocess.run(  # noqa: S603 - our own module and words
        [sys.executable, "-m", "policies", *words],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    report.write_text(done.stdout + done.stderr)
    print(done.stdout + done.stderr, end="", flush=True)  # noqa: T201 - the command's own output
    return done.returncode == 0


@dataclass(frozen=True)
class _Inputs:
    """Files of one rehearsal that the pack's commands read; they go with the rehearsal's folder.

    Attributes:
        state: the resolved state with its secrets shown, readable by its owner only.
        charts: what each chart rendered, as it was installed; one that is recorded only has none.
    """

    state: Path
    charts: tuple[Path, ...]
    release: Path
    config: Path

    @classmethod
    def of(cls, rehearsal: Rehearsal, config: Path) -> _Inputs:
        folder = rehearsal.project.folder / "policy"
        folder.mkdir(mode=0o700)
        stack = rehearsal.stack
        state = folder / "state.json"
        state.write_text(stack.run("stack", "export", "--stack", stack.name, "--show-secrets"))
        charts = [
            _rendered(rehearsal, resource, folder)
            for resource in stack.resources()
            if resource["type"] == RELEASE and not resource["outputs"].get(RECORDED_ONLY)
        ]
        release = rehearsal.project.root / "stacks" / "releases" / f"{stack.name}.yaml"
        return cls(state, tuple(charts), release, config)

    @property
    def shown(self) -> list[str]:
        """State and charts."""
        return [str(self.state), *(word for chart in self.charts for word in ("--manifests", str(chart)))]

    @property
    def words(self) -> list[str]:
        """All of it."""
        card = ["--model-card", str(CHECKOUT / "docs" / "model-card.md")]
        return [*self.shown, "--release", str(self.release), *card, "--config", str(self.config)]


def _rendered(rehearsal: Rehearsal, resource: dict[str, Any], folder: Path) -> Path:
    """What Helm installed: the release's own record, hooks included."""
    namespace, _, name = str(resource["id"]).rpartition("/")
    target = folder / f"{name}.yaml"
    helm = rehearsal.variables["PATH"].split(os.pathsep)[0] + "/helm"
    texts = []
    for part in ("manifest", "hooks"):
        done = subprocess.run(  # noqa: S603 - our own words
            [helm, "get", part, name, "--namespace", namespace],
            env={**os.environ, **rehearsal.variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise LocalError(f"helm doesn't say what {name} consists of: {done.stderr.strip()}")
        texts.append(done.stdout)
    target.write_text("---\n".join(texts))
    return target


def _refusals(output: str) -> str:
    """The mandatory violations among everything that the engine says."""
    lines, inside = [], False
    for line in output.splitlines():
        if line.lstrip().startswith("- ["):
            inside = "[mandatory]" in line
        elif not line.startswith("          "):
            inside = False
        if inside:
            lines.append(line)
    return "\n".join(lines)


def hold_to_rules(rehearsal: Rehearsal, progress: Progress) -> None:
    """Every rule on the resolved state of a rehearsal that is up: the one stage that costs no time.

    Raises:
        LocalError: the gate stays closed.
    """
    stack = rehearsal.stack.name
    gate = Gate(stack, _folder(stack), progress)
    gate.judge(rehearsal)
    if gate.failed:
        raise LocalError(
            f"{stack} breaks rules. Resource, rule, value found and remedy stand above and in {gate.reports}."
        )


def _folder(stack: str) -> Path:
    """Where reports about an environment go."""
    reports = Instance.of_checkout().make_state() / "policy" / stack
    reports.mkdir(parents=True, exist_ok=True)
    return reports


def _environments() -> set[str]:
    """Every environment that has a config."""
    return {path.name.split(".")[1] for path in (CHECKOUT / "stacks").glob("Pulumi.*.yaml")}


def policy(stacks: Sequence[str], progress: Progress, *, mutants: bool = False) -> None:
    """Judge environments, one after the other; where they are all of them, they must use every rule.

    Args:
        stacks: names.
        progress: where steps are told.
        mutants: also break one property after the other, and count what the rules catch.

    Raises:
        LocalError: a gate stays closed; names each stage.
    """
    closed = []
    for stack in stacks:
        reports = _folder(stack)
        gate = Gate(stack, reports, progress)
        with rehearsing(stack, progress) as rehearsal:
            gate.run(rehearsal, mutants=mutants)
        closed += [f"{stack}: {stage}" for stage in gate.failed]
        progress.say(
            f"{stack}: the gate {'stays closed' if gate.failed else 'opens'}; reports are in {reports}"
        )
    if set(stacks) >= _environments():
        tallies = [str(_folder(stack) / TYPES) for stack in stacks]
        report = _folder(stacks[0]).parent / "coverage.txt"
        closed += [] if _ask(report, "coverage", *tallies) else ["coverage"]
    if closed:
        raise LocalError(
            f"The policy gate stays closed. Failed: {'; '.join(closed)}. "
            "Resource, rule, value found and remedy stand above."
        )
