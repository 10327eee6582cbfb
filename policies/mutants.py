"""Mutants: real resources with one security property broken, to measure what the rules catch."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from policies.core import config
from policies.core.breaking import (
    GUARDS,
    NO_GUARDS,
    REMOVED,
    SECURITY,
    Path,
    breaks,
    in_every_security_context,
    replaced,
)
from policies.core.evaluate import Settings, judge
from policies.core.resources import EVERYTHING, Resource, Stack
from policies.core.rules import Context, Finding, Rule, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Fingerprint = tuple[str, str, str, str]
EXTERNAL: Final = ("aws:", "kubernetes:")

UNEXPLAINED: Final = "unexplained"
EXPLAINED: Final = (
    (
        r"batch/v1:(Job|CronJob)::.*(Probe|topologySpread)",
        "jobs end by themselves: nothing to probe or to spread",
    ),
    (r"accountPublicAccessBlock.*removed", "account-wide: a stack may leave it to the account's owner"),
    (
        r"HTTPRoute::.*matches.*PathPrefix",
        "whatever falls under the path demands to know its caller all the same",
    ),
    (
        r"statement Refuse(Other|Writers)Keys",
        "a second lock: the bucket's default key is judged, no public control asks for more",
    ),
    (r"aws:iam/\w+:RolePolicy.*condition removed", "a second lock: action and resource are exact without it"),
    (
        r"(Trail|ParameterGroup|SubnetGroup|LifecyclePolicy|eks/cluster).*(retention|protection) taken off",
        "it can be declared again as it was, and no store stands open without it",
    ),
    (r"MetricAlarm", "tells of trouble and lets nobody in; no listed control asks for alarms"),
    (
        r"VaultPolicy.*(denial|condition|::[\w-]+  removed)",
        "a second lock: the vault's own lock keeps the backups",
    ),
    (r"routeTableAssociation|RouteTable", "without it a subnet has no way out: nothing opens"),
    (r"enableDns(Hostnames|Support)|privateDnsEnabled", "without private names calls fail: nothing opens"),
    (r"VpcEndpoint.*removed", "private pods don't call this service, by the setting of network-endpoints"),
    (r"multiRegion flipped", "without a replica a copy elsewhere can't be opened: nothing opens here"),
    (r"defaultSecurityGroup.*description", "AWS names this group itself; its rules are judged"),
    (r"RedriveAllowPolicy", "says whose dead letters a queue takes, and lets nobody read them"),
    (
        r"(BucketPolicy|kms/key:Key|TopicPolicy|QueuePolicy|VaultPolicy).*principal made everybody",
        "its condition still ties the statement to our account",
    ),
    (r"aws:kms/alias:Alias|openIdConnectProvider", "a name or an issuer: what it leads to is judged"),
    (r"expiration\.days shortened", "how long data is kept is the environment's choice; logs have a rule"),
    (
        r"(noncurrentVersionExpiration|expiration) removed",
        "another rule of the lifecycle still expires something",
    ),
    (r"ValidatingAdmissionPolicy", "protects an add-on's own types from misuse; no control asks for it"),
    (r"bucketObject.*tags", "an object belongs to its bucket, whose tags say everything"),
    (r"ServiceAccount::.*automount", "every pod says for itself, and is judged"),
    (r"bucketObject.*bucketKeyEnabled", "costs requests to KMS, not safety"),
    (r"forceDetachPolicies", "matters only when the role is deleted"),
    (r"Use\d+ByAutoscaling: condition removed", "its principal is one role of our account, named exactly"),
    (r"LaunchTemplate.*monitoring\.enabled", "how often figures come; no listed control asks for more"),
    (r"zonalShiftConfig", "moves traffic out of a zone that fails, and no listed control asks for it"),
    (
        r"performanceInsights(Enabled|RetentionPeriod)",
        "shows how fast statements are, and no listed control asks for it",
    ),
    (
        r"BucketReplicationConfig.*(metrics|replicationTime)",
        "says how late a copy may be; that it is made is judged",
    ),
    (
        r"BucketReplicationConfig::[\w-]+  removed",
        "the backup plan copies the bucket to the other Region as well, which the rule takes",
    ),
    (
        r"NetworkPolicy::platform-controllers-[\w-]+-pods  removed",
        "its pods are of a chart that a rehearsal can't have, as the exemption of the release says",
    ),
    (
        r"BackendTrafficPolicy.*removed",
        "it can hold no rate limit yet, by the exemption of the route; the rest of it keeps the service up",
    ),
)
"""Survivors that are known and accepted: what the line looks like, and why."""


@dataclass(frozen=True)
class Mutant:
    """One broken property.

    Attributes:
        resource: the resource as it was.
        changed: the resource as it is now; None where it was removed.
        where: the property.
        words: what was done.
        path: the same property, by its parts; empty where an option or the whole resource was broken.
        new: what stands there now.
    """

    resource: Resource
    changed: Resource | None
    where: str
    words: str
    path: Path = ()
    new: object = None


@dataclass(frozen=True)
class Outcome:
    """What the rules caught.

    Attributes:
        mutants: all of them.
        survivors: those that no rule reported, each with the reason as far as it can be told.
    """

    mutants: tuple[Mutant, ...]
    survivors: tuple[tuple[Mutant, str], ...]


def generate(stack: Stack) -> Iterator[Mutant]:
    """Every mutant of a stack's external resources."""
    for resource in stack.resources:
        if resource.type.startswith(EXTERNAL):
            yield from _of(resource)


def _of(resource: Resource) -> Iterator[Mutant]:
    for path, new, words in breaks(resource):
        props = replaced(resource.props, path, new)
        if isinstance(props, dict):
            if path[0] == "tags" and new is REMOVED and isinstance(props.get("tagsAll"), dict):
                props["tagsAll"] = {key: value for key, value in props["tagsAll"].items() if key != path[-1]}
            changed = replace(resource, props=props)
            yield Mutant(resource, changed, _spelled(path), words, path, new)
    if resource.protect:
        yield Mutant(resource, replace(resource, protect=False), "protect", "protection taken off")
    if resource.retain:
        yield Mutant(resource, replace(resource, retain=False), "retainOnDelete", "retention taken off")
    if GUARDS.search(resource.type) and not resource.type.startswith(NO_GUARDS):
        yield Mutant(resource, None, "", "removed")


def _spelled(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def hunt(rules: Iterable[Rule], stack: Stack, settings: Settings) -> Outcome:
    """Run the rules on each mutant; it is caught if a finding appears that the stack itself doesn't have."""
    held = tuple(rules)
    stack = Stack([declared(resource) for resource in stack.resources], resolved=True)
    hunter = _Hunter(held, stack, settings)
    strict = _Hunter(held, stack, config.complete({}, held, where="defaults"))
    mutants = tuple(generate(stack))
    survivors = tuple(
        (mutant, _reason(mutant, held, hunter, strict)) for mutant in mutants if not hunter.catches(mutant)
    )
    return Outcome(mutants, survivors)


def declared(resource: Resource) -> Resource:
    """A resource with what the program asked for, and of the rest only what names it.

    A provider reads back what other resources did: a topic's output has the policy that a TopicPolicy gave
    it. Broken in one place, such a property would still stand in the other, as no broken program leaves it.
    """
    if not resource.inputs:
        return resource
    kept = {
        key: value
        for key, value in resource.props.items()
        if key in resource.inputs or (isinstance(value, str) and '"Statement"' not in value)
    }
    return replace(resource, props=kept)


def unexplained(outcome: Outcome) -> list[Mutant]:
    """Survivors for whose survival nobody has given a reason."""
    return [mutant for mutant, reason in outcome.survivors if reason.startswith(UNEXPLAINED)]


def _reason(mutant: Mutant, rules: tuple[Rule, ...], hunter: _Hunter, strict: _Hunter) -> str:
    caught = strict.catches(mutant)
    if caught:
        return f"{caught[0].rule.id} is not required, or looser, in this environment's config"
    line = f"{mutant.resource.key} {mutant.where} {mutant.words}"
    for pattern, reason in EXPLAINED:
        if re.search(pattern, line):
            return reason
    if _said_twice(mutant, hunter):
        return "said on the pod and on the container: the other one still holds, and both together are caught"
    broken = hunter.broken(mutant.resource)
    if broken:
        return f"{UNEXPLAINED}: the stack itself breaks {', '.join(broken)} here"
    applying = [rule.id for rule in rules if rule.covers(mutant.resource.type) and "aws:*" not in rule.types]
    if not applying:
        return f"{UNEXPLAINED}: no rule judges {mutant.resource.type}"
    what = mutant.where or "its absence"
    return f"{UNEXPLAINED}: none of the {len(applying)} rules for this type reads {what}"


def _said_twice(mutant: Mutant, hunter: _Hunter) -> bool:
    """Whether a change in one security context is caught as soon as it is made in the others, too."""
    if SECURITY not in mutant.path:
        return False
    props = in_every_security_context(mutant.resource.props, mutant.path, mutant.new)
    if not isinstance(props, dict):
        return False
    return bool(hunter.catches(replace(mutant, changed=replace(mutant.resource, props=props))))


class _Hunter:
    """Runs on a mutant the rules that can see it: those on one resource, and those that asked for its type.

    A check is a function of its subject and of the types that it looks for, so that a rule which never looked
    for a resource's type on the intact stack finds the same on the broken one.
    """

    def __init__(self, rules: tuple[Rule, ...], stack: Stack, settings: Settings) -> None:
        active = [rule for rule in rules if settings[rule.id].get("required") is not False]
        self._settings = settings
        self._stack = stack
        self._single = [rule for rule in active if rule.scope is Scope.RESOURCE]
        self._wide = [rule for rule in active if rule.scope is Scope.STACK]
        self._asked: dict[str, set[str]] = {}
        self._before = {_fingerprint(found) for found in self._on(stack.resources, stack, self._single)}
        for rule in self._wide:
            fresh = Stack(stack.resources, resolved=stack.resolved)
            self._before |= {_fingerprint(found) for found in self._across(fresh, rule)}
            self._asked[rule.id] = fresh.asked

    def broken(self, resource: Resource) -> list[str]:
        """The rules that the intact stack already breaks at a resource."""
        return sorted({rule_id for rule_id, urn, _, _ in self._before if urn == resource.urn})

    def catches(self, mutant: Mutant) -> list[Finding]:
        """New findings that a mutant causes."""
        kept = [mutant.changed if held is mutant.resource else held for held in self._stack.resources]
        stack = Stack([held for held in kept if held is not None], resolved=True)
        token = mutant.resource.type
        found = [*self._on([mutant.changed] if mutant.changed else [], stack, self._single)]
        for rule in self._wide:
            if rule.applies_to(token) or self._asked[rule.id] & {token, EVERYTHING}:
                found += self._across(stack, rule)
        return [finding for finding in found if _fingerprint(finding) not in self._before]

    def _across(self, stack: Stack, rule: Rule) -> Iterator[Finding]:
        subjects = [resource for resource in stack.resources if rule.applies_to(resource.type)]
        return self._on(subjects, stack, [rule])

    def _on(self, subjects: Iterable[Resource], stack: Stack, rules: Iterable[Rule]) -> Iterator[Finding]:
        held = list(rules)
        for resource in subjects:
            for rule in held:
                if rule.applies_to(resource.type):
                    yield from judge(rule, resource, Context(stack, self._settings[rule.id]))


def _fingerprint(finding: Finding) -> Fingerprint:
    return finding.rule.id, finding.urn, finding.property, finding.found


def text(outcome: Outcome) -> str:
    """Each survivor with its reason; then the count."""
    lines = [
        f"SURVIVED  {mutant.resource.key}  {mutant.where} {mutant.words}\n    why: {reason}"
        for mutant, reason in outcome.survivors
    ]
    caught = len(outcome.mutants) - len(outcome.survivors)
    reasons = Counter(reason for _, reason in outcome.survivors)
    lines += [f"{count:5}  survived: {reason}" for reason, count in reasons.most_common()]
    lines.append(f"caught {caught} of {len(outcome.mutants)}")
    return "\n".join(lines)
