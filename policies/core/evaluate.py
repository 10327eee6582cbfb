"""Run rules over a stack; nothing that a resource holds can make a run raise or a rule pass unread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from policies.core.exemptions import Exemption, ExemptionOutcome
from policies.core.rules import Context, Finding, Problem, Rule, Scope, SettingValue, Verdict
from policies.core.values import MalformedError, UndecidedError

if TYPE_CHECKING:
    from policies.core.resources import Resource, Stack

Settings = Mapping[str, Mapping[str, SettingValue]]
"""Rule id -> name of the setting -> value, complete: defaults are filled in."""


@dataclass(frozen=True)
class Report:
    """What a run found.

    Attributes:
        findings: violations and whatever could not be decided, after exemptions.
        exempted: findings that a valid exemption covers.
        exemption_problems: expired exemptions and those that match nothing.
        matched: rule id -> how many resources it judged.
        excused: rules that the environment's config does without.
        resources: how many resources were seen.
    """

    findings: tuple[Finding, ...]
    exempted: tuple[tuple[Finding, Exemption], ...]
    exemption_problems: tuple[ExemptionOutcome, ...]
    matched: Mapping[str, int]
    excused: tuple[str, ...]
    resources: int

    @property
    def passed(self) -> bool:
        """Whether the gate opens: no violation, nothing undecided, every exemption valid and used."""
        return not self.findings and not self.exemption_problems


@dataclass
class _Run:
    findings: list[Finding] = field(default_factory=list)
    matched: Counter[str] = field(default_factory=Counter)
    excused: list[str] = field(default_factory=list)


def judge(rule: Rule, resource: Resource, context: Context) -> Iterator[Finding]:
    """The findings of one rule on one resource; the only place where checks are called."""

    def finding(where: str, found: str, remedy: str, verdict: Verdict) -> Finding:
        return Finding(rule, resource.urn, resource.key, where, found, remedy or rule.remediation, verdict)

    try:
        for problem in _problems(rule, resource, context):
            yield finding(problem.property, problem.found, problem.remedy, Verdict.VIOLATION)
    except UndecidedError as error:
        remedy = "Make the value known, or run the rules on the resolved state."
        yield finding(error.path, error.reason, remedy, Verdict.UNDECIDED)
    except MalformedError as error:
        yield finding(error.path, error.found, "", Verdict.VIOLATION)
    except Exception as error:  # noqa: BLE001 - a defect of a check must close the gate, not open it
        yield finding(
            "", f"{type(error).__name__}: {error}", "Report this defect of the rule.", Verdict.CRASHED
        )


def _problems(rule: Rule, resource: Resource, context: Context) -> Iterator[Problem]:
    yield from rule.check(resource, context)


def findings_of(
    rules: Iterable[Rule], stack: Stack, settings: Settings
) -> tuple[list[Finding], Counter[str], list[str]]:
    """Findings before exemptions, matches by rule, and the rules that the config does without."""
    run = _Run()
    for rule in rules:
        limits = settings.get(rule.id, {})
        if limits.get("required") is False:
            run.excused.append(rule.id)
            continue
        if rule.resolved_only and not stack.resolved:
            continue
        context = Context(stack, limits)
        for resource in stack.resources:
            if rule.applies_to(resource.type):
                run.matched[rule.id] += 1
                run.findings.extend(judge(rule, resource, context))
    return run.findings, run.matched, run.excused


def evaluate(
    rules: Iterable[Rule],
    stack: Stack,
    settings: Settings,
    exemptions: Iterable[tuple[Exemption, bool]] = (),
) -> Report:
    """Run rules over a stack and apply exemptions.

    Args:
        rules: whichever are to run.
        stack: the resources.
        settings: complete limits; see `policies.core.config`.
        exemptions: each with whether it has expired.
    """
    found, matched, excused = findings_of(rules, stack, settings)
    return reported(found, exemptions, matched, tuple(excused), len(stack.resources))


def reported(
    found: Iterable[Finding],
    exemptions: Iterable[tuple[Exemption, bool]],
    matched: Mapping[str, int],
    excused: tuple[str, ...],
    resources: int,
) -> Report:
    """A report of findings, once exemptions, each with whether it has expired, are applied."""
    held, outcomes = list(exemptions), []
    kept: list[Finding] = []
    exempted: list[tuple[Finding, Exemption]] = []
    used: set[Exemption] = set()
    for finding in found:
        fitting = [
            (exemption, expired)
            for exemption, expired in held
            if finding.verdict is Verdict.VIOLATION
            and exemption.fits(finding.rule.id, finding.resource, finding.urn)
        ]
        used.update(exemption for exemption, _ in fitting)
        valid = [exemption for exemption, expired in fitting if not expired]
        if valid:
            exempted.append((finding, valid[0]))
        else:
            kept.append(finding)
    for exemption, expired in held:
        if expired:
            outcomes.append(ExemptionOutcome(exemption, f"expired on {exemption.expires.isoformat()}"))
        elif exemption not in used:
            outcomes.append(ExemptionOutcome(exemption, "matches no violation"))
    return Report(tuple(kept), tuple(exempted), tuple(outcomes), matched, excused, resources)


def rules_in(rules: Iterable[Rule], scope: Scope) -> list[Rule]:
    """The rules of one scope."""
    return [rule for rule in rules if rule.scope is scope]
