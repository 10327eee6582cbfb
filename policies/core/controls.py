"""docs/controls.md, written from the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.coverage import environments
from policies.core.rules import LAWS, Rule, Scope, SettingValue, Topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.core.coverage import Covered

EXCEPTIONS: Final = (
    (
        "S3.1 on the account",
        "account-wide; judged where a stack declares the block, else the account's owner answers",
    ),
    ("S3.20 and MFA delete", "only the root user can switch it on, with a device in hand"),
    ("IAM.4, IAM.6, IAM.9: root user", "the account's root user is outside every stack"),
    (
        "IAM.5, IAM.19: MFA of people",
        "people come by federation; the identity provider answers for their factors",
    ),
    ("Config.1, GuardDuty.1, SecurityHub", "account-wide services that an organisation runs centrally"),
    ("EC2.7, EC2.182: defaults of the account", "account-wide switches, not resources of a stack"),
    (
        "KMS.2 on grants made at run time",
        "grants are made by services while they run; CloudTrail records them",
    ),
    ("ECR and images: what a scan finds", "findings exist only after a push to a real registry"),
    ("CloudTrail.7 and S3.9 on delivery", "whether logs arrive can be seen only where AWS delivers them"),
    (
        "PSS on pods that controllers make",
        "admission in the cluster judges them; the rules see what is declared",
    ),
    (
        "NetworkPolicy enforcement",
        "a policy is judged as it is declared; the embedded cluster's network doesn't enforce it",
    ),
    ("Effective permissions across accounts", "need IAM's own evaluation with the organisation's policies"),
)
"""What can't be checked offline, and why."""


def document(rules: Sequence[Rule], covered: Covered) -> str:
    """The whole page.

    Args:
        rules: of the pack.
        covered: which environments have resources of which types.
    """
    parts = [
        "# Controls",
        "",
        "Written by `python -m policies docs` from the rules; a test fails when it is out of date.",
        "",
        "Every rule is mandatory. Rules run at preview, at update, and on the resolved state; one that can't",
        "read a value says `cannot-decide`, which never passes the gate. A rule of scope `stack` sees all",
        "resources at once. The last column says which environments have resources for it today.",
        "",
        f"{len(rules)} rules in {len({rule.family for rule in rules})} families.",
        "",
    ]
    for family in dict.fromkeys(rule.family for rule in rules):
        parts += [*_family(family, [rule for rule in rules if rule.family == family], covered), ""]
    parts += [*_settings(rules), "", *_laws(), "", *_exceptions(), "", *_dormant(rules), ""]
    return "\n".join(parts)


def _family(family: str, rules: Sequence[Rule], covered: Covered) -> list[str]:
    return [
        f"## {family}",
        "",
        "| rule | what must hold | protects | severity | scope | public ids | resource types | today in |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(rule, covered) for rule in rules),
    ]


def _row(rule: Rule, covered: Covered) -> str:
    scope = (
        "resolved state"
        if rule.resolved_only
        else rule.scope.value
        if rule.scope is Scope.STACK
        else "resource"
    )
    refused = "refuses " if rule.forbids else ""
    types = refused + ", ".join(f"`{_short(token)}`" for token in rule.types)
    cells = (
        f"`{rule.id}`",
        rule.title,
        rule.topic,
        rule.severity,
        scope,
        ", ".join(rule.public_ids) or "-",
        types,
        environments(rule, covered),
    )
    return f"| {' | '.join(_cell(str(cell)) for cell in cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _short(token: str) -> str:
    """A token without the repetition in its middle: `aws:s3/bucket:Bucket` is written `aws:s3:Bucket`."""
    module, _, name = token.rpartition(":")
    return f"{module.partition('/')[0]}:{name}" if token.startswith("aws:") and name != "*" else token


def _settings(rules: Sequence[Rule]) -> list[str]:
    rows = [
        f"| `{rule.id}` | `{name}` | {_value(setting.default)} | {setting.meaning} |"
        for rule in rules
        for name, setting in rule.settings.items()
    ]
    return [
        "## Limits that an environment may set",
        "",
        "In `policies/config/<environment>.json`; what isn't set there keeps the default, which is what",
        "production needs.",
        "",
        "| rule | setting | default | meaning |",
        "|---|---|---|---|",
        *rows,
    ]


def _value(value: SettingValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _laws() -> list[str]:
    return [
        "## Law",
        "",
        "What a rule protects decides which provisions of the HIPAA Security Rule and of the GDPR it serves.",
        "Serving one is not fulfilling it: both also ask for measures that no configuration shows.",
        "",
        "| what is protected | provisions |",
        "|---|---|",
        *(f"| {topic.value} | {', '.join(LAWS[topic])} |" for topic in Topic),
    ]


def _exceptions() -> list[str]:
    return [
        "## What can't be checked offline",
        "",
        "| control | why |",
        "|---|---|",
        *(f"| {control} | {reason} |" for control, reason in EXCEPTIONS),
    ]


def _dormant(rules: Sequence[Rule]) -> list[str]:
    return [
        "## Rules that no environment has a resource for today",
        "",
        "Rules that refuse a type altogether are meant to match nothing. Beside them:",
        "",
        *(f"- `{rule.id}`: {rule.dormant}" for rule in rules if rule.dormant),
    ]
