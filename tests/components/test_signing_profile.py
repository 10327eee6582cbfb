from __future__ import annotations

from typing import Any

import pytest
from factories import THROW_AWAY, signing_profile
from recording import record

PROFILE = "signer/signingProfile:SigningProfile"
PERMISSION = "signingProfilePermission:SigningProfilePermission"
RELEASE = "arn:aws:iam::210987654321:role/ci/release"
OTHER = "arn:aws:iam::210987654321:role/other"


def profile(**overrides: Any) -> dict[str, Any]:
    return record(lambda: signing_profile(**overrides)).one(PROFILE).inputs


def test_it_signs_images_and_nothing_else() -> None:
    assert profile()["platformId"] == "Notation-OCI-SHA384-ECDSA"


def test_its_name_begins_with_what_signer_takes() -> None:
    assert profile()["namePrefix"] == "plinth_test_images_"


def test_a_signature_holds_as_long_as_can_be_had_unless_somebody_says_so() -> None:
    assert profile()["signatureValidityPeriod"] == {"type": "MONTHS", "value": 135}
    assert profile(validity_months=12)["signatureValidityPeriod"] == {"type": "MONTHS", "value": 12}


def test_it_bears_its_tags() -> None:
    assert profile()["tags"] == {"environment": "test"}


def test_what_images_are_trusted_by_is_not_lost_by_one_command() -> None:
    kept = record(signing_profile).one(PROFILE)
    assert kept.protect
    assert kept.retain
    thrown_away = record(lambda: signing_profile(durability=THROW_AWAY)).one(PROFILE)
    assert not thrown_away.protect
    assert not thrown_away.retain


def test_nobody_elses_account_signs_unless_somebody_says_so() -> None:
    assert not record(signing_profile).of(PERMISSION)


def test_a_signer_may_sign_and_do_nothing_else_with_it() -> None:
    (permission,) = record(lambda: signing_profile(signers=[RELEASE])).of(PERMISSION)
    assert permission.inputs["action"] == "signer:SignPayload"
    assert permission.inputs["principal"] == RELEASE


def test_taking_one_signer_out_does_not_touch_the_others() -> None:
    both, one = (
        {
            (held.name, held.inputs["statementId"]): held.inputs["principal"]
            for held in record(lambda signers=signers: signing_profile(signers=signers)).of(PERMISSION)
        }
        for signers in ([RELEASE, OTHER], [OTHER])
    )
    assert len(both) == 2
    assert one.items() <= both.items()


def test_commands_learn_which_profile_and_which_version() -> None:
    def program() -> dict[str, Any]:
        held = signing_profile()
        return {"profile": held.profile_arn, "version": held.version_arn}

    found = record(program).result
    assert found["version"].startswith(f"{found['profile']}/")


@pytest.mark.parametrize("signer", ["*", "210987654321", "arn:aws:iam::210987654321:root", f"{RELEASE}*"])
def test_a_signer_that_is_not_one_role_is_refused(signer: str) -> None:
    with pytest.raises(ValueError, match="is not the ARN of one role"):
        record(lambda: signing_profile(signers=[signer]))


@pytest.mark.parametrize("months", [0, 136])
def test_a_validity_that_signer_refuses_is_refused(months: int) -> None:
    with pytest.raises(ValueError, match=f"hold {months} months; Signer takes 1 to 135"):
        record(lambda: signing_profile(validity_months=months))


@pytest.mark.parametrize("prefix", ["plinth test", "p" * 38])
def test_a_name_that_signer_refuses_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="letters, digits and underscores"):
        record(lambda: signing_profile(prefix=prefix))
