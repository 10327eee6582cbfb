"""Clients of the instance's AWS emulator, whatever AWS settings the caller's own shell has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping


def emulator_client(service: str, environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - one type for each service
    """A client with bounded waits.

    Raises:
        LocalError: the environment names no endpoint, so that it would be AWS itself.
    """
    endpoint = environment.get("AWS_ENDPOINT_URL")
    if not endpoint:
        raise LocalError("AWS_ENDPOINT_URL is not set: local commands speak to the emulator only.")
    return boto3.client(
        service,  # type: ignore[call-overload]  # the stubs know services by literal names only
        endpoint_url=endpoint,
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 3}),
    )
