"""The gate's commands: judge a resolved state, write the controls page, count caught mutants."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policies import mutants
from policies.core import charts, config, controls, coverage, exemptions, report, state
from policies.core.errors import PolicyInputError
from policies.core.evaluate import Report, Settings, evaluate
from policies.core.paths import CONTROLS, COVERED, EXEMPTIONS, today
from policies.core.resources import RELEASE_TYPE, Stack
from policies.kubernetes_cluster import namespace_of_release
from policies.opinions import command
from policies.opinions.opinion import is_rule_id
from policies.registry import RULES, without_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policies.core.exemptions import Exemption
    from policies.core.rules import Rule

PASSED: Final = 0
FAILED: Final = 1
UNUSABLE: Final = 2
COMMANDS: Final = ("check-state", "coverage", "docs", "mutants", "opinions", "render")


@dataclass(frozen=True)
class Inputs:
    """What the gate judges: a stack, with its settings."""

    name: str
    stack: Stack
    settings: Settings


def main(arguments: Sequence[str]) -> int:
    """Run one command; 0 if the gate opens, 1 if it doesn't, 2 if nothing could be judged."""
    try:
        options = _parser().parse_args(arguments)
        status: int = options.run(options)
    except PolicyInputError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the command line's own output
        return UNUSABLE
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m policies", description=__doc__)
    commands = parser.add_subparsers(required=True)
    check = commands.add_parser(
        "check-state", help="run every rule on `pulumi stack export` and rendered charts"
    )
    _add_inputs(check)
    check.add_argument("--exemptions", type=Path, default=EXEMPTIONS, help="exemptions, YAML")
    check.add_argument("--types", type=Path, help="where to write how many resources of which type there are")
    check.set_defaults(run=_check_state)
    opinions = commands.add_parser("opinions", help="ask Checkov, kube-score, kubeconform and the API server")
    command.add_arguments(opinions)
    opinions.set_defaults(run=_opinions)
    for judging in (check, opinions):
        judging.add_argument("--sarif", type=Path, help="where to write SARIF 2.1.0")
        judging.add_argument("--junit", type=Path, help="where to write JUnit XML")
        judging.add_argument(
            "--location", default="stacks/environment.py", help="file that CI shows findings in"
        )
    cover = commands.add_parser("coverage", help="rules that match nothing, and types without a rule")
    cover.add_argument(
        "tallies", nargs="+", type=Path, help="what `check-state --types` wrote, of all stacks"
    )
    cover.add_argument("--write", action="store_true", help="also keep them as what docs/controls.md tells")
    cover.set_defaults(run=_coverage)
    docs = commands.add_parser("docs", help="write docs/controls.md")
    docs.add_argument("--check", action="store_true", help="write nothing; fail if the page is out of date")
    docs.set_defaults(run=_docs)
    broken = commands.add_parser(
        "mutants", help="break one property at a time and count what the rules catch"
    )
    _add_inputs(broken)
    render = commands.add_parser("render", help="render the Helm releases of a state, with their own values")
    render.add_argument("state", type=Path, help="what `pulumi stack export --show-secrets` wrote")
    render.add_argument("--to", type=Path, required=True, help="folder for RELEASE.yaml")
    render.add_argument("--helm", default="helm", help="the helm command")
    render.set_defaults(run=_render)
    broken.add_argument("--at-least", type=int, default=0, help="fail with fewer mutants than this")
    broken.add_argument("--explained", action="store_true", help="fail if a survivor has no known reason")
    broken.set_defaults(run=_mutants)
    return parser


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("state", type=Path, help="what `pulumi stack export --show-secrets` wrote")
    parser.add_argument(
        "--manifests", type=Path, action="append", default=[], help="rendered chart, RELEASE.yaml"
    )
    parser.add_argument("--release", type=Path, help="the environment's release file")
    parser.add_argument("--model-card", type=Path, help="the model card of what is served")
    parser.add_argument("--config", type=Path, help="policy config of the environment, JSON")


def _inputs(options: argparse.Namespace) -> Inputs:
    name, resources = state.read_state(options.state)
    for path in options.manifests:
        resources += state.read_manifests(path, namespace_of_release(path.stem, resources))
    if options.release is not None:
        resources.append(state.read_release(options.release, options.model_card))
    return Inputs(name, Stack(resources, resolved=True), config.load(options.config, RULES))


def _check_state(options: argparse.Namespace) -> int:
    inputs = _inputs(options)
    _write(options.types, coverage.tally(inputs.name, inputs.stack.resources))
    held = _exemptions(options.exemptions, {rule.id for rule in RULES}.__contains__, inputs.name)
    found = evaluate(RULES, inputs.stack, inputs.settings, held)
    return _give(options, found, RULES, f"rules/{inputs.name}")


def _opinions(options: argparse.Namespace) -> int:
    judged = command.judge(options, lambda stack: _exemptions(options.exemptions, is_rule_id, stack))
    return _give(options, judged.report, judged.rules, f"opinions/{judged.stack}")


def _exemptions(path: Path, is_rule: Callable[[str], bool], stack: str) -> list[tuple[Exemption, bool]]:
    """The exemptions that are meant for a stack, each with whether it has expired."""
    day = today()
    return [
        (exemption, exemption.expires < day)
        for exemption in exemptions.load(path, is_rule, day)
        if exemption.meant_for(stack)
    ]


def _give(options: argparse.Namespace, found: Report, rules: Sequence[Rule], category: str) -> int:
    """Write the report in every form that was asked for."""
    log = report.sarif(found, rules, options.location, category)
    _write(options.sarif, json.dumps(log, indent=2) + "\n")
    _write(options.junit, report.junit(found, rules))
    print(report.text(found, rules))  # noqa: T201 - the command line's own output
    return PASSED if found.passed else FAILED


def _coverage(options: argparse.Namespace) -> int:
    covered = coverage.joined(coverage.read_tally(path) for path in options.tallies)
    types = {*covered, RELEASE_TYPE}
    silent = [r.id for r in RULES if not r.forbids and not r.dormant and not any(map(r.applies_to, types))]
    wrongly = [r.id for r in RULES if r.dormant and any(map(r.applies_to, types))]
    unruled = sorted(without_rule(types))
    for title, held in (
        ("Rules that match no resource and don't say why", silent),
        ("Rules that say no environment has their resources, while one has", wrongly),
        ("Resource types without a rule", unruled),
    ):
        print(f"{title}: {', '.join(held) or 'none'}")  # noqa: T201 - the command line's own output
    if options.write:
        _write(COVERED, coverage.as_text(coverage.judged(covered, RULES)))
    return FAILED if silent or wrongly or unruled else PASSED


def _docs(options: argparse.Namespace) -> int:
    page = controls.document(RULES, coverage.load(COVERED))
    if options.check:
        current = CONTROLS.exists() and CONTROLS.read_text(encoding="utf-8") == page
        if not current:
            print("docs/controls.md is out of date: run `python -m policies docs`.", file=sys.stderr)  # noqa: T201
        return PASSED if current else FAILED
    _write(CONTROLS, page)
    return PASSED


def _mutants(options: argparse.Namespace) -> int:
    inputs = _inputs(options)
    outcome = mutants.hunt(RULES, inputs.stack, inputs.settings)
    print(mutants.text(outcome))  # noqa: T201 - the command line's own output
    if options.explained and mutants.unexplained(outcome):
        return FAILED
    return PASSED if len(outcome.mutants) >= options.at_least else FAILED


def _render(options: argparse.Namespace) -> int:
    for path in charts.render(state.read_state(options.state)[1], options.to, options.helm):
        print(path)  # noqa: T201 - the command line's own output
    return PASSED


def _write(path: Path | None, held: str) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(held, encoding="utf-8")
