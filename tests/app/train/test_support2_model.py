"""The real data and the default hyperparameters: what the model card claims."""

from __future__ import annotations

import numpy as np
import pytest

from app.schema import encode
from app.train.dataset import Dataset, read_dataset
from app.train.evaluation import Evaluation, cross_fit, evaluate
from app.train.gate import GateError, require_better_than_baseline, require_sense_without_each_feature
from app.train.model import bounded_threads, fit_model
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


def test_without_any_one_feature_it_says_more_than_the_average(evaluation: Evaluation) -> None:
    require_sense_without_each_feature(evaluation)
    without = {figure.feature: figure for figure in evaluation.without}
    assert without["sps"].brier < 0.19
    assert without["sps"].mean_probability == pytest.approx(0.35, abs=0.03)


def test_a_model_that_never_saw_a_record_without_the_physiology_score_is_held(whole: Dataset) -> None:
    """One patient in 7,800 has none, and died: all others without it would be told so."""
    parameters = Hyperparameters(blanked_share=0, folds=2, bootstrap_samples=100)
    with bounded_threads(1):
        evaluation = evaluate(whole, cross_fit(whole, parameters), parameters)
    with pytest.raises(GateError, match="sps missing"):
        require_sense_without_each_feature(evaluation)


def test_who_tells_little_is_told_something_near_the_average(whole: Dataset) -> None:
    with bounded_threads(1):
        model = fit_model(Hyperparameters(), whole.features, whole.labels)
    nothing, young = model.predict_proba(np.array([encode({}), encode({"age": 30})]))[:, 1]
    assert nothing == pytest.approx(0.35, abs=0.06)
    assert young < nothing
