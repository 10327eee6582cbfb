"""The Open Inference Protocol, as an existing client speaks it."""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from app.schema import FEATURES, encode
from app.serve.records import EXAMPLE_FEATURES

if TYPE_CHECKING:
    import httpx

    from app.serve.inference import Predictor

ROW = [None if math.isnan(value) else value for value in encode(EXAMPLE_FEATURES)]
PATH = "/v2/models/tiny/infer"


def _request(data: list[Any], rows: int = 1, **changes: Any) -> dict[str, Any]:
    tensor = {"name": "features", "datatype": "FP32", "shape": [rows, len(FEATURES)], "data": data, **changes}
    return {"id": "r-1", "inputs": [tensor]}


def test_server_and_model_describe_themselves(client: httpx.Client) -> None:
    assert client.get("/v2").json()["name"] == "plinth"
    for path in ("/v2/models/tiny", "/v2/models/tiny/versions/v1"):
        model = client.get(path).json()
        assert (model["name"], model["versions"]) == ("tiny", ["v1"])
        assert model["inputs"][0]["shape"] == [-1, len(FEATURES)]
        assert model["inputs"][0]["parameters"]["features"][0] == "age"
        assert client.get(f"{path}/ready").json() == {"ready": True}


@pytest.mark.parametrize("path", [PATH, "/v2/models/tiny/versions/v1/infer"])
def test_a_tensor_gets_the_probability_of_the_same_record(
    client: httpx.Client, predictor: Predictor, path: str
) -> None:
    answer = client.post(path, json=_request(ROW)).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("tiny", "v1", "r-1")
    output = answer["outputs"][0]
    assert output["shape"] == [1, 2]
    assert output["data"][1] == pytest.approx(predictor.probability(EXAMPLE_FEATURES), abs=1e-6)
    assert sum(output["data"]) == pytest.approx(1)


def test_rows_may_be_flat_or_nested(client: httpx.Client) -> None:
    flat = client.post(PATH, json=_request([*ROW, *ROW], rows=2)).json()["outputs"]
    nested = client.post(PATH, json=_request([ROW, ROW], rows=2)).json()["outputs"]
    assert flat == nested
    assert flat[0]["shape"] == [2, 2]


def _changed(place: int, value: float) -> list[Any]:
    return [value if number == place else known for number, known in enumerate(ROW)]


@pytest.mark.parametrize(
    ("request_body", "field"),
    [
        (_request(_changed(0, 999)), "inputs.0.data.0.age"),
        (_request(_changed(24, 2)), "inputs.0.data.0.sex"),
        (_request(_changed(24, 0.5)), "inputs.0.data.0.sex"),
        (_request(ROW[:-1]), "inputs.0.data"),
        (_request([ROW, ROW[:-1]], rows=2), "inputs.0.data"),
        (_request(ROW, rows=2), "inputs.0.data"),
        (_request(ROW, shape=[1, 3]), "inputs.0.shape"),
        (_request(ROW, rows=100_000), "inputs.0.shape"),
        (_request(ROW, datatype="FP64"), "inputs.0.datatype"),
        (_request(ROW, name="other"), "inputs.0.name"),
        ({"inputs": []}, "inputs"),
        ({"inputs": _request(ROW)["inputs"] * 2}, "inputs"),
    ],
)
def test_a_wrong_tensor_is_refused_by_name(
    client: httpx.Client, request_body: dict[str, Any], field: str
) -> None:
    response = client.post(PATH, json=request_body)
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_text_in_a_tensor_is_refused(client: httpx.Client) -> None:
    body = json.dumps(_request(_changed(0, 1))).replace("1, 0", '"old", 0', 1)
    response = client.post(PATH, content=body, headers={"content-type": "application/json"})
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
