from __future__ import annotations

from typing import Any

import pytest
from factories import ACCOUNT, ISSUER, grant, identity
from recording import record, statements


def test_exactly_one_service_account_of_one_cluster_may_take_the_role() -> None:
    (trust,) = statements(record(identity).one("role:Role").inputs["assumeRolePolicy"])
    assert trust["Principal"] == {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"}
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {
            f"{ISSUER}:sub": "system:serviceaccount:plinth:serving",
            f"{ISSUER}:aud": "sts.amazonaws.com",
        }
    }


def test_the_role_may_do_what_was_granted_and_nothing_else() -> None:
    (allowed,) = statements(record(identity).one("RolePolicy").inputs["policy"])
    assert allowed["Action"] == list(grant().statements[0].actions)
    assert allowed["Resource"] == list(grant().statements[0].resources)


def test_the_service_account_gets_no_token_for_the_kubernetes_api() -> None:
    account = record(identity).one("ServiceAccount").inputs
    assert account["automountServiceAccountToken"] is False
    assert account["metadata"]["name"] == "serving"


def test_the_role_is_used_only_after_its_policy_is_attached() -> None:
    def program() -> Any:
        return {"waited_for": identity().role_arn.resources()}

    names = {resource._name for resource in record(program).result["waited_for"]}
    assert "identity-grants" in names


def test_a_workload_without_grants_gets_no_role() -> None:
    with pytest.raises(ValueError, match="at least one grant"):
        record(lambda: identity(grants=[]))


def test_sessions_are_as_short_as_iam_allows() -> None:
    assert record(identity).one("role:Role").inputs["maxSessionDuration"] == 3600
