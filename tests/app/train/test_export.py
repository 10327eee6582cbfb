from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from app.schema import FEATURES, Category
from app.train.export import ParityError, export, verify_parity
from app.train.fitting import train
from app.train.model import bounded_threads, fit_model
from app.train.settings import Hyperparameters

if TYPE_CHECKING:
    from app.train.dataset import Dataset
    from app.train.fitting import Trained

ROOT = Path(__file__).parents[3]


def test_every_row_scores_alike_also_with_gaps_the_data_lacks(trained: Trained) -> None:
    assert trained.parity.rows == 800
    assert 0 <= trained.parity.largest <= 1e-4
    assert 0 <= trained.parity.largest_masked <= 1e-4


def test_an_artifact_of_another_model_is_refused(dataset: Dataset, trained: Trained) -> None:
    other = fit_model(_altered(trees=11), dataset.features, dataset.labels)
    with pytest.raises(ParityError, match="nothing is published"):
        verify_parity(other, trained.artifact, dataset.features, seed=1)


def test_a_tampered_artifact_is_refused(
    dataset: Dataset, trained: Trained, tiny_hyperparameters: Hyperparameters
) -> None:
    model = fit_model(tiny_hyperparameters, dataset.features, dataset.labels)
    verify_parity(model, trained.artifact, dataset.features, seed=1)
    graph = onnx.load_from_string(trained.artifact)
    trees = next(node for node in graph.graph.node if node.op_type == "TreeEnsembleClassifier")
    weights = next(attribute for attribute in trees.attribute if attribute.name == "class_weights")
    weights.floats[len(weights.floats) // 2] += 0.5
    with pytest.raises(ParityError, match="scores"):
        verify_parity(model, graph.SerializeToString(), dataset.features, seed=1)


def test_a_row_without_a_probability_is_refused(dataset: Dataset, trained: Trained) -> None:
    class Undecided:
        def predict_proba(self, features: np.ndarray) -> np.ndarray:
            return np.full((len(features), 2), np.nan)

    with pytest.raises(ParityError):
        verify_parity(Undecided(), trained.artifact, dataset.features, seed=1)


def test_the_same_inputs_give_the_same_bytes_on_one_and_on_two_threads(
    dataset: Dataset, trained: Trained, tiny_hyperparameters: Hyperparameters
) -> None:
    with bounded_threads(2):
        again = train(dataset, tiny_hyperparameters)
    assert again.artifact == trained.artifact
    assert again.evaluation == trained.evaluation


@pytest.mark.parametrize("processor", ["Prescott", "Haswell"])
def test_another_process_with_another_processors_blas_gives_the_same_bytes(
    trained: Trained, tmp_path: Path, processor: str
) -> None:
    script = (
        "import sys; sys.path.insert(0, 'tests/app')\n"
        "import conftest as c\n"
        "with c.bounded_threads(1):\n"
        "    print(c.train(c.read_dataset(c.dataset_bytes()), c.TINY).sha256)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONHASHSEED": "1",
            "PYTHONPATH": str(ROOT),
            "HOME": str(tmp_path),
            "OPENBLAS_CORETYPE": processor,  # OpenBLAS on ARM ignores it
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == trained.sha256


def test_the_operator_sets_stand_in_an_order_of_their_own(trained: Trained) -> None:
    """The converter keeps them in a set, whose order changes from process to process."""
    domains = [opset.domain for opset in onnx.load_from_string(trained.artifact).opset_import]
    assert domains == ["", "ai.onnx.ml"]


def test_another_seed_gives_other_bytes(dataset: Dataset, trained: Trained) -> None:
    assert train(dataset, _altered(seed=1)).sha256 != trained.sha256


def test_the_file_carries_no_trace_of_when_and_by_whom(trained: Trained) -> None:
    model = onnx.load_from_string(trained.artifact)
    assert (model.producer_name, model.producer_version, model.doc_string) == ("", "", "")
    assert model.graph.name == "plinth"


def test_the_file_takes_one_float_tensor_and_gives_probabilities_alone(trained: Trained) -> None:
    graph = onnx.load_from_string(trained.artifact).graph
    assert [value.name for value in graph.input] == ["features"]
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert graph.input[0].type.tensor_type.shape.dim[1].dim_value == len(FEATURES)
    assert [value.name for value in graph.output] == ["probabilities"]


def test_native_categorical_splits_which_convert_wrongly_are_refused(dataset: Dataset) -> None:
    """The known trap that the parity check exists for."""
    places = [place for place, column in enumerate(FEATURES) if isinstance(column, Category)]
    trees = HistGradientBoostingClassifier(max_iter=50, categorical_features=places, random_state=1)
    model = trees.fit(dataset.features, dataset.labels)
    artifact = export(model, {})
    with pytest.raises(ParityError):
        verify_parity(model, artifact, dataset.features, seed=1)


def _altered(trees: int = 10, seed: int = 20260101) -> Hyperparameters:
    return Hyperparameters(trees=trees, seed=seed, folds=2, bootstrap_samples=100)
