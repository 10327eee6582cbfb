from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from local.commands.leftovers import leftovers
from local.errors import LocalError
from local.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

REGION = "eu-central-1"
TAGS = [{"TagKey": "project", "TagValue": "plinth"}, {"TagKey": "environment", "TagValue": "prod"}]


@mock_aws
def test_what_is_left_in_the_account_is_refused_unless_the_state_retains_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    kms = boto3.client("kms", region_name=REGION)
    kept = kms.create_key(Tags=TAGS)["KeyMetadata"]["Arn"]
    dying = kms.create_key(Tags=TAGS)["KeyMetadata"]["Arn"]
    kms.schedule_key_deletion(KeyId=dying.rpartition("/")[2])
    state = tmp_path / "state.json"

    def write(*, retained: bool) -> None:
        resource = {"retainOnDelete": retained, "outputs": {"arn": kept}}
        state.write_text(json.dumps({"deployment": {"resources": [resource]}}))

    write(retained=True)
    leftovers("prod", state, Progress())
    write(retained=False)
    with pytest.raises(LocalError, match=kept) as refusal:
        leftovers("prod", state, Progress())
    assert dying not in str(refusal.value)


def test_without_a_state_the_way_to_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="pulumi stack export"):
        leftovers("prod", tmp_path / "none.json", Progress())
