"""The service over HTTP, as a caller sees it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from app.serve.errors import InferenceError
from app.serve.records import EXAMPLE_FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from app.serve.inference import Predictor
    from app.serve.settings import ServingSettings

EXAMPLE = {"patient_id": "p-1", "features": EXAMPLE_FEATURES}


def _problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["type"].startswith("urn:plinth:problem:")
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == response.request.url.path
    return body


def test_a_patient_gets_a_probability(client: httpx.Client, predictor: Predictor, trained: Any) -> None:
    response = client.post("/v1/predictions", json=EXAMPLE)
    assert response.status_code == HTTPStatus.OK
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body["patient_id"] == "p-1"
    assert (body["model"], body["model_version"]) == ("tiny", "v1")
    assert body["artifact_sha256"] == trained.sha256
    assert body["probability"] == pytest.approx(predictor.probability(EXAMPLE_FEATURES))
    assert UUID(body["prediction_id"]).version == 7
    assert body["created_at"].endswith("+00:00")


def test_race_and_income_change_nothing(client: httpx.Client) -> None:
    answers = {
        client.post("/v1/predictions", json={"patient_id": "p", "features": {"age": 70, **monitored}}).json()[
            "probability"
        ]
        for monitored in ({}, {"race": "black"}, {"income": ">$50k", "race": "white"}, {"race": None})
    }
    assert len(answers) == 1


def test_null_and_absent_are_the_same(client: httpx.Client) -> None:
    nothing = client.post("/v1/predictions", json={"patient_id": "p", "features": {}}).json()
    nulls = client.post(
        "/v1/predictions", json={"patient_id": "p", "features": dict.fromkeys(EXAMPLE_FEATURES)}
    ).json()
    assert nothing["probability"] == nulls["probability"]
    assert nothing["prediction_id"] != nulls["prediction_id"]


def test_callers_at_once_get_their_own_answers(client: httpx.Client, predictor: Predictor) -> None:
    def ask(age: int) -> tuple[str, float]:
        body = {"patient_id": f"p-{age}", "features": {"age": age}}
        answer = client.post("/v1/predictions", json=body).json()
        return answer["patient_id"], answer["probability"]

    with ThreadPoolExecutor(8) as pool:
        answers = dict(pool.map(ask, range(20, 110)))
    assert answers == {
        f"p-{age}": pytest.approx(predictor.probability({"age": age})) for age in range(20, 110)
    }


def test_a_wrong_record_is_refused_with_each_field_named(client: httpx.Client) -> None:
    features = {"age": "old", "sex": "unknown", "surv2m": 0.5}
    body = _problem(client.post("/v1/predictions", json={"patient_id": "p", "features": features}), 422)
    assert {error["field"] for error in body["errors"]} == {f"features.{name}" for name in features}
    assert all(error["message"] and error["code"] for error in body["errors"])


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"", JSON, 400),
        (b"\xff", JSON, 400),
        (b"[]", JSON, 422),
        (b"null", JSON, 422),
        (b"{}", {}, 415),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {"content-type": "application/json; charset=utf-8"}, 422),
        (b" " * 70_000, JSON, 413),
    ],
)
def test_a_body_that_is_no_record_is_a_problem(
    client: httpx.Client, content: bytes, headers: dict[str, str], status: int
) -> None:
    _problem(client.post("/v1/predictions", content=content, headers=headers), status)


def test_a_body_without_a_declared_length_is_bounded_too(client: httpx.Client) -> None:
    def endless() -> Any:
        for _ in range(100):
            yield b" " * 1024

    _problem(client.post("/v1/predictions", content=endless(), headers=JSON), 413)
    assert client.get("/v2/health/live").status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/nothing", 404),
        ("GET", "/docs", 404),
        ("GET", "/metrics", 404),
        ("GET", "/v2/health/ready/", 404),
        ("GET", "/v1/predictions", 405),
        ("DELETE", "/v2/health/live", 405),
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/tiny/versions/v2", 404),
        ("POST", "/v2/models/other/infer", 404),
    ],
)
def test_what_is_not_there_is_a_problem(client: httpx.Client, method: str, path: str, status: int) -> None:
    _problem(client.request(method, path, json={} if method == "POST" else None), status)


def test_live_and_ready_answer(client: httpx.Client) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}


def test_a_wrong_hash_keeps_it_alive_but_unready_and_says_why(
    make_settings: Callable[..., ServingSettings],
    published: Any,
    run_service: Any,
    eventually: Callable[..., None],
) -> None:
    with run_service(make_settings(sha256="0" * 64), published.store) as service:
        eventually(lambda: "refused" in service.readiness.reason)
        body = _problem(service.client.get("/v2/health/ready"), 503)
        assert published.sha256 in body["detail"]
        assert "0" * 64 in body["detail"]
        assert service.client.get("/v2/health/live").status_code == HTTPStatus.OK
        _problem(service.client.post("/v1/predictions", json=EXAMPLE), 503)
        _problem(service.client.get("/v2/models/tiny/ready"), 503)
        assert "plinth_ready 0.0" in service.metrics


def test_draining_answers_but_is_unready_and_closes_connections(
    make_settings: Callable[..., ServingSettings],
    published: Any,
    run_service: Any,
    eventually: Callable[..., None],
) -> None:
    with run_service(make_settings(), published.store) as service:
        eventually(lambda: service.readiness.ready)
        assert "connection" not in service.client.get("/v2/health/live").headers
        service.readiness.drain()
        _problem(service.client.get("/v2/health/ready"), 503)
        answer = service.client.post("/v1/predictions", json=EXAMPLE)
        assert answer.status_code == HTTPStatus.OK
        assert answer.headers["connection"] == "close"


def test_a_failure_of_the_code_is_a_problem_without_details_and_is_logged(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: bytes) -> None:
        raise RuntimeError("secret inner state")

    monkeypatch.setattr("app.serve.predictions.parse_prediction_request", broken)
    with capture_logs() as logs:
        response = service.client.post("/v1/predictions", json=EXAMPLE)
    assert "secret" not in _problem(response, 500)["detail"]
    assert [(entry["event"], entry["route"]) for entry in logs] == [("request_failed", "/v1/predictions")]
    assert 'status="500"' in service.metrics
    assert service.client.get("/v2/health/live").status_code == HTTPStatus.OK


def test_a_model_that_gives_no_probability_is_a_problem_and_is_logged_with_the_reason(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> float:
        raise InferenceError("The model gave no finite probability.")

    monkeypatch.setattr("app.serve.inference.Predictor.probability", broken)
    with capture_logs() as logs:
        response = service.client.post("/v1/predictions", json=EXAMPLE)
    assert "finite" not in _problem(response, 500)["detail"]
    assert logs == [
        {
            "event": "request_failed",
            "log_level": "error",
            "method": "POST",
            "route": "/v1/predictions",
            "error": "InferenceError",
            "reason": "The model gave no finite probability.",
        }
    ]


def test_every_answer_carries_the_security_headers(client: httpx.Client) -> None:
    for response in (
        client.get("/v2/health/live"),
        client.post("/v1/predictions", json=EXAMPLE),
        client.get("/none"),
        client.post("/v1/predictions", json={}),
    ):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "server" not in response.headers


def test_metrics_count_by_route_and_never_by_what_callers_invent(service: Any) -> None:
    service.client.post("/v1/predictions", json=EXAMPLE)
    for path in ("/a", "/b?c=d", "/v2/models/zzz"):
        service.client.get(path)
    service.client.request("PROPFIND", "/v1/predictions")
    text = service.metrics
    assert 'plinth_http_requests_total{method="POST",route="/v1/predictions",status="200"}' in text
    assert 'route="/v2/models/{model}"' in text
    assert 'method="other"' in text
    assert "zzz" not in text
    assert "p-1" not in text
    assert (
        f'plinth_model_info{{model="tiny",sha256="{service.settings.artifact_sha256}",version="v1"}} 1.0'
        in text
    )
    assert "plinth_ready 1.0" in text


def test_openapi_describes_what_is_answered(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    predict = document["paths"]["/v1/predictions"]["post"]
    assert predict["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith(
        "/PredictionRequest"
    )
    assert set(predict["responses"]) == {"200", "400", "413", "415", "422", "500", "503"}
    for status, response in predict["responses"].items():
        expected = "application/json" if status == "200" else "application/problem+json"
        assert set(response["content"]) == {expected}
    schemas = document["components"]["schemas"]
    assert {"Prediction", "PredictionRequest", "Features", "Problem", "InferRequest"} <= set(schemas)
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)
    answer = client.post("/v1/predictions", json=schemas["PredictionRequest"]["examples"][0]).json()
    assert set(answer) == set(schemas["Prediction"]["properties"]) == set(schemas["Prediction"]["required"])


def test_every_reference_in_openapi_resolves(client: httpx.Client) -> None:
    text = client.get("/openapi.json").text
    schemas = json.loads(text)["components"]["schemas"]
    references = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert references <= set(schemas)
    assert '"#/$defs' not in text
