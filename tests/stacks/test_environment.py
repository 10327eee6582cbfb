from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from recording import record

from components.grants import ACTION
from stacks.environment import Environment
from stacks.release import Images, Release
from stacks.settings import load_file

if TYPE_CHECKING:
    from recording import Recording

DIGESTS = {name: f"sha256:{letter * 64}" for name, letter in zip(Images.model_fields, "1234", strict=True)}
IMAGES = Images(**{name: f"localhost/{name}@{digest}" for name, digest in DIGESTS.items()})
RELEASE = Release(model="support2-mortality", version="0123456789ab", artifact_sha256="b" * 64)


def declare(release: Release | None) -> Recording:
    settings = load_file("local")
    return record(lambda: Environment(settings, IMAGES, release).exports(), stack="local")


@pytest.fixture(scope="module")
def released() -> Recording:
    return declare(RELEASE)


@pytest.fixture(scope="module")
def unreleased() -> Recording:
    return declare(None)


def test_without_a_release_there_is_no_inference_service(unreleased: Recording) -> None:
    assert not unreleased.of("InferenceService")
    assert not unreleased.of("Deployment")
    assert unreleased.result["served_version"] is None
    assert unreleased.result["served_artifact_sha256"] is None


def test_without_a_release_everything_else_is_there(unreleased: Recording, released: Recording) -> None:
    before = {(resource.type, resource.name) for resource in unreleased.resources}
    after = {(resource.type, resource.name) for resource in released.resources}
    assert before < after
    assert all(name.startswith("serving") for _, name in after - before)


def test_what_is_served_is_what_was_released(released: Recording) -> None:
    (container,) = released.one("Deployment").inputs["spec"]["template"]["spec"]["containers"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    assert variables["PLINTH_ARTIFACT_SHA256"] == RELEASE.artifact_sha256
    assert variables["PLINTH_MODEL_VERSION"] == RELEASE.version
    assert container["image"].endswith(DIGESTS["serving"])
    assert released.result["served_version"] == RELEASE.version
    assert released.result["served_artifact_sha256"] == RELEASE.artifact_sha256


def test_a_release_may_pin_the_image_that_was_tested_with_it() -> None:
    image = f"registry.example.org/serving@sha256:{'9' * 64}"
    recording = declare(RELEASE.model_copy(update={"image": image}))
    (container,) = recording.one("Deployment").inputs["spec"]["template"]["spec"]["containers"]
    assert container["image"] == image


def test_another_version_changes_the_inference_service_and_nothing_else(released: Recording) -> None:
    other = declare(RELEASE.model_copy(update={"version": "ffffffffffff", "artifact_sha256": "c" * 64}))
    before = {(resource.type, resource.name): resource.inputs for resource in released.resources}
    after = {(resource.type, resource.name): resource.inputs for resource in other.resources}
    assert {key for key in before if before[key] != after[key]} == {
        ("kubernetes:apps/v1:Deployment", "serving-deployment")
    }


def test_the_exports_are_the_ones_that_commands_rely_on(released: Recording) -> None:
    assert {
        "namespace",
        "raw_bucket",
        "artifact_bucket",
        "dataset_key",
        "training_job",
        "training_version",
        "gateway_node_port",
        "served_version",
        "served_artifact_sha256",
    } <= set(released.result)
    assert released.result["gateway_node_port"] == 30080
    assert released.result["training_job"] == f"train-{released.result['training_version']}"


def test_the_job_writes_where_the_service_may_read(released: Recording) -> None:
    service = released.one("RolePolicy", "serving-identity-grants").inputs["policy"]
    job = released.one("RolePolicy", "training-identity-grants").inputs["policy"]
    bucket = f"arn:aws:s3:::{released.result['artifact_bucket']}"
    assert f"{bucket}/models/support2-mortality/*" in service
    assert f"{bucket}/models/support2-mortality/{released.result['training_version']}/*" in job


def test_no_workload_has_a_wildcard_action(released: Recording) -> None:
    for policy in released.of("RolePolicy"):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            assert all(ACTION.fullmatch(action) for action in statement["Action"])


def test_all_aws_resources_that_take_tags_bear_the_environment(released: Recording) -> None:
    tagged = [resource for resource in released.resources if "tags" in resource.inputs]
    assert len(tagged) > 10
    assert all(resource.inputs["tags"]["environment"] == "local" for resource in tagged)


def test_nothing_of_the_local_environment_is_kept_after_destroy(released: Recording) -> None:
    assert not [resource.name for resource in released.resources if resource.protect or resource.retain]


def test_every_namespace_admits_restricted_pods_only(released: Recording) -> None:
    for namespace in released.of("Namespace"):
        labels = namespace.inputs["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_resource_belongs_to_a_component(released: Recording) -> None:
    strays = [r.name for r in released.resources if not r.type.startswith("plinth:") and not r.parent]
    assert strays == []
