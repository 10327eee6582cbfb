"""What a rule is, and what it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from policies.core.resources import Resource, Stack

RULE_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")


class Severity(StrEnum):
    """How bad a violation is; every rule blocks, whatever its severity."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Scope(StrEnum):
    """What a rule has to see: one resource, or all of them."""

    RESOURCE = "resource"
    STACK = "stack"


class Topic(StrEnum):
    """What a rule protects, which decides the articles of law that it serves."""

    ENCRYPTION = "encryption at rest"
    TRANSMISSION = "encryption in transit"
    ACCESS = "access control"
    AUTHENTICATION = "authentication"
    AUDIT = "audit trail"
    INTEGRITY = "integrity"
    AVAILABILITY = "availability and recovery"
    RETENTION = "retention and disposal"
    LOCATION = "place of processing"
    ACCOUNTABILITY = "accountability"
    HARDENING = "hardening"


LAWS: Final[Mapping[Topic, tuple[str, ...]]] = {
    Topic.ENCRYPTION: ("HIPAA §164.312(a)(2)(iv)", "GDPR Art. 32(1)(a)"),
    Topic.TRANSMISSION: ("HIPAA §164.312(e)(1)", "GDPR Art. 32(1)(a)"),
    Topic.ACCESS: ("HIPAA §164.312(a)(1)", "HIPAA §164.308(a)(4)", "GDPR Art. 32(1)(b)"),
    Topic.AUTHENTICATION: ("HIPAA §164.312(d)", "GDPR Art. 32(1)(b)"),
    Topic.AUDIT: ("HIPAA §164.312(b)", "GDPR Art. 5(2)"),
    Topic.INTEGRITY: ("HIPAA §164.312(c)(1)", "GDPR Art. 5(1)(f)"),
    Topic.AVAILABILITY: ("HIPAA §164.308(a)(7)", "GDPR Art. 32(1)(c)"),
    Topic.RETENTION: ("GDPR Art. 5(1)(e)",),
    Topic.LOCATION: ("GDPR Art. 44",),
    Topic.ACCOUNTABILITY: ("GDPR Art. 5(2)", "GDPR Art. 30"),
    Topic.HARDENING: ("HIPAA §164.308(a)(1)(ii)(B)", "GDPR Art. 25", "GDPR Art. 32(1)(b)"),
}


class Verdict(StrEnum):
    """How a rule ended on a resource where it didn't pass."""

    VIOLATION = "violation"
    UNDECIDED = "cannot-decide"
    CRASHED = "crashed"


@dataclass(frozen=True)
class Problem:
    """One property that breaks a rule.

    Attributes:
        property: path of the property, in the resource's own spelling.
        found: the value that is there, as the report prints it.
        remedy: what to do here, where the rule's general remediation doesn't say it.
    """

    property: str
    found: str
    remedy: str = ""


SettingValue = bool | int | tuple[str, ...]


@dataclass(frozen=True)
class Setting:
    """A limit of a rule that an environment may set; the default is what production needs.

    Attributes:
        default: value in an environment whose config says nothing; its type is the setting's type.
        meaning: unit and effect, for the documentation.
    """

    default: SettingValue
    meaning: str


@dataclass(frozen=True)
class Context:
    """What a check may look at beyond its resource."""

    stack: Stack
    settings: Mapping[str, SettingValue] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """A limit of the rule."""
        value = self.settings[name]
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"setting {name} is no number")
        return value

    def flag(self, name: str) -> bool:
        """A choice of the rule."""
        value = self.settings[name]
        if not isinstance(value, bool):
            raise TypeError(f"setting {name} is neither true nor false")
        return value

    def names(self, name: str) -> tuple[str, ...]:
        """A list of the rule."""
        value = self.settings[name]
        if not isinstance(value, tuple):
            raise TypeError(f"setting {name} is no list")
        return value


Check = Callable[[Resource, Context], Iterable[Problem]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One property that every resource of some types must have.

    Attributes:
        id: `<family>-<property>`.
        title: what must hold, in one sentence.
        topic: what it protects.
        severity: how bad a violation is.
        public_ids: ids of public standards (FSBP, CIS, Checkov, Pod Security Standards).
        types: canonical type tokens that it applies to; a token ending in `:*` applies to a whole prefix.
        remediation: what to do about a violation.
        check: yields a problem for each property that breaks the rule.
        scope: whether it has to see other resources.
        settings: limits that an environment may set.
        reads: types of other resources that it judges on behalf of its own, such as a bucket's policy.
        resolved_only: it asks for what only a state or rendered manifests can tell, never a preview.
        forbids: it refuses its types altogether, so that a compliant stack has none of them.
        dormant: why no stack of ours has a resource of its types, where that is so on purpose.
    """

    id: str
    title: str
    topic: Topic
    severity: Severity
    types: tuple[str, ...]
    remediation: str
    check: Check
    public_ids: tuple[str, ...] = ()
    scope: Scope = Scope.RESOURCE
    settings: Mapping[str, Setting] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    resolved_only: bool = False
    forbids: bool = False
    dormant: str = ""

    def __post_init__(self) -> None:
        """Refuse an id that could not be told from another family's, and a rule that applies to nothing."""
        if not RULE_ID.fullmatch(self.id) or not self.types:
            raise ValueError(f"rule {self.id!r} needs an id like family-property and at least one type")

    @property
    def family(self) -> str:
        """Name of the module that holds it."""
        return self.id.partition("-")[0]

    @property
    def laws(self) -> tuple[str, ...]:
        """Articles that it serves."""
        return LAWS[self.topic]

    def covers(self, token: str) -> bool:
        """Whether it judges resources of a type, themselves or as part of others."""
        return token in self.reads or self.applies_to(token)

    def applies_to(self, token: str) -> bool:
        """Whether it judges resources of a type."""
        return any(
            token == own or (own.endswith("*") and token.startswith(own.removesuffix("*")))
            for own in self.types
        )


REQUIRED: Final = {"required": Setting(default=True, meaning="false where the environment may do without")}
"""Settings of rules that an environment as a whole may be excused from, in its config."""


@dataclass(frozen=True)
class Finding:
    """A problem of a resource under a rule: what the report, SARIF and JUnit show."""

    rule: Rule
    urn: str
    resource: str
    property: str
    found: str
    remedy: str
    verdict: Verdict
