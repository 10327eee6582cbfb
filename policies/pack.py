"""The rules as a Pulumi policy pack: what it says of itself to the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

import pulumi_policy.policy as sdk
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    ResourceValidationPolicy,
    Severity,
    StackValidationPolicy,
)

from policies.core.rules import Rule, Scope, Setting
from policies.core.rules import Severity as OurSeverity
from policies.registry import RULES
from policies.servicer import Servicer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAME: Final = "plinth"
SEVERITIES: Final = {
    OurSeverity.LOW: Severity.LOW,
    OurSeverity.MEDIUM: Severity.MEDIUM,
    OurSeverity.HIGH: Severity.HIGH,
    OurSeverity.CRITICAL: Severity.CRITICAL,
}


def serve() -> None:
    """Register every rule and answer the engine until it ends the process."""
    setattr(sdk, "_PolicyAnalyzerServicer", Servicer)  # noqa: B010 - the SDK offers no other way
    PolicyPack(NAME, policies=policies(RULES), enforcement_level=EnforcementLevel.MANDATORY)


def policies(rules: Iterable[Rule]) -> list[Policy]:
    """The rules as the SDK describes them, each mandatory; those for resolved state are left to the gate."""
    return [_policy(rule) for rule in rules if not rule.resolved_only]


def _policy(rule: Rule) -> Policy:
    common: dict[str, Any] = {
        "name": rule.id,
        "description": rule.title,
        "validate": _asked,
        "enforcement_level": EnforcementLevel.MANDATORY,
        "display_name": rule.id,
        "severity": SEVERITIES[rule.severity],
        "tags": [*rule.public_ids, *rule.laws],
        "remediation_steps": rule.remediation,
        "config_schema": _schema(rule.settings),
    }
    if rule.scope is Scope.RESOURCE:
        return ResourceValidationPolicy(**common)
    return StackValidationPolicy(**common)


def _asked(_args: object, _report: object) -> NoReturn:
    """Fail where the SDK asks a policy by itself, so that a rule which nobody asks doesn't seem to pass."""
    raise TypeError("the pack's own servicer asks the rules; this SDK went past it. Use the locked version.")


def _schema(settings: Mapping[str, Setting]) -> PolicyConfigSchema | None:
    if not settings:
        return None
    return PolicyConfigSchema({name: _setting_schema(setting) for name, setting in settings.items()})


def _setting_schema(setting: Setting) -> dict[str, Any]:
    if isinstance(setting.default, bool):
        kind: dict[str, Any] = {"type": "boolean"}
    elif isinstance(setting.default, int):
        kind = {"type": "integer", "minimum": 0}
    else:
        kind = {"type": "array", "items": {"type": "string"}}
    default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    return {**kind, "default": default, "description": setting.meaning}
