from __future__ import annotations

import pytest

from local.engine.kubernetes.comparison import parse
from local.engine.kubernetes.errors import ApiError
from local.engine.kubernetes.kinds import Kind
from local.engine.kubernetes.replacement import Mutability, force_new, is_refusal, refused, replaced

NONE = Mutability()


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        (Kind("apps/v1", "Deployment"), "spec.selector.matchLabels.app", True),
        (Kind("apps/v1", "Deployment"), "spec.replicas", False),
        (Kind("apps/v1", "StatefulSet"), "spec.volumeClaimTemplates[0].spec", True),
        (Kind("apps/v1", "StatefulSet"), "spec.template.spec.containers[0].image", False),
        (Kind("batch/v1", "Job"), "spec.template.spec.containers[0].image", True),
        (Kind("batch/v1", "Job"), "spec.completions", True),
        (Kind("batch/v1", "Job"), "spec.ttlSecondsAfterFinished", False),
        (Kind("v1", "Service"), "spec.clusterIP", True),
        (Kind("v1", "Service"), "spec.type", False),
        (Kind("v1", "PersistentVolumeClaim"), "spec.storageClassName", True),
        (Kind("v1", "PersistentVolumeClaim"), "spec.resources.requests.storage", False),
        (Kind("v1", "Pod"), "spec.containers[0].env", True),
        (Kind("v1", "ConfigMap"), "data.a", True),
        (Kind("v1", "Secret"), "stringData.a", True),
        (Kind("rbac.authorization.k8s.io/v1", "RoleBinding"), "roleRef.name", True),
        (Kind("rbac.authorization.k8s.io/v1", "RoleBinding"), "subjects[0].name", False),
        (Kind("storage.k8s.io/v1", "StorageClass"), "parameters.type", True),
        (Kind("example.com/v1", "Toy"), "metadata.name", True),
        (Kind("example.com/v1", "Toy"), "metadata.labels.a", False),
        (Kind("example.com/v1", "Deployment"), "spec.selector", False),
    ],
)
def test_the_table_knows_what_replaces(kind: Kind, path: str, *, expected: bool) -> None:
    changed = parse(path)
    assert bool(replaced([changed], force_new(kind, {}, NONE))) is expected


def test_an_immutable_secret_replaces_even_where_secrets_are_mutable() -> None:
    kind, loose = Kind("v1", "Secret"), Mutability(secrets=True)
    changed = [parse("data.a")]
    assert not replaced(changed, force_new(kind, {}, loose))
    assert replaced(changed, force_new(kind, {"immutable": True}, loose))


def refusal(code: int, message: str, *causes: tuple[str, str]) -> ApiError:
    listed = [{"field": field, "message": text} for field, text in causes]
    return ApiError(code, {"message": message, "details": {"causes": listed}})


@pytest.mark.parametrize(
    "message",
    [
        "spec.selector: Invalid value: {}: field is immutable",
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
        "data: Forbidden: field is immutable when `immutable` is set",
        'spec.controllerName: Invalid value: "string": Value is immutable',
        "spec.clusterIPs[0]: Invalid value: may not change once set",
    ],
)
def test_the_servers_ways_to_say_immutable_are_understood(message: str) -> None:
    assert is_refusal(refusal(422, message))


def test_other_refusals_are_no_reason_to_replace() -> None:
    assert not is_refusal(refusal(422, "spec.replicas: Invalid value: -1: must be greater than 0"))
    assert not is_refusal(refusal(409, "field is immutable"))


def test_a_refusal_marks_the_fields_it_names_only() -> None:
    changed = [parse("spec.selector.a"), parse("spec.replicas"), parse("metadata.labels.x")]
    named = refusal(422, "...", ("spec.selector", "field is immutable"))
    assert refused(changed, named) == {parse("spec.selector.a")}
    assert refused(changed, refusal(422, "... immutable")) == {
        parse("spec.selector.a"),
        parse("spec.replicas"),
    }
