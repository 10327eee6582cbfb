from __future__ import annotations

from typing import Any

import pytest

from local.rehearsal.kubernetes import unsettled

SCALER = {
    "metadata": {"namespace": "plinth", "name": "serving"},
    "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "serving"}, "minReplicas": 3},
}


def deployment(
    replicas: int = 1, available: int = 1, *, generation: int = 1, seen: int = 1
) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "plinth", "name": "serving", "generation": generation},
        "spec": {"replicas": replicas},
        "status": {"availableReplicas": available, "observedGeneration": seen},
    }


def test_a_deployment_with_all_its_pods_is_settled() -> None:
    assert unsettled([deployment()], []) == []
    assert unsettled([deployment(3, 3)], [SCALER]) == []


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        (deployment(3, 1), "plinth/serving has 1 of 3 pods"),
        (deployment(1, 1), "plinth/serving has 1 of 3 pods"),
        (deployment(3, 3, generation=2), "plinth/serving has 3 of 3 pods"),
    ],
)
def test_one_that_lacks_pods_or_will_get_more_is_not(thing: dict[str, Any], told: str) -> None:
    assert unsettled([thing], [SCALER]) == [told]


def test_an_autoscaler_of_another_namespace_says_nothing() -> None:
    elsewhere = {**SCALER, "metadata": {"namespace": "other", "name": "serving"}}
    assert unsettled([deployment()], [elsewhere]) == []
