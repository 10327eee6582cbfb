"""An opinion of another's tool, in the form of our own findings: one report and one exemption fit both."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from policies.core.errors import PolicyInputError
from policies.core.rules import Context, Finding, Problem, Rule, Severity, Topic, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from policies.core.resources import Resource

TOOLS: Final = ("checkov", "dryrun", "kubeconform", "kubescore")
DIGEST: Final = re.compile(r"-[0-9a-f]{8,64}$")
"""End of the name of an object that is called after the digest of its inputs."""
PASSING_GRADE: Final = 10
"""What kube-score gives where it has nothing to say; 5 is a warning, 1 is critical."""


@dataclass(frozen=True)
class Opinion:
    """One complaint.

    Attributes:
        tool: one of `TOOLS`.
        check: the tool's own name of the check.
        resource: `Kind::namespace/name`, with `<digest>` for the end of a name that is one.
        title: what the check asks for.
        found: what the tool says of the resource.
    """

    tool: str
    check: str
    resource: str
    title: str
    found: str

    def finding(self) -> Finding:
        """The opinion as a finding."""
        rule = rule_of(self.tool, self.check, self.title)
        return Finding(
            rule,
            self.resource,
            self.resource,
            f"what {self.tool} says",
            self.found,
            rule.remediation,
            Verdict.VIOLATION,
        )


def _judged_elsewhere(_resource: Resource, _context: Context) -> Iterable[Problem]:
    raise TypeError("this check is run by its own tool")


def rule_of(tool: str, check: str, title: str) -> Rule:
    """A tool's check as a rule of ours, for the report."""
    return Rule(
        id=rule_id(tool, check),
        title=title,
        topic=Topic.HARDENING,
        severity=Severity.MEDIUM,
        types=("*",),
        remediation="Do what the tool asks, or say in policies/opinions.yaml why not.",
        check=_judged_elsewhere,
        public_ids=(check,),
    )


def rule_id(tool: str, check: str) -> str:
    """Id by which exemptions name a tool's check: `checkov-ckv-k8s-11`."""
    return f"{tool}-{re.sub(r'[^a-z0-9]+', '-', check.lower()).strip('-')}"


def is_rule_id(held: str) -> bool:
    """Whether an exemption names a check of one of the tools."""
    return held.startswith(tuple(f"{tool}-" for tool in TOOLS))


def key(kind: str, namespace: str, name: str) -> str:
    """How exemptions name an object: the digest at the end of a name changes with every release."""
    return f"{kind}::{namespace}/{DIGEST.sub('-<digest>', name)}"


def of_checkov(text: str) -> tuple[list[Opinion], int]:
    """Checkov's JSON: opinions, and how many resources it looked at.

    Raises:
        PolicyInputError: it isn't what Checkov writes, or it could not read a file.
    """
    held = _json("checkov", text)
    opinions, resources = [], 0
    for part in held if isinstance(held, list) else [held]:
        summary = part.get("summary") if isinstance(part, dict) else None
        if summary is None:
            raise _unusable("checkov", "it looked at nothing")
        if summary["parsing_errors"]:
            raise _unusable("checkov", f"it could not read {part['results'].get('parsing_errors')}")
        resources += summary["resource_count"]
        for failed in part["results"]["failed_checks"]:
            resource = failed["resource"]
            if part["check_type"] == "kubernetes":
                kind, namespace, name = resource.split(".", 2)
                resource = key(kind, namespace, name)
            else:
                resource = f"Dockerfile::{failed['file_path'].lstrip('/')}"
            found = f"{failed['check_id']} failed"
            opinions.append(Opinion("checkov", failed["check_id"], resource, failed["check_name"], found))
    return opinions, resources


def of_kube_score(text: str) -> tuple[list[Opinion], int]:
    """kube-score's JSON: opinions, and how many objects it looked at.

    Raises:
        PolicyInputError: it isn't what kube-score writes.
    """
    held = _json("kube-score", text)
    if not isinstance(held, list):
        raise _unusable("kube-score", "it looked at nothing")
    opinions = []
    for scored in held:
        kind, metadata = scored["type_meta"]["kind"], scored["object_meta"]
        resource = key(kind, metadata.get("namespace", ""), metadata["name"])
        for check in scored["checks"]:
            if check["skipped"] or check["grade"] >= PASSING_GRADE:
                continue
            words = "; ".join(
                dict.fromkeys(
                    f"{comment['path']}: {comment['summary']}".lstrip(": ")
                    for comment in check["comments"] or ()
                )
            )
            opinions.append(
                Opinion("kubescore", check["check"]["id"], resource, check["check"]["comment"], words)
            )
    return opinions, len(held)


def of_kubeconform(text: str) -> tuple[list[Opinion], int]:
    """Kubeconform's verbose JSON: opinions, and how many objects it validated.

    Raises:
        PolicyInputError: it isn't what kubeconform writes.
    """
    held = _json("kubeconform", text)
    if not isinstance(held, dict) or not isinstance(held.get("resources"), list):
        raise _unusable("kubeconform", "it looked at nothing")
    opinions = []
    # A document with nothing but comments has no kind, and nothing to complain of.
    results = [result for result in held["resources"] if result["kind"] or result["msg"]]
    for result in results:
        if result["status"] == "statusValid":
            continue
        check = {"statusInvalid": "schema", "statusSkipped": "skipped"}.get(result["status"], "error")
        resource = key(result["kind"] or "unknown", "", result["name"] or "unknown")
        words = result["msg"] or result["status"]
        opinions.append(
            Opinion(
                "kubeconform",
                check,
                resource,
                "Every object has the form that the API server asks for",
                words,
            )
        )
    return opinions, len(results)


def of_dry_run(errors: str) -> list[Opinion]:
    """What a server-side dry run refused or warned of, from kubectl's standard error."""
    return [_of_line(line) for line in errors.splitlines() if line.strip()]


def _of_line(line: str) -> Opinion:
    warns = line.startswith("Warning:")
    named = re.search(r'([A-Z]\w+)(?:\.\S+)? "([^"]+)" is', line) or re.search(
        r'(\w+)s?(?:\.\S+)? "([^"]+)"', line
    )
    resource = key(named[1], "", named[2]) if named else "Cluster::dry-run"
    check, title = (
        ("warning", "The API server has nothing to warn of")
        if warns
        else ("refused", "The API server takes every object")
    )
    return Opinion("dryrun", check, resource, title, line.strip())


def findings(opinions: Iterable[Opinion]) -> Iterator[Finding]:
    """Opinions as findings, each once."""
    for opinion in dict.fromkeys(opinions):
        yield opinion.finding()


def _json(tool: str, text: str) -> Any:  # noqa: ANN401 - each tool's own form, which the readers above check
    try:
        return json.loads(text)
    except ValueError as error:
        raise _unusable(tool, f"it wrote no JSON: {text.strip()[:200]!r}") from error


def _unusable(tool: str, why: str) -> PolicyInputError:
    return PolicyInputError(f"{tool} gave no opinion: {why}. Nothing was judged; run it by hand to see more.")
