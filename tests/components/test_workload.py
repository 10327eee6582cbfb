from __future__ import annotations

from typing import Any

import pytest
from factories import DIGEST, inference_service
from recording import record

from components.workload import AwsAccess, Image


def container(**overrides: Any) -> dict:
    deployment = record(lambda: inference_service(**overrides)).one("Deployment").inputs
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    return only


def variables(**overrides: Any) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(**overrides)["env"]}


@pytest.mark.parametrize(
    "reference",
    [
        "registry.example.org/plinth:latest",
        "registry.example.org/plinth:v1",
        "registry.example.org/plinth",
        "registry.example.org/plinth@sha256:abc",
        f"@{DIGEST}",
        f"registry.example.org/plinth@sha512:{'a' * 64}",
    ],
)
def test_an_image_that_is_not_given_by_digest_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match="not given by digest"):
        Image(reference)


def test_an_image_knows_its_digest() -> None:
    assert Image(f"registry.example.org:5000/plinth@{DIGEST}").digest == DIGEST


def test_a_pod_proves_itself_to_aws_with_a_token_of_its_own() -> None:
    environment = variables()
    assert environment["AWS_ROLE_ARN"].endswith("role/plinth-test-serving")
    mounts = {mount["mountPath"]: mount for mount in container()["volumeMounts"]}
    folder = environment["AWS_WEB_IDENTITY_TOKEN_FILE"].rpartition("/")[0]
    assert mounts[folder]["readOnly"] is True


def test_no_pod_asks_the_node_for_credentials() -> None:
    assert variables()["AWS_EC2_METADATA_DISABLED"] == "true"


def test_aws_itself_is_called_unless_an_emulator_is_named() -> None:
    assert "AWS_ENDPOINT_URL" not in variables()
    emulated = variables(aws=AwsAccess("eu-central-1", "http://emulator:4566"))
    assert emulated["AWS_ENDPOINT_URL"] == "http://emulator:4566"


def test_no_secret_stands_in_the_environment() -> None:
    names = variables()
    assert not [name for name in names if "SECRET" in name or "PASSWORD" in name or "ACCESS_KEY" in name]
