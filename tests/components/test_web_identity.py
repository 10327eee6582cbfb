from __future__ import annotations

import pytest
from factories import ACCOUNT, ISSUER, web_identity
from recording import record


def test_tokens_for_aws_only_are_accepted() -> None:
    provider = record(web_identity).one("OpenIdConnectProvider").inputs
    assert provider["clientIdLists"] == ["sts.amazonaws.com"]
    assert provider["url"] == f"https://{ISSUER}"


def test_public_authorities_need_no_fingerprint() -> None:
    assert "thumbprintLists" not in record(web_identity).one("OpenIdConnectProvider").inputs


def test_a_fingerprint_is_passed_on() -> None:
    recording = record(lambda: web_identity(thumbprints=("0" * 40,)))
    assert recording.one("OpenIdConnectProvider").inputs["thumbprintLists"] == ["0" * 40]


def test_a_provider_that_exists_is_used_and_none_is_made() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
    recording = record(lambda: {"arn": web_identity(provider_arn=arn).provider_arn})
    assert recording.result == {"arn": arn}
    assert not recording.of("OpenIdConnectProvider")


def test_an_issuer_without_tls_is_refused() -> None:
    with pytest.raises(ValueError, match="not an https:// address"):
        record(lambda: web_identity(issuer_url="http://oidc.example.org"))


def test_fingerprints_of_somebody_elses_provider_are_refused() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
    with pytest.raises(ValueError, match="which has its own"):
        record(lambda: web_identity(provider_arn=arn, thumbprints=("0" * 40,)))
