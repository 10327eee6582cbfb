from __future__ import annotations

import json
from typing import Any

import pytest
from factories import ACCOUNT, THROW_AWAY, encryption, tags
from iam import Request, allowed
from recording import record, statements

from components.durability import Durability
from components.encryption import KeyDomain
from components.tags import DataClass


def test_every_domain_has_a_key_of_its_own() -> None:
    recording = record(encryption)
    assert len({resource.name for resource in recording.of("key:Key")}) == len(KeyDomain)


def test_keys_rotate() -> None:
    assert all(key.inputs["enableKeyRotation"] is True for key in record(encryption).of("key:Key"))


def test_a_key_takes_thirty_days_to_die_unless_told_otherwise() -> None:
    assert record(encryption).one("key:Key", "-data").inputs["deletionWindowInDays"] == 30


@pytest.mark.parametrize("days", [0, 6, 31])
def test_a_deletion_window_that_kms_refuses_is_refused_before(days: Any) -> None:
    with pytest.raises(ValueError, match=f"is {days} days; KMS takes 7 to 30"):
        record(lambda: encryption(deletion_window_days=days))


def test_only_the_account_itself_is_a_principal_of_a_key() -> None:
    for key in record(encryption).of("key:Key"):
        for statement in statements(key.inputs["policy"]):
            assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def test_a_key_policy_names_each_action() -> None:
    for statement in statements(record(encryption).one("key:Key", "-data").inputs["policy"]):
        assert not [action for action in statement["Action"] if "*" in action]


def test_only_services_may_be_given_grants_on_a_key() -> None:
    policy = statements(record(encryption).one("key:Key", "-data").inputs["policy"])
    granting = [statement for statement in policy if "kms:CreateGrant" in statement["Action"]]
    assert [statement["Condition"] for statement in granting] == [
        {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    ]


DEPLOYS = f"arn:aws:iam::{ACCOUNT}:role/deploy"


def admits(domain: str, action: str, **context: str) -> bool:
    """Whether a key's policy leaves an action to IAM; whoever deploys may give grants on the cluster's."""
    recording = record(lambda: encryption(grantors={KeyDomain.CLUSTER: [DEPLOYS]}))
    policy = statements(recording.one("key:Key", f"-{domain}").inputs["policy"])
    keys = {f"aws:{key}": value for key, value in context.items()}
    return allowed(policy, Request(action, "arn:aws:kms:::key/k", keys))


def test_whoever_makes_the_cluster_may_give_eks_its_grant_on_the_cluster_s_key_and_on_no_other() -> None:
    # EKS asks with neither kms:GrantIsForAWSResource nor anything else that says whom the grant is for.
    assert admits("cluster", "kms:CreateGrant", PrincipalArn=DEPLOYS)
    assert admits("cluster", "kms:DescribeKey", PrincipalArn=DEPLOYS)
    assert not admits("cluster", "kms:CreateGrant", PrincipalArn=f"arn:aws:iam::{ACCOUNT}:role/serving")
    assert not admits("cluster", "kms:CreateGrant")
    assert not admits("data", "kms:CreateGrant", PrincipalArn=DEPLOYS)


@pytest.mark.parametrize(
    "role", [f"arn:aws:iam::{ACCOUNT}:role/*", f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "*"]
)
def test_whoever_may_give_grants_to_anybody_is_one_role(role: str) -> None:
    with pytest.raises(ValueError, match="is not the ARN of one role"):
        record(lambda: encryption(grantors={KeyDomain.CLUSTER: [role]}))


def test_the_key_can_be_managed_by_those_whom_iam_allows() -> None:
    policy = json.loads(record(encryption).one("key:Key", "-data").inputs["policy"])
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert {"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"} <= actions  # or nobody could ever change it


def test_the_alias_names_environment_and_domain() -> None:
    assert (
        record(encryption).one("alias:Alias", "-records-alias").inputs["name"] == "alias/plinth-test-records"
    )


def test_keys_are_protected_and_retained_by_default() -> None:
    assert all(key.protect and key.retain for key in record(encryption).of("key:Key"))


def test_keys_of_throw_away_data_are_not() -> None:
    keys = record(lambda: encryption(durability=THROW_AWAY)).of("key:Key")
    assert not any(key.protect or key.retain for key in keys)


def test_a_key_bears_the_class_of_the_data_it_protects() -> None:
    recording = record(lambda: encryption(domains={KeyDomain.DATA: DataClass.RESTRICTED}))
    expected = tags().aws("encryption", DataClass.RESTRICTED)
    assert recording.one("key:Key").inputs["tags"] == expected


def test_replicas_elsewhere_are_possible_only_if_asked_for() -> None:
    assert record(encryption).one("key:Key", "-data").inputs["multiRegion"] is False
    recording = record(lambda: encryption(multi_region=True, durability=Durability()))
    assert recording.one("key:Key", "-data").inputs["multiRegion"] is True
