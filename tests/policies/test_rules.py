"""Every rule passes the compliant environment and notices what breaks it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from policies.core.evaluate import Settings, evaluate
from policies.core.resources import Resource, Stack
from policies.core.rules import Rule, Verdict
from policies.core.values import UNKNOWN
from policies.registry import RULES
from tests.policies.breaks import BREAKS, GROUPS, STAYING, Break, cut, grants, put, together

CASES = [
    pytest.param(rule, change, id=f"{rule.id}-{index}")
    for rule in RULES
    for index, change in enumerate(BREAKS.get(rule.id, ()))
]


def test_the_compliant_environment_breaks_no_rule(stack: Stack, settings: Settings) -> None:
    assert evaluate(RULES, stack, settings).findings == ()


def test_every_rule_judges_something_compliant_or_refuses_its_types(stack: Stack, settings: Settings) -> None:
    matched = evaluate(RULES, stack, settings).matched
    assert [rule.id for rule in RULES if bool(matched[rule.id]) == rule.forbids] == []


def test_every_rule_has_a_case_that_breaks_it() -> None:
    assert {rule.id for rule in RULES} == set(BREAKS)
    assert all(BREAKS.values())


@pytest.mark.parametrize(("rule", "change"), CASES)
def test_a_broken_property_is_noticed_by_its_rule(
    rule: Rule, change: Break, compliant: tuple[Resource, ...], settings: Settings
) -> None:
    found = evaluate([rule], Stack(change(compliant), resolved=True), settings).findings
    assert found
    assert Verdict.CRASHED not in {finding.verdict for finding in found}
    assert all(finding.found and finding.remedy and finding.property for finding in found)


def test_only_a_rule_whose_remedy_is_another_file_leaves_a_break_undecided(
    compliant: tuple[Resource, ...], settings: Settings
) -> None:
    undecided = {
        rule.id
        for rule in RULES
        for change in BREAKS[rule.id]
        for finding in evaluate([rule], Stack(change(compliant), resolved=True), settings).findings
        if finding.verdict is Verdict.UNDECIDED
    }
    assert undecided == {"governance-model-card", "governance-release-file", "kubernetes-charts-rendered"}


def selecting(token: str, field: str, **condition: list[str]) -> dict[str, Any]:
    fields = [
        {"field": "eventCategory", "equals": ["Data"]},
        {"field": "resources.type", "equals": ["AWS::S3::Object"]},
        {"field": field, **condition},
    ]
    return {token: [{"name": "objects", "fieldSelectors": fields}]}


@pytest.mark.parametrize(
    ("condition", "recorded"),
    [
        ({"startsWiths": ["arn:aws:s3:::raw-111122223333/", "arn:aws:s3:::"]}, True),
        ({"startsWiths": ["arn:aws:s3:::another/"]}, False),
        ({"startsWith": ["arn:aws:s3:::"]}, False),  # no property of the provider
        ({"notStartsWiths": ["arn:aws:s3:::"]}, False),
    ],
)
def test_advanced_selectors_count_as_data_events(
    condition: dict[str, list[str]],
    recorded: bool,  # noqa: FBT001 - a parameter of the table above
    compliant: tuple[Resource, ...],
    settings: Settings,
) -> None:
    rule = next(rule for rule in RULES if rule.id == "audit-data-events")
    advanced = selecting("advancedEventSelectors", "resources.ARN", **condition)
    changed = [
        replace(held, props={**held.props, "eventSelectors": [], **advanced})
        if held.name == "trail-of-all"
        else held
        for held in compliant
    ]
    assert bool(evaluate([rule], Stack(changed, resolved=True), settings).findings) is not recorded


def test_a_tag_stands_for_the_name_of_what_a_service_names_itself(
    compliant: tuple[Resource, ...], settings: Settings
) -> None:
    rule = next(rule for rule in RULES if rule.id == "iam-no-wildcard-resource")
    change = grants(
        "ec2:DeleteSecurityGroup", GROUPS, Condition={"StringEquals": {"aws:ResourceTag/cluster": "plinth"}}
    )
    assert evaluate([rule], Stack(change(compliant), resolved=True), settings).findings == ()


@pytest.mark.parametrize("unread", ["platformId", "status"])
def test_a_signing_profile_that_can_not_be_read_leaves_open_whether_images_can_be_signed(
    unread: str, compliant: tuple[Resource, ...], settings: Settings
) -> None:
    rule = next(rule for rule in RULES if rule.id == "ecr-signing-profile")
    unknown = put("image-signing", unread, value=UNKNOWN)(compliant)
    (found,) = evaluate([rule], Stack(unknown, resolved=True), settings).findings
    assert found.verdict is Verdict.UNDECIDED
    profile = next(held for held in compliant if held.name == "image-signing")
    another = replace(profile, name="another", urn=f"{profile.urn}-another")
    assert evaluate([rule], Stack([*unknown, another], resolved=True), settings).findings == ()


@pytest.mark.parametrize("chosen", [None, {}, {"prefix": ""}, {"prefix": "", "tag": None, "and": None}])
def test_a_replication_without_a_narrowing_is_one_of_all_objects(
    chosen: dict[str, Any] | None, compliant: tuple[Resource, ...], settings: Settings
) -> None:
    rule = next(rule for rule in RULES if rule.id == "s3-replication")
    change = together(put("raw-replication", "rules", 0, "filter", value=chosen), STAYING)
    assert evaluate([rule], Stack(change(compliant), resolved=True), settings).findings == ()


def test_a_replication_whose_filter_is_unknown_is_open(
    compliant: tuple[Resource, ...], settings: Settings
) -> None:
    rule = next(rule for rule in RULES if rule.id == "s3-replication")
    change = together(put("raw-replication", "rules", 0, "filter", "prefix", value=UNKNOWN), STAYING)
    (found,) = evaluate([rule], Stack(change(compliant), resolved=True), settings).findings
    assert found.verdict is Verdict.UNDECIDED


def test_a_lock_of_governance_passes_where_the_environment_may_have_one(
    compliant: tuple[Resource, ...], settings: Settings
) -> None:
    rule = next(rule for rule in RULES if rule.id == "backup-vault-lock")
    stack = Stack(cut("vault-lock", "changeableForDays")(compliant), resolved=True)
    loose = {**settings, rule.id: {**settings[rule.id], "for_good": False}}
    assert evaluate([rule], stack, loose).findings == ()
    (found,) = evaluate([rule], stack, settings).findings
    assert found.property == "<VaultLockConfiguration>vault-lock.changeableForDays"


def test_overrides_of_a_restore_test_count_in_any_case_and_are_open_while_they_are_unknown(
    compliant: tuple[Resource, ...], settings: Settings
) -> None:
    rule = next(rule for rule in RULES if rule.id == "backup-restore-testing")
    lower = put(
        "drill-rds",
        "restoreMetadataOverrides",
        value={"dbsubnetgroupname": "registry", "VpcSecurityGroupIds": '["sg-1"]'},
    )
    assert evaluate([rule], Stack(lower(compliant), resolved=True), settings).findings == ()
    unknown = put("drill-rds", "restoreMetadataOverrides", "vpcSecurityGroupIds", value=UNKNOWN)
    (found,) = evaluate([rule], Stack(unknown(compliant), resolved=True), settings).findings
    assert found.verdict is Verdict.UNDECIDED


def test_every_rule_says_what_it_is_about() -> None:
    for rule in RULES:
        assert rule.title
        assert rule.remediation.endswith(".")
        assert rule.laws
        assert rule.family in {
            "s3", "kms", "dynamodb", "rds", "iam", "eks", "ecr", "network", "messaging", "audit", "secrets",
            "edge", "backup", "kubernetes", "governance",
        }  # fmt: skip
