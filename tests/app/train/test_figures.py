from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from app.train.figures import auc, brier, calibrate, compare

GENERATOR = np.random.default_rng(5)
LABELS = GENERATOR.integers(0, 2, 600)
GOOD = np.clip(0.3 + 0.4 * LABELS + GENERATOR.normal(0, 0.2, 600), 0.01, 0.99)
POOR = np.clip(0.3 + 0.1 * LABELS + GENERATOR.normal(0, 0.2, 600), 0.01, 0.99)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=4, max_size=60))
def test_auc_and_brier_are_scikit_learns_ties_included(pairs: list[tuple[bool, int]]) -> None:
    labels = np.array([int(dead) for dead, _ in pairs])
    scores = np.array([tenths / 5 for _, tenths in pairs])
    assert brier(labels, scores) == pytest.approx(brier_score_loss(labels, scores))
    if 0 < labels.sum() < len(labels):
        assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))
    else:
        assert np.isnan(auc(labels, scores))


def test_a_clearly_better_score_has_gains_above_zero() -> None:
    found = compare(LABELS, GOOD, POOR, samples=300, seed=1)
    assert found.auc_gain.low > 0
    assert found.brier_gain.low > 0
    assert found.auc.low < found.auc.value < found.auc.high
    assert found.auc_gain.value == pytest.approx(found.auc.value - found.baseline_auc.value)
    assert found.brier_gain.value == pytest.approx(found.baseline_brier.value - found.brier.value)


def test_a_score_compared_with_itself_gains_nothing() -> None:
    found = compare(LABELS, GOOD, GOOD, samples=100, seed=1)
    assert found.auc_gain.low == found.auc_gain.high == 0
    assert found.brier_gain.low == found.brier_gain.high == 0


def test_the_interval_narrows_with_the_rows() -> None:
    few = compare(LABELS[:100], GOOD[:100], POOR[:100], samples=300, seed=1).auc
    many = compare(LABELS, GOOD, POOR, samples=300, seed=1).auc
    assert many.high - many.low < few.high - few.low


def test_the_same_seed_gives_the_same_intervals() -> None:
    assert compare(LABELS, GOOD, POOR, samples=100, seed=3) == compare(
        LABELS, GOOD, POOR, samples=100, seed=3
    )
    assert compare(LABELS, GOOD, POOR, samples=100, seed=3) != compare(
        LABELS, GOOD, POOR, samples=100, seed=4
    )


def test_true_probabilities_are_calibrated_and_exaggerated_ones_are_not() -> None:
    truth = GENERATOR.uniform(0.05, 0.95, 20_000)
    labels = (GENERATOR.uniform(size=20_000) < truth).astype(np.int64)
    odds = np.log(truth / (1 - truth))
    honest, boastful = calibrate(labels, truth), calibrate(labels, 1 / (1 + np.exp(-2 * odds)))
    assert honest.slope == pytest.approx(1, abs=0.05)
    assert honest.expected_error < 0.02
    assert boastful.slope == pytest.approx(0.5, abs=0.05)
    assert boastful.expected_error > 0.05


def test_the_calibration_line_is_the_maximum_likelihood() -> None:
    odds = np.log(GOOD / (1 - GOOD))
    expected = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(odds[:, None], LABELS)
    found = calibrate(LABELS, GOOD)
    assert found.slope == pytest.approx(expected.coef_[0, 0], rel=1e-3)
    assert found.intercept == pytest.approx(expected.intercept_[0], rel=1e-3, abs=1e-3)
