"""The rules as a Pulumi policy pack: what the engine asks before each resource and at the end of each run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi_policy.policy as sdk
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_OBJECT_VALUE, UnknownValueError

from policies.core import config, exemptions
from policies.core.errors import PolicyInputError
from policies.core.evaluate import judge
from policies.core.paths import EXEMPTIONS, today
from policies.core.resources import STACK_TYPE, Resource, Stack, canonical_type
from policies.core.rules import Context, Finding, Rule, Scope, Setting, SettingValue, Verdict
from policies.core.rules import Severity as OurSeverity
from policies.core.values import UNKNOWN
from policies.registry import RULES

if TYPE_CHECKING:
    from policies.core.exemptions import Exemption

NAME: Final = "plinth"
SEVERITIES: Final = {
    OurSeverity.LOW: Severity.LOW,
    OurSeverity.MEDIUM: Severity.MEDIUM,
    OurSeverity.HIGH: Severity.HIGH,
    OurSeverity.CRITICAL: Severity.CRITICAL,
}
CANNOT_DECIDE: Final = "cannot-decide"
"""Word in every message of a rule that could not run; the gate fails on it."""


@dataclass
class Phase:
    """What the engine is doing.

    Attributes:
        preview: values may be unknown; until the engine says, they are taken to be.
    """

    preview: bool = True


PHASE: Final = Phase()


class _Servicer(sdk._PolicyAnalyzerServicer):  # noqa: SLF001 - the SDK drops what the engine says
    """The SDK's servicer, which also notes whether this is a preview: an update may leave nothing unknown."""

    def ConfigureStack(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802 - gRPC's name and types
        PHASE.preview = request.dry_run
        return super().ConfigureStack(request, context)


def serve() -> None:
    """Register every rule and answer the engine until it ends the process."""
    setattr(sdk, "_PolicyAnalyzerServicer", _Servicer)  # noqa: B010 - the SDK offers no other way
    PolicyPack(NAME, policies=policies(RULES), enforcement_level=EnforcementLevel.MANDATORY)


def policies(rules: Iterable[Rule]) -> list[Policy]:
    """The rules in the engine's form, each mandatory; those for resolved state are left to the gate."""
    held = list(rules)
    exempted = exemptions.load(EXEMPTIONS, {rule.id for rule in held}.__contains__, today())
    return [_policy(rule, exempted) for rule in held if not rule.resolved_only]


def _policy(rule: Rule, exempted: Sequence[Exemption]) -> Policy:
    common: dict[str, Any] = {
        "name": rule.id,
        "description": rule.title,
        "enforcement_level": EnforcementLevel.MANDATORY,
        "display_name": rule.id,
        "severity": SEVERITIES[rule.severity],
        "tags": [*rule.public_ids, *rule.laws],
        "remediation_steps": rule.remediation,
        "config_schema": _schema(rule.settings),
    }
    if rule.scope is Scope.RESOURCE:
        return ResourceValidationPolicy(validate=_on_resource(rule, exempted), **common)
    return StackValidationPolicy(validate=_on_stack(rule, exempted), **common)


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


def _on_resource(
    rule: Rule, exempted: Sequence[Exemption]
) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if not rule.applies_to(canonical_type(args.resource_type)):
            return
        limits = _limits(rule, args.get_config(), report)
        if limits is None or limits.get("required") is False:
            return
        resource = Resource(
            type=canonical_type(args.resource_type),
            name=args.name,
            urn=args.urn,
            props=_mapping(args.props),
            protect=bool(args.opts.protect),
        )
        context = Context(Stack([resource], resolved=False), limits)
        _report(judge(rule, resource, context), exempted, report)

    return validate


def _on_stack(
    rule: Rule, exempted: Sequence[Exemption]
) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        limits = _limits(rule, args.get_config(), report)
        if limits is None or limits.get("required") is False:
            return
        stack = Stack([_of_stack(resource) for resource in args.resources], resolved=False)
        subjects = [resource for resource in stack.resources if rule.applies_to(resource.type)]
        if not subjects and STACK_TYPE in rule.types:
            subjects = [Resource(type=STACK_TYPE, name="stack", urn="", props={})]
        context = Context(stack, limits)
        _report(
            (finding for subject in subjects for finding in judge(rule, subject, context)), exempted, report
        )

    return validate


def _of_stack(resource: PolicyResource) -> Resource:
    return Resource(
        type=canonical_type(resource.resource_type),
        name=resource.name,
        urn=resource.urn,
        props=_Unknown() if PHASE.preview and not len(resource.props) else _Lazily(resource.props),
        depends={
            key: tuple(dependency.urn for dependency in found)
            for key, found in resource.property_dependencies.items()
        },
        parent=resource.parent.urn if resource.parent else "",
        protect=bool(resource.opts.protect),
    )


class _Unknown(Mapping[str, object]):
    """All properties of a resource whose provider isn't configured yet, such as that of a cluster to be made.

    The engine gives none for it at preview; taken as they are, they would all be absent.
    """

    def __getitem__(self, _key: str) -> object:
        return UNKNOWN

    def __contains__(self, _key: object) -> bool:
        return True

    def __iter__(self) -> Any:  # noqa: ANN401 - an iterator over nothing
        return iter(())

    def __len__(self) -> int:
        return 0


class _Lazily(Mapping[str, object]):
    """Properties that are opened only when a rule reads one: most rules read few of few resources."""

    def __init__(self, proxy: Any) -> None:  # noqa: ANN401 - the SDK's proxies have no public type
        self._proxy = proxy

    def __getitem__(self, key: str) -> object:
        return _opened(self._proxy, key)

    def __iter__(self) -> Any:  # noqa: ANN401 - see above
        return iter(self._proxy)

    def __len__(self) -> int:
        return len(self._proxy)


def _mapping(proxy: Any) -> dict[str, object]:  # noqa: ANN401 - see above
    return {str(key): _opened(proxy, key) for key in proxy}


def _opened(proxy: Any, key: Any) -> object:  # noqa: ANN401 - see above
    """A value behind the SDK's proxies, which raise on unknown values; ours only mark them."""
    try:
        value = proxy[key]
    except UnknownValueError:
        return UNKNOWN
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, Sequence):
        return [_opened(value, index) for index in range(len(value))]
    return value


def _limits(rule: Rule, held: Mapping[str, Any], report: ReportViolation) -> dict[str, SettingValue] | None:
    """The rule's limits; a config that can't be used is a violation, so that it can't open the gate."""
    try:
        return config.limits(rule, dict(held), where="policy config")
    except PolicyInputError as error:
        report(f"{error}", None)
        return None


def _report(findings: Iterable[Finding], exempted: Sequence[Exemption], report: ReportViolation) -> None:
    """Report violations with their resource; then, if anything could not be decided, say so to the engine."""
    undecided: Finding | None = None
    for finding in findings:
        if finding.verdict is Verdict.UNDECIDED:
            undecided = undecided or finding
        elif not _is_exempt(finding, exempted):
            report(
                f"{finding.resource}: {finding.property} is {finding.found}. {finding.remedy}",
                finding.urn or None,
            )
    if undecided is not None and not PHASE.preview:
        report(
            f"{undecided.resource}: {undecided.property}: {CANNOT_DECIDE}, {undecided.found}",
            undecided.urn or None,
        )
    elif undecided is not None:
        # The engine's own way of saying so: advisory at preview, never a pass; the gate fails on it.
        path = (
            f"{undecided.urn or undecided.resource}#{undecided.property} ({CANNOT_DECIDE}: {undecided.found})"
        )
        raise UnknownValueError(UNKNOWN_OBJECT_VALUE, [path])


def _is_exempt(finding: Finding, exempted: Sequence[Exemption]) -> bool:
    return any(
        exemption.fits(finding.rule.id, finding.resource, finding.urn) and exemption.expires >= today()
        for exemption in exempted
        if finding.verdict is Verdict.VIOLATION
    )
