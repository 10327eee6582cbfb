from __future__ import annotations

import pytest
from factories import ACCOUNT, REGION, encryption
from iam import Request, allowed
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


@pytest.mark.parametrize(
    ("action", "context"),
    [
        ("kms:DescribeKey", {}),
        ("kms:GenerateDataKey", {"kms:EncryptionContext:aws:cloudtrail:arn": TRAIL}),
        ("kms:GenerateDataKey", {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::archive"}),
        ("kms:Decrypt", {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::archive"}),
    ],
)
def test_the_trail_looks_at_its_key_and_writes_through_the_key_of_its_bucket(
    action: str, context: dict[str, str]
) -> None:
    recording = record(lambda: encryption(service_uses={KeyDomain.LOGS: [trail(TRAIL)]}))
    policy = statements(recording.one("key:Key", "-logs").inputs["policy"])
    ours = [s for s in policy if s["Principal"] == {"Service": "cloudtrail.amazonaws.com"}]
    for source, answer in ((TRAIL, True), (f"{TRAIL}x", False)):
        request = Request(action, "arn:aws:kms:::key/k", {"aws:SourceArn": source, **context})
        assert allowed(ours, request) is answer


def test_no_service_uses_the_keys_of_other_domains() -> None:
    recording = record(lambda: encryption(service_uses={KeyDomain.LOGS: USES}))
    policy = statements(recording.one("key:Key", "-data").inputs["policy"])
    assert all("Service" not in statement["Principal"] for statement in policy)


def test_a_service_that_anybodys_resources_could_borrow_is_refused() -> None:
    with pytest.raises(ValueError, match="confused deputy"):
        ServiceUse("logs.amazonaws.com", ("kms:Decrypt",), {})
