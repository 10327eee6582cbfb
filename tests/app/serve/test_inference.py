from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from app.artifact import FEATURES_KEY, SELF_CHECK_KEY
from app.schema import encode
from app.serve.errors import ArtifactError
from app.serve.inference import Predictor
from app.train.model import fit_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.train.dataset import Dataset
    from app.train.settings import Hyperparameters


def _predictor(artifact: bytes) -> Predictor:
    return Predictor(artifact, model="tiny", version="v1", sha256=hashlib.sha256(artifact).hexdigest())


def _altered(artifact: bytes, change: Callable[[onnx.ModelProto], None]) -> bytes:
    model = onnx.load_from_string(artifact)
    change(model)
    content: bytes = model.SerializeToString()
    return content


def _set_metadata(key: str, value: Any) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        next(entry for entry in model.metadata_props if entry.key == key).value = json.dumps(value)

    return change


def test_serving_scores_as_training_did(
    predictor: Predictor, dataset: Dataset, tiny_hyperparameters: Hyperparameters
) -> None:
    model = fit_model(tiny_hyperparameters, dataset.features, dataset.labels)
    expected = model.predict_proba(dataset.features)[:, 1]
    one_by_one = [predictor.probability(record) for record in dataset.records[:100]]
    assert np.abs(one_by_one - expected[:100]).max() <= 1e-4
    assert np.abs(predictor.probabilities(dataset.features) - expected).max() <= 1e-4


def test_an_artifact_with_another_hash_is_refused_with_both_hashes(published: Any) -> None:
    with pytest.raises(ArtifactError, match="refused") as refusal:
        Predictor(published.artifact + b"\0", model="tiny", version="v1", sha256=published.sha256)
    assert published.sha256 in str(refusal.value)
    assert hashlib.sha256(published.artifact + b"\0").hexdigest() in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x80\x04."], ids=["empty", "text", "a pickle"])
def test_what_is_no_onnx_model_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactError):
        _predictor(content)


def test_an_artifact_for_other_features_is_refused(published: Any) -> None:
    artifact = _altered(published.artifact, _set_metadata(FEATURES_KEY, [{"name": "age"}]))
    with pytest.raises(ArtifactError, match="other features"):
        _predictor(artifact)


def test_an_artifact_that_computes_differently_here_is_refused(published: Any) -> None:
    wrong = {"record": {"age": 50}, "probability": 0.999}
    with pytest.raises(ArtifactError, match="self-check"):
        _predictor(_altered(published.artifact, _set_metadata(SELF_CHECK_KEY, wrong)))


def test_an_artifact_without_our_metadata_is_refused(published: Any) -> None:
    def strip(model: onnx.ModelProto) -> None:
        del model.metadata_props[:]

    with pytest.raises(ArtifactError, match="doesn't say which features"):
        _predictor(_altered(published.artifact, strip))


def test_a_model_with_another_input_is_refused(published: Any) -> None:
    def rename(model: onnx.ModelProto) -> None:
        name = model.graph.input[0].name
        model.graph.input[0].name = "other"
        for node in model.graph.node:
            node.input[:] = ["other" if value == name else value for value in node.input]

    with pytest.raises(ArtifactError, match="input and output"):
        _predictor(_altered(published.artifact, rename))


def test_threads_at_once_get_the_same_answers_as_one(predictor: Predictor, dataset: Dataset) -> None:
    records = dataset.records[:200]
    expected = [predictor.probability(record) for record in records]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(predictor.probability, records)) == expected


def test_what_is_not_a_feature_changes_nothing(predictor: Predictor, dataset: Dataset) -> None:
    record = dataset.records[0]
    assert encode(record) == pytest.approx(encode({**record, "race": "black", "surv2m": 0.0}), nan_ok=True)
    assert predictor.probability(record) == predictor.probability({**record, "race": "black", "died": 0})
