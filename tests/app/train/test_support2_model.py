"""The real data and the default hyperparameters: what the model card claims."""

from __future__ import annotations

import numpy as np
import pytest

from app.train.dataset import Dataset, read_dataset
from app.train.evaluation import Evaluation, cross_fit, evaluate
from app.train.gate import require_better_than_baseline
from app.train.model import bounded_threads
from app.train.settings import Hyperparameters


@pytest.fixture(scope="module")
def whole(full_dataset: bytes) -> Dataset:
    return read_dataset(full_dataset)


@pytest.fixture(scope="module")
def evaluation(whole: Dataset) -> Evaluation:
    parameters = Hyperparameters()
    with bounded_threads(1):
        return evaluate(whole, cross_fit(whole, parameters), parameters)


def test_every_row_of_the_source_is_accepted(whole: Dataset) -> None:
    assert whole.rows == 7800
    assert int(whole.labels.sum()) == 2734
    assert np.isnan(whole.features).mean(axis=0).max() == pytest.approx(0.62, abs=0.01)


def test_the_baseline_is_the_published_one(evaluation: Evaluation) -> None:
    assert evaluation.comparison.baseline_auc.value == pytest.approx(0.810, abs=0.0005)
    assert evaluation.comparison.baseline_brier.value == pytest.approx(0.164, abs=0.0005)


def test_cross_fitted_auc_and_brier_beat_the_baseline_beyond_chance(evaluation: Evaluation) -> None:
    require_better_than_baseline(evaluation)
    assert evaluation.comparison.auc.value > 0.82
    assert evaluation.comparison.brier.value < 0.16


def test_the_probabilities_are_calibrated(evaluation: Evaluation) -> None:
    assert 0.85 < evaluation.calibration.slope < 1.15
    assert evaluation.calibration.expected_error < 0.03
