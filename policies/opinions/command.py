"""`python -m policies opinions`: ask every tool, apply exemptions, report like the gate."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policies.core import manifests, state
from policies.core.errors import PolicyInputError
from policies.core.evaluate import Report, reported
from policies.core.paths import OPINIONS
from policies.kubernetes_cluster import RELEASE, is_installed, namespace_of_release
from policies.opinions import tools
from policies.opinions.opinion import TOOLS, Opinion, findings, rule_id, rule_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from policies.core.exemptions import Exemption
    from policies.core.resources import Resource
    from policies.core.rules import Rule

PROGRAMS: Final = {
    "checkov": "checkov",
    "kubescore": "kube-score",
    "kubeconform": "kubeconform",
    "dryrun": "kubectl",
}
"""Tool -> the program that it is looked for as on PATH."""


@dataclass(frozen=True)
class Judged:
    """What the tools said.

    Attributes:
        stack: name of the stack.
        report: after exemptions.
        rules: every check that said something, and one `<tool>-ran` for each tool.
    """

    stack: str
    report: Report
    rules: tuple[Rule, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("state", type=Path, help="what `pulumi stack export --show-secrets` wrote")
    parser.add_argument(
        "--manifests", type=Path, action="append", default=[], help="rendered chart, RELEASE.yaml"
    )
    parser.add_argument("--dockerfile", type=Path, action="append", default=[], help="for Checkov")
    for program in PROGRAMS.values():
        parser.add_argument(f"--{program}", metavar="PATH", help=f"the {program} program, else from PATH")
    parser.add_argument(
        "--kubeconfig", type=Path, help="of the cluster whose schemas and admission are asked"
    )
    parser.add_argument(
        "--without", action="append", default=[], choices=TOOLS, help="a tool that isn't to be asked"
    )
    parser.add_argument("--exemptions", type=Path, default=OPINIONS, help="exemptions, YAML")


def judge(options: argparse.Namespace, held: Callable[[str], Iterable[tuple[Exemption, bool]]]) -> Judged:
    """Ask the tools about a state and its charts.

    Args:
        options: see `add_arguments`.
        held: the exemptions that are meant for a stack, each with whether it has expired.

    Raises:
        PolicyInputError: a tool is missing, fails, or saw less than it was shown.
    """
    name, resources = state.read_state(options.state)
    with tempfile.TemporaryDirectory(prefix="plinth-opinions-") as folder:
        shown = _manifests(resources, options.manifests, Path(folder))
        opinions, asked = _ask(options, shown, Path(folder))
    seen = sum(manifest.count() for manifest in shown)
    found = list(findings(opinions))
    matched = Counter(finding.rule.id for finding in found)
    matched.update({rule_id(tool, "ran"): seen for tool in asked})
    report = reported(found, held(name), matched, (), seen)
    ran = [rule_of(tool, "ran", f"{PROGRAMS[tool]} ran over everything") for tool in asked]
    return Judged(name, report, (*ran, *{finding.rule.id: finding.rule for finding in found}.values()))


def _manifests(
    resources: Sequence[Resource], rendered: Sequence[Path], folder: Path
) -> list[tools.Manifests]:
    # What was recorded only is no manifest to anybody; a rule of ours refuses it.
    releases = [resource for resource in resources if resource.type == RELEASE and is_installed(resource)]
    if len(rendered) < len(releases):
        raise PolicyInputError(
            f"{len(releases)} charts are installed, the manifests of {len(rendered)} were given. "
            "Write them by `python -m policies render`, and name each by --manifests."
        )
    own = manifests.write(resources, folder)
    charts = [tools.Manifests.read(path, namespace_of_release(path.stem, resources)) for path in rendered]
    shown = [*([tools.Manifests.read(own, "")] if own else []), *charts]
    if not shown:
        raise PolicyInputError("The state holds no Kubernetes object, so that there is nothing to judge.")
    return shown


def _ask(
    options: argparse.Namespace, shown: Sequence[tools.Manifests], folder: Path
) -> tuple[list[Opinion], list[str]]:
    asked = [tool for tool in TOOLS if tool not in options.without]
    programs = {tool: _program(options, tool) for tool in asked}
    opinions: list[Opinion] = []
    if "checkov" in asked:
        opinions += tools.checkov(programs["checkov"], shown, options.dockerfile)
    if "kubescore" in asked:
        opinions += tools.kube_score(programs["kubescore"], shown)
    if "kubeconform" in asked:
        kubectl, kubeconfig = _cluster(options, programs.get("dryrun"))
        tools.fetch_schemas(kubectl, kubeconfig, shown, folder / "schemas")
        opinions += tools.kubeconform(programs["kubeconform"], shown, folder / "schemas")
    if "dryrun" in asked:
        opinions += tools.dry_run(*_cluster(options, programs["dryrun"]), shown)
    return opinions, asked


def _cluster(options: argparse.Namespace, kubectl: str | None) -> tuple[str, Path]:
    if options.kubeconfig is None:
        raise PolicyInputError(
            "The API server is asked for its schemas and for a dry run: name it by --kubeconfig, or leave "
            "both out by --without kubeconform --without dryrun."
        )
    return kubectl or _program(options, "dryrun"), options.kubeconfig


def _program(options: argparse.Namespace, tool: str) -> str:
    name = PROGRAMS[tool]
    found: str | None = getattr(options, name.replace("-", "_")) or shutil.which(name)
    if found is None:
        raise PolicyInputError(f"There is no {name} on PATH. Install it, or name it by --{name}.")
    return found
