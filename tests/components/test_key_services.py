from __future__ import annotations

import pytest
from factories import ACCOUNT, REGION, encryption
from recording import record, statements

from components.encryption import KeyDomain, ServiceUse
from components.key_services import log_groups, publisher, trail

TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/t"
USES = [
    log_groups(ACCOUNT, REGION, "/plinth/test/"),
    trail(TRAIL),
    publisher("cloudwatch.amazonaws.com", ACCOUNT),
]


@pytest.mark.parametrize("use", USES, ids=lambda use: use.service)
def test_a_service_uses_the_key_of_its_domain_for_our_resources_only(use: ServiceUse) -> None:
    recording = record(lambda: encryption(service_uses={KeyDomain.LOGS: [use]}))
    policy = statements(recording.one("key:Key", "-logs").inputs["policy"])
    (statement,) = [s for s in policy if s["Principal"] == {"Service": use.service}]
    assert statement["Condition"]
    assert ACCOUNT in str(statement["Condition"])
    assert not [action for action in statement["Action"] if "*" in action]


def test_no_service_uses_the_keys_of_other_domains() -> None:
    recording = record(lambda: encryption(service_uses={KeyDomain.LOGS: USES}))
    policy = statements(recording.one("key:Key", "-data").inputs["policy"])
    assert all("Service" not in statement["Principal"] for statement in policy)


def test_a_service_that_anybodys_resources_could_borrow_is_refused() -> None:
    with pytest.raises(ValueError, match="confused deputy"):
        ServiceUse("logs.amazonaws.com", ("kms:Decrypt",), {})
