"""Nothing that a resource holds makes a rule raise, and nothing unreadable makes it pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.core.breaking import REMOVED, replaced
from policies.core.documents import statements
from policies.core.evaluate import Settings, evaluate, judge
from policies.core.resources import Resource, Stack
from policies.core.rules import Context, Rule, Verdict
from policies.core.values import UNKNOWN, MalformedError, UndecidedError, View
from policies.registry import RULES
from tests.policies.breaks import BREAKS, Put

PLACES = list(
    {
        (rule.id, change.name, change.path): pytest.param(
            rule, change, id=f"{rule.id}-{change.name}-{'.'.join(map(str, change.path))}"
        )
        for rule in RULES
        for change in BREAKS[rule.id]
        if isinstance(change, Put)
    }.values()
)
MALFORMED = [
    pytest.param(*place.values, malformed, id=f"{place.id}-{type(malformed).__name__}")
    for place in PLACES
    for malformed in ({"a": [1]}, [[None]])
    # Where an object belongs, another object has no wrong type.
    if not (isinstance(malformed, dict) and isinstance(place.values[1].value, dict))
]
NONSENSE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 70000)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        [UNKNOWN, "*", "{", "null", "[]", "0", "arn:aws:s3:::", '{"Statement": {}}', "true", "::/0"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(("rule", "place"), PLACES)
def test_an_unknown_value_never_passes(
    rule: Rule, place: Put, compliant: tuple[Resource, ...], settings: Settings
) -> None:
    found = evaluate([rule], Stack(place.instead(UNKNOWN)(compliant), resolved=True), settings).findings
    assert {finding.verdict for finding in found} & {Verdict.UNDECIDED, Verdict.VIOLATION}


@pytest.mark.parametrize(("rule", "place", "malformed"), MALFORMED)
def test_a_value_of_a_wrong_type_never_passes(
    rule: Rule, place: Put, malformed: Any, compliant: tuple[Resource, ...], settings: Settings
) -> None:
    found = evaluate([rule], Stack(place.instead(malformed)(compliant), resolved=True), settings).findings
    assert Verdict.VIOLATION in {finding.verdict for finding in found}


@st.composite
def _mangled(draw: st.DrawFn, resources: tuple[Resource, ...]) -> list[Resource]:
    """The compliant environment with nonsense at some places."""
    held = list(resources)
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(held) - 1))
        path: tuple[str | int, ...] = ()
        value: Any = held[index].props
        while isinstance(value, dict | list) and value and (not path or draw(st.booleans())):
            keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
            path = (*path, draw(st.sampled_from(keys)))
            value = value[path[-1]]
        if path:
            new = draw(NONSENSE | st.just(REMOVED))
            props = replaced(held[index].props, path, new)
            assert isinstance(props, dict)
            held[index] = replace(held[index], props=props)
    return held


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nonsense_anywhere_crashes_no_rule(data: st.DataObject, compliant: tuple[Resource, ...]) -> None:
    limits = _limits()
    report = evaluate(RULES, Stack(data.draw(_mangled(compliant)), resolved=True), limits)
    assert [f for f in report.findings if f.verdict is Verdict.CRASHED] == []


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_resource_of_nothing_but_nonsense_crashes_no_rule(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from([rule for rule in RULES if "aws:*" not in rule.types]))
    props = data.draw(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), NONSENSE, max_size=5))
    resource = Resource(type=data.draw(st.sampled_from(rule.types)), name="x", urn="urn", props=props)
    context = Context(Stack([resource], resolved=True), _limits()[rule.id])
    assert Verdict.CRASHED not in {finding.verdict for finding in judge(rule, resource, context)}


KEYS = (
    "policy",
    "spec",
    "metadata",
    "rules",
    "tags",
    "bucket",
    "data",
    "env",
    "ingress",
    "parameters",
    "arn",
)


def _limits() -> Settings:
    return {rule.id: {name: held.default for name, held in rule.settings.items()} for rule in RULES}


@given(
    text=st.text(max_size=200)
    | st.sampled_from(["", " ", "null", "[]", "{}", "0", '"x"', "[" * 5000, '{"a":1,"a":2}'])
)
def test_a_text_that_is_no_policy_document_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        statements(View(text, "policy"))


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "allow", "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "Resource": "*"},
        {"Effect": "Allow", "Action": [], "Resource": "*"},
        {"Effect": "Allow", "Action": 3, "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "Ressource": "*"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"Bool": "true"}},
        "Allow",
    ],
)
def test_a_statement_that_aws_would_refuse_is_malformed(statement: Any) -> None:
    with pytest.raises(MalformedError):
        statements(View({"Version": "2012-10-17", "Statement": [statement]}, "policy"))


def test_a_document_with_an_unknown_part_is_undecided() -> None:
    document = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": [UNKNOWN]}]}
    with pytest.raises(UndecidedError):
        statements(View(document, "policy"))


def test_a_rule_that_crashes_closes_the_gate(compliant: tuple[Resource, ...]) -> None:
    def crash(_resource: Resource, _context: Context) -> Any:
        raise ZeroDivisionError("a defect")

    rule = replace(RULES[0], check=crash, types=("aws:s3/bucket:Bucket",))
    report = evaluate([rule], Stack(compliant, resolved=True), {rule.id: {}})
    assert {finding.verdict for finding in report.findings} == {Verdict.CRASHED}
    assert not report.passed


def test_a_thousand_resources_are_judged_in_seconds(compliant: tuple[Resource, ...]) -> None:
    many = [
        replace(resource, name=f"{resource.name}-{copy}", urn=f"{resource.urn}-{copy}")
        for copy in range(10)
        for resource in compliant
    ]
    assert len(many) >= 1000
    report = evaluate(RULES, Stack(many, resolved=True), _limits())
    assert report.resources == len(many)
    assert Verdict.CRASHED not in {finding.verdict for finding in report.findings}
