"""What the engine asks of the pack while it runs: to judge each resource, and at the end all of them.

The SDK's own servicer converts the properties of every resource anew for every policy, which with hundreds of
both took longer than the preview itself. This one converts each once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pulumi_policy.policy as sdk
from google.protobuf import empty_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import analyzer_pb2 as protocol

from policies.core import config, exemptions
from policies.core.errors import PolicyInputError
from policies.core.evaluate import judge
from policies.core.paths import EXEMPTIONS, today
from policies.core.resources import STACK_TYPE, Resource, Stack, canonical_type
from policies.core.rules import Context, Finding, Rule, Scope, SettingValue, Severity, Verdict
from policies.core.state import plain
from policies.core.values import UNKNOWN
from policies.registry import RULES

if TYPE_CHECKING:
    from policies.core.exemptions import Exemption

CANNOT_DECIDE: Final = "cannot-decide"
"""Word in every message of a rule that could not run; the gate fails on it."""
SEVERITIES: Final = {
    Severity.LOW: protocol.POLICY_SEVERITY_LOW,
    Severity.MEDIUM: protocol.POLICY_SEVERITY_MEDIUM,
    Severity.HIGH: protocol.POLICY_SEVERITY_HIGH,
    Severity.CRITICAL: protocol.POLICY_SEVERITY_CRITICAL,
}


@dataclass
class Phase:
    """What the engine is doing.

    Attributes:
        preview: values may be unknown; until the engine says, they are taken to be.
        stack: name of the environment; until the engine says, no exemption of a single one holds.
        limits: rule id -> what the engine's config says of the rule, unchecked.
    """

    preview: bool = True
    stack: str = ""
    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Servicer(sdk._PolicyAnalyzerServicer):  # noqa: SLF001 - the SDK offers no other way
    """The engine's questions and the rules' answers; what the pack says of itself is left to the SDK."""

    def __init__(self, name: str, version: str, *more: Any) -> None:  # noqa: ANN401 - the SDK's own words
        super().__init__(name, version, *more)
        self._pack = {"policyPackName": name, "policyPackVersion": version}
        self._rules = [rule for rule in RULES if not rule.resolved_only]
        self._exempted = exemptions.load(EXEMPTIONS, {rule.id for rule in RULES}.__contains__, today())
        self._phase = Phase()

    def ConfigureStack(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802 - gRPC's name and types
        """Note the stack, and whether this is a preview: an update may leave nothing unknown."""
        self._phase.preview, self._phase.stack = request.dry_run, request.stack
        return super().ConfigureStack(request, context)

    def Configure(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802 - see above
        """Take the limits of the environment; each rule checks its own when it is used."""
        self._phase.limits = {
            name: {
                **MessageToDict(held.properties),
                config.LEVEL: protocol.EnforcementLevel.Name(held.enforcementLevel).lower(),
            }
            for name, held in request.policyConfig.items()
        }
        return empty_pb2.Empty()

    def Remediate(self, _request: Any, _context: Any) -> Any:  # noqa: ANN401, N802 - see above
        """Change nothing: rules judge."""
        return protocol.RemediateResponse()

    def Analyze(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802 - see above
        """Judge one resource, before it is made."""
        token = canonical_type(request.type)
        rules = [rule for rule in self._rules if rule.scope is Scope.RESOURCE and rule.applies_to(token)]
        found: list[Any] = []
        if rules:
            resource = Resource(
                type=token,
                name=request.name,
                urn=request.urn,
                props=_properties(request),
                protect=bool(request.options.protect),
            )
            stack = Stack([resource], resolved=False)
            for rule in rules:
                found += self._judged(rule, [resource], stack)
        return protocol.AnalyzeResponse(diagnostics=found)

    def AnalyzeStack(self, request: Any, _context: Any) -> Any:  # noqa: ANN401, N802 - see above
        """Judge everything together, at the end of a preview or an update."""
        stack = Stack([self._of_stack(held) for held in request.resources], resolved=False)
        found: list[Any] = []
        for rule in self._rules:
            if rule.scope is Scope.STACK:
                subjects = [resource for resource in stack.resources if rule.applies_to(resource.type)]
                if not subjects and STACK_TYPE in rule.types:
                    subjects = [Resource(type=STACK_TYPE, name="stack", urn="", props={})]
                found += self._judged(rule, subjects, stack)
        return protocol.AnalyzeResponse(diagnostics=found)

    def _of_stack(self, held: Any) -> Resource:  # noqa: ANN401 - see above
        # A provider that isn't configured yet, such as that of a cluster to be made, tells nothing at
        # preview; taken as they are, all properties would be absent.
        is_silent = self._phase.preview and not held.properties.fields
        return Resource(
            type=canonical_type(held.type),
            name=held.name,
            urn=held.urn,
            props=_Unknown() if is_silent else _properties(held),
            depends={key: tuple(found.urns) for key, found in held.propertyDependencies.items()},
            parent=held.parent,
            protect=bool(held.options.protect),
        )

    def _judged(self, rule: Rule, subjects: Iterable[Resource], stack: Stack) -> Iterator[Any]:
        """What a rule says of some resources, in the engine's form."""
        try:
            limits = config.limits(rule, self._phase.limits.get(rule.id, {}), where="policy config")
        except PolicyInputError as error:
            # A config that can't be used is a violation, so that it can't open the gate.
            yield self._diagnostic(rule, str(error), "")
            return
        if limits.get("required") is not False:
            yield from self._told(rule, subjects, stack, limits)

    def _told(
        self,
        rule: Rule,
        subjects: Iterable[Resource],
        stack: Stack,
        limits: Mapping[str, SettingValue],
    ) -> Iterator[Any]:
        context = Context(stack, limits)
        undecided: Finding | None = None
        for finding in (found for subject in subjects for found in judge(rule, subject, context)):
            if finding.verdict is Verdict.UNDECIDED:
                undecided = undecided or finding
            elif not self._is_exempt(finding):
                words = f"{finding.resource}: {finding.property} is {finding.found}. {finding.remedy}"
                yield self._diagnostic(rule, words, finding.urn)
        if undecided is not None:
            yield self._undecided(rule, undecided)

    def _undecided(self, rule: Rule, finding: Finding) -> Any:  # noqa: ANN401 - see above
        words = f"{finding.resource}: {finding.property}: {CANNOT_DECIDE}, {finding.found}"
        if not self._phase.preview:
            return self._diagnostic(rule, words, finding.urn)
        # Advisory, as the SDK has it: never a pass, and decided by the update and on the resolved state.
        return self._diagnostic(
            rule, f"can't run policy '{rule.id}' during preview: {words}", finding.urn, protocol.ADVISORY
        )

    def _diagnostic(self, rule: Rule, words: str, urn: str, level: Any = protocol.MANDATORY) -> Any:  # noqa: ANN401 - see above
        return protocol.AnalyzeDiagnostic(
            policyName=rule.id,
            message=f"{rule.title}\n{words}",
            urn=urn,
            description=rule.title,
            enforcementLevel=level,
            severity=SEVERITIES[rule.severity],
            **self._pack,
        )

    def _is_exempt(self, finding: Finding) -> bool:
        return finding.verdict is Verdict.VIOLATION and any(
            is_in_force(exemption, finding, self._phase.stack) for exemption in self._exempted
        )


def is_in_force(exemption: Exemption, finding: Finding, stack: str) -> bool:
    """Whether an exemption covers a finding in an environment today."""
    return (
        exemption.fits(finding.rule.id, finding.resource, finding.urn)
        and exemption.meant_for(stack)
        and exemption.expires >= today()
    )


def _properties(held: Any) -> Mapping[str, object]:  # noqa: ANN401 - gRPC's types
    """The properties of a resource without the engine's markers."""
    found = plain(MessageToDict(held.properties))
    return found if isinstance(found, Mapping) else {}


class _Unknown(Mapping[str, object]):
    """Properties of which nothing is known, so that a rule which reads any of them can't decide."""

    def __getitem__(self, _key: str) -> object:
        return UNKNOWN

    def __contains__(self, _key: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
