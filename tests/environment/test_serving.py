"""What a caller of the API sees."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from local.commands.status import collect
from tests.environment.conftest import EXAMPLE
from tests.environment.load import Load

if TYPE_CHECKING:
    import httpx
    import pandas as pd

    from local.environment import Environment
    from tests.environment.conftest import Kubectl

pytestmark = pytest.mark.environment

NOT_FEATURES = {"patient_id", "died", "followup_days", "surv2m", "surv6m", "dnr", "sfdm2"}


def _request(row: dict[str, Any]) -> dict[str, Any]:
    features = {name: value for name, value in row.items() if name not in NOT_FEATURES}
    return {"patient_id": str(row["patient_id"]), "features": features}


def test_the_readme_example_gets_a_probability(api: httpx.Client, environment: Environment) -> None:
    response = api.post("/v1/predictions", json=EXAMPLE)
    assert response.status_code == 200, response.text
    body = response.json()
    release = environment.release.read()
    assert release is not None
    assert body["patient_id"] == "p-1"
    assert body["model"] == release.model
    assert body["model_version"] == release.version
    assert 0 < body["probability"] < 1
    assert body["prediction_id"]


def test_real_patients_who_died_are_scored_higher_than_those_who_lived(
    api: httpx.Client, patients: pd.DataFrame
) -> None:
    sample = json.loads(patients.head(200).to_json(orient="records"))
    scores: dict[bool, list[float]] = {True: [], False: []}
    for row in sample:
        response = api.post("/v1/predictions", json=_request(row))
        assert response.status_code == 200, response.text
        scores[row["died"] == 1 and row["followup_days"] <= 60].append(response.json()["probability"])
    mean = {died: sum(values) / len(values) for died, values in scores.items()}
    assert mean[True] > mean[False] + 0.15


def test_every_feature_may_be_null_or_absent(api: httpx.Client) -> None:
    empty = api.post("/v1/predictions", json={"patient_id": "p", "features": {}})
    nulls = api.post("/v1/predictions", json={"patient_id": "p", "features": {"age": None, "sex": None}})
    assert empty.status_code == nulls.status_code == 200
    assert empty.json()["probability"] == nulls.json()["probability"]


def test_race_and_income_are_accepted_and_change_nothing(api: httpx.Client) -> None:
    monitored = {**EXAMPLE, "features": {**EXAMPLE["features"], "race": "black", "income": "under $11k"}}
    plain, with_monitored = (
        api.post("/v1/predictions", json=EXAMPLE),
        api.post("/v1/predictions", json=monitored),
    )
    assert with_monitored.status_code == 200
    assert with_monitored.json()["probability"] == plain.json()["probability"]


def test_a_malformed_record_gets_problem_details_that_name_each_field(api: httpx.Client) -> None:
    features = {"age": "old", "sex": "unknown", "surv2m": 0.5, "shoe_size": 44}
    response = api.post("/v1/predictions", json={"patient_id": "p-1", "features": features})
    assert response.status_code == 422
    assert response.headers["content-type"].startswith("application/problem+json")
    for name in features:
        assert name in response.text


@pytest.mark.parametrize("path", ["/metrics", "/docs/../metrics", "/"])
def test_metrics_are_not_on_the_public_route(api: httpx.Client, path: str) -> None:
    response = api.get(path)
    assert response.status_code == 404
    assert "# HELP" not in response.text


def test_the_health_routes_and_the_schema_are_public(api: httpx.Client) -> None:
    assert api.get("/v2/health/live").status_code == 200
    assert api.get("/v2/health/ready").status_code == 200
    assert "/v1/predictions" in api.get("/openapi.json").json()["paths"]


def test_status_tells_the_truth(environment: Environment, url: str) -> None:
    status = collect(environment)
    assert status.state == "serving", status.health
    assert next(iter(status.endpoints)) == "api"
    assert status.endpoints["api"] == url
    assert status.resources.realised > 0
    assert status.lost == []


def test_deleting_one_of_two_pods_under_load_fails_no_request(url: str, kubectl: Kubectl) -> None:
    listed = kubectl.get("pods", "--selector", "app.kubernetes.io/component=inference-service")["items"]
    pods = [pod for pod in listed if "deletionTimestamp" not in pod["metadata"]]  # the rest is draining
    assert len(pods) == 2
    with Load(url, EXAMPLE, rate=50) as load:
        time.sleep(3)
        kubectl("delete", "pod", pods[0]["metadata"]["name"])
        kubectl("wait", "--for=delete", f"pod/{pods[0]['metadata']['name']}", "--timeout=60s")
        time.sleep(10)
    assert load.failures == []
    assert load.sent > 500
