"""What a run found, for people, for SARIF readers and for JUnit readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from policies.core.rules import Finding, Rule, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from policies.core.evaluate import Report

LEVELS: Final = {
    Severity.LOW: "warning",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
SCORES: Final = {Severity.LOW: "3.0", Severity.MEDIUM: "5.5", Severity.HIGH: "8.0", Severity.CRITICAL: "9.5"}
"""Numbers by which GitHub sorts security findings into low to critical."""
SARIF_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
EXEMPTION_RULE: Final = "exemption-valid"


def text(report: Report, rules: Sequence[Rule]) -> str:
    """Each finding with its resource, rule, value and remedy; then one line of counts."""
    lines: list[str] = []
    for finding in report.findings:
        lines += [
            f"{finding.verdict.upper()}  {finding.rule.id}  [{finding.rule.severity}]  {finding.resource}",
            f"    rule:   {finding.rule.title}",
            f"    found:  {finding.property} is {finding.found}",
            f"    remedy: {finding.remedy}",
        ]
    for outcome in report.exemption_problems:
        held = outcome.exemption
        lines += [
            f"EXEMPTION  {held.rule}  {held.resource}",
            f"    found:  {outcome.problem}",
            f"    remedy: {held.owner} removes it from exemptions.yaml, or gives a new reason and date.",
        ]
    if report.excused:
        lines.append(f"Not required in this environment, by its config: {', '.join(report.excused)}")
    for finding, exemption in report.exempted:
        lines.append(
            f"Exempt until {exemption.expires}: {finding.rule.id} on {finding.resource}: {exemption.reason}"
        )
    counts = {verdict: sum(found.verdict is verdict for found in report.findings) for verdict in Verdict}
    lines.append(
        f"{len(rules)} rules, {report.resources} resources, {sum(report.matched.values())} checks: "
        f"{counts[Verdict.VIOLATION]} violations, "
        f"{counts[Verdict.UNDECIDED] + counts[Verdict.CRASHED]} not decided, "
        f"{len(report.exempted)} exempt, {len(report.exemption_problems)} exemptions to correct"
    )
    return "\n".join(lines)


def sarif(report: Report, rules: Sequence[Rule], location: str, category: str) -> dict[str, Any]:
    """The run as a SARIF 2.1.0 log.

    Args:
        report: what was found.
        rules: what ran.
        location: file that CI systems show findings in: a path relative to the repository.
        category: by which a reader tells this run from others of the same commit; GitHub takes one of each.
    """
    results = [_result(finding, location) for finding in report.findings]
    results += [_suppressed(finding, exemption.reason, location) for finding, exemption in report.exempted]
    results += [
        {
            "ruleId": EXEMPTION_RULE,
            "level": "error",
            "message": {"text": f"{o.exemption.rule} on {o.exemption.resource}: {o.problem}"},
            "locations": [_location(o.exemption.resource, "policies/exemptions.yaml")],
        }
        for o in report.exemption_problems
    ]
    driver = {
        "name": "plinth-policies",
        "informationUri": "https://www.pulumi.com/docs/using-pulumi/crossguard/",
        "rules": [*(_sarif_rule(rule) for rule in rules), _exemption_rule()],
    }
    undecided = [f for f in report.findings if f.verdict is not Verdict.VIOLATION]
    invocation: dict[str, Any] = {"executionSuccessful": not undecided}
    if undecided:
        invocation["toolExecutionNotifications"] = [
            {
                "level": "error",
                "message": {"text": f"{f.rule.id} could not run on {f.resource}: {f.found}"},
                "associatedRule": {"id": f.rule.id},
            }
            for f in undecided
        ]
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "automationDetails": {"id": f"{category}/"},
                "invocations": [invocation],
                "results": results,
            }
        ],
    }


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "help": {"text": rule.remediation},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "tags": ["security", rule.family, *rule.public_ids, *rule.laws],
            "security-severity": SCORES[rule.severity],
        },
    }


def _exemption_rule() -> dict[str, Any]:
    return {
        "id": EXEMPTION_RULE,
        "shortDescription": {"text": "Every exemption is in force and in use"},
        "help": {"text": "Remove the exemption, or give it a new reason and date."},
        "defaultConfiguration": {"level": "error"},
    }


def _result(finding: Finding, location: str) -> dict[str, Any]:
    return {
        "ruleId": finding.rule.id,
        "level": LEVELS[finding.rule.severity] if finding.verdict is Verdict.VIOLATION else "error",
        "kind": "fail",
        "message": {"text": _message(finding)},
        "locations": [_location(finding.urn or finding.resource, location)],
        "partialFingerprints": {"resource/v1": f"{finding.rule.id}:{finding.resource}:{finding.property}"},
    }


def _suppressed(finding: Finding, reason: str, location: str) -> dict[str, Any]:
    suppression = {"kind": "external", "status": "accepted", "justification": reason}
    return {**_result(finding, location), "suppressions": [suppression]}


def _location(name: str, location: str) -> dict[str, Any]:
    return {
        "physicalLocation": {"artifactLocation": {"uri": location}, "region": {"startLine": 1}},
        "logicalLocations": [{"fullyQualifiedName": name, "kind": "resource"}],
    }


def _message(finding: Finding) -> str:
    verb = "" if finding.verdict is Verdict.VIOLATION else f" ({finding.verdict})"
    what = f"{finding.resource}: {finding.property} is {finding.found}{verb}"
    return f"{what}. {finding.rule.title}. {finding.remedy}"


def junit(report: Report, rules: Iterable[Rule]) -> str:
    """The run as JUnit XML: one test case for each rule, failed by violations, in error where undecided."""
    held = list(rules)
    suite = ET.Element("testsuite", name="plinth-policies")
    failures = errors = skipped = 0
    for rule in held:
        case = ET.SubElement(suite, "testcase", classname=f"policies.{rule.family}", name=rule.id)
        violations = [f for f in report.findings if f.rule.id == rule.id and f.verdict is Verdict.VIOLATION]
        undecided = [
            f for f in report.findings if f.rule.id == rule.id and f.verdict is not Verdict.VIOLATION
        ]
        if violations:
            failures += 1
            _add(case, "failure", f"{len(violations)} violations", violations)
        if undecided:
            errors += 1
            _add(case, "error", f"could not run on {len(undecided)} resources", undecided)
        if not violations and not undecided and not report.matched.get(rule.id):
            skipped += 1
            reason = "not required in this environment" if rule.id in report.excused else "no such resource"
            ET.SubElement(case, "skipped", message=reason)
    for outcome in report.exemption_problems:
        failures += 1
        name = f"{outcome.exemption.rule} on {outcome.exemption.resource}"
        case = ET.SubElement(suite, "testcase", classname="policies.exemptions", name=name)
        ET.SubElement(case, "failure", message=outcome.problem)
    suite.set("tests", str(len(held) + len(report.exemption_problems)))
    suite.set("failures", str(failures))
    suite.set("errors", str(errors))
    suite.set("skipped", str(skipped))
    root = ET.Element("testsuites")
    root.append(suite)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _add(case: ET.Element, tag: str, message: str, findings: list[Finding]) -> None:
    element = ET.SubElement(case, tag, message=message)
    element.text = _printable("\n".join(_message(finding) for finding in findings))


def _printable(held: str) -> str:
    """The text without what XML can't hold."""
    return "".join(
        character if character.isprintable() or character == "\n" else "\ufffd" for character in held
    )
