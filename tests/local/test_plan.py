from __future__ import annotations

from typing import Any

import pytest

from local.discipline import refuse_strangers
from local.drift import between
from local.errors import LocalError
from local.plan import steps


def urn(name: str, *types: str) -> str:
    return f"urn:pulumi:local::plinth::{'$'.join(types)}::{name}"


BUCKET_POLICY = urn(
    "raw-policy", "plinth:index:DataStores", "plinth:index:Bucket", "aws:s3/bucketPolicy:BucketPolicy"
)
DEPLOYMENT = urn("serving-deployment", "plinth:index:InferenceService", "kubernetes:apps/v1:Deployment")
STACK = urn("plinth-local", "pulumi:pulumi:Stack")
IDENTITY = urn("serving-identity-grants", "plinth:index:Identity", "aws:iam/rolePolicy:RolePolicy")


def step(operation: str, where: str, *properties: str) -> dict[str, Any]:
    return {"op": operation, "urn": where, "detailedDiff": {name: {"kind": "update"} for name in properties}}


def plan(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"steps": [step("same", STACK), *entries]}


def test_a_step_knows_its_type_its_name_and_its_component() -> None:
    (found,) = steps(plan(step("update", DEPLOYMENT, "spec.template.spec.containers[0].image")))
    assert (found.operation, found.type, found.name) == (
        "update",
        "kubernetes:apps/v1:Deployment",
        "serving-deployment",
    )
    assert found.parents == ("plinth:index:InferenceService",)
    assert "spec.template.spec.containers[0].image" in str(found)


def test_what_stays_the_same_and_the_stacks_own_outputs_are_no_steps() -> None:
    assert steps(plan(step("same", DEPLOYMENT), step("refresh", DEPLOYMENT), step("update", STACK))) == []


def test_a_release_may_change_the_inference_service() -> None:
    refuse_strangers(steps(plan(step("update", DEPLOYMENT, "spec"))))


@pytest.mark.parametrize("stranger", [BUCKET_POLICY, IDENTITY])
def test_a_release_that_touches_anything_else_is_refused_and_says_what(stranger: str) -> None:
    found = steps(plan(step("update", DEPLOYMENT, "spec"), step("update", stranger, "policy")))
    with pytest.raises(LocalError, match=r"(?s)refused.*(raw-policy|serving-identity-grants) \(policy\)"):
        refuse_strangers(found)


def test_what_only_the_look_at_the_world_shows_is_drift() -> None:
    found = between(plan(), plan(step("update", BUCKET_POLICY, "policy")))
    assert [str(drifted) for drifted in found] == [
        "aws:s3/bucketPolicy:BucketPolicy raw-policy: changed: policy"
    ]


def test_a_deleted_resource_is_named_as_deleted() -> None:
    (found,) = between(plan(), plan(step("create", BUCKET_POLICY)))
    assert found.gone
    assert str(found).endswith("deleted")


def test_what_the_program_asks_for_and_was_not_applied_is_no_drift() -> None:
    pending = step("update", DEPLOYMENT, "spec.replicas")
    assert between(plan(pending), plan(pending)) == []


def test_drift_beside_a_pending_change_of_the_same_resource_is_found() -> None:
    pending = step("update", DEPLOYMENT, "spec.replicas")
    both = step("update", DEPLOYMENT, "spec.replicas", "spec.template.spec.containers[0].image")
    (found,) = between(plan(pending), plan(both))
    assert found.properties == ("spec.template.spec.containers[0].image",)
