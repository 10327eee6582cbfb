from __future__ import annotations

import pytest

from local.emulated import emulator_client
from local.errors import LocalError

VARIABLES = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}


def test_a_client_speaks_to_the_endpoint_of_the_environment() -> None:
    client = emulator_client("s3", {**VARIABLES, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert client.meta.endpoint_url == "http://127.0.0.1:9"


def test_without_an_endpoint_there_is_no_client_for_it_would_be_aws_itself() -> None:
    with pytest.raises(LocalError, match="AWS_ENDPOINT_URL"):
        emulator_client("s3", VARIABLES)
