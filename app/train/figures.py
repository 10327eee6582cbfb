"""Discrimination, calibration and their intervals, from scores and outcomes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Labels = NDArray[np.int64]

CONFIDENCE = 0.95
CALIBRATION_BINS = 10
EPSILON = 1e-6
"""Keeps log-odds finite."""
NEWTON_STEPS = 50
NEWTON_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Interval:
    """A figure and its 95 % bootstrap percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Two scores of the same rows; the gains are positive where the model is better."""

    auc: Interval
    brier: Interval
    baseline_auc: Interval
    baseline_brier: Interval
    auc_gain: Interval
    brier_gain: Interval


@dataclass(frozen=True)
class Calibration:
    """How far probabilities can be taken at their word: a perfect model has slope 1, intercept 0, error 0."""

    slope: float
    intercept: float
    expected_error: float
    """Mean distance between predicted and observed, over tenths of the rows by score."""


def auc(labels: Labels, scores: Floats) -> float:
    """Area under the ROC curve, ties counted as one half."""
    return _weighted_auc(labels, scores)(np.ones(len(labels)))


def brier(labels: Labels, scores: Floats) -> float:
    """Mean squared distance between probability and outcome."""
    return float(np.mean((scores - labels) ** 2))


def compare(labels: Labels, scores: Floats, baseline: Floats, *, samples: int, seed: int) -> Comparison:
    """Both scores' figures and their differences, by a paired bootstrap over the rows."""
    generator = np.random.default_rng(seed)
    rows = len(labels)
    measures = (_weighted_auc(labels, scores), _weighted_auc(labels, baseline))
    losses = np.stack([(scores - labels) ** 2, (baseline - labels) ** 2])
    drawn = np.empty((samples, 6))
    weights = np.ones(rows)
    point = _figures(measures, losses, weights)
    for number in range(samples):
        weights = np.bincount(generator.integers(0, rows, rows), minlength=rows).astype(np.float64)
        drawn[number] = _figures(measures, losses, weights)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.nanpercentile(drawn, [tail, 100 - tail], axis=0)
    intervals = [Interval(float(p), float(a), float(b)) for p, a, b in zip(point, low, high, strict=True)]
    return Comparison(*intervals)


def calibrate(labels: Labels, scores: Floats) -> Calibration:
    """Slope and intercept of the outcome's regression on the predicted log-odds, and the expected error."""
    bounded = np.clip(scores, EPSILON, 1 - EPSILON)
    odds = np.log(bounded / (1 - bounded))
    slope, intercept = _logistic_fit(odds, labels)
    order = np.argsort(scores, kind="stable")
    gaps = [
        len(part) / len(scores) * abs(scores[part].mean() - labels[part].mean())
        for part in np.array_split(order, CALIBRATION_BINS)
        if len(part)
    ]
    return Calibration(float(slope), float(intercept), float(sum(gaps)))


def _logistic_fit(odds: Floats, labels: Labels) -> tuple[float, float]:
    """Slope and intercept of the maximum likelihood, by Newton's method."""
    design = np.stack([odds, np.ones(len(odds))], axis=1)
    parameters = np.array([1.0, 0.0])
    for _ in range(NEWTON_STEPS):
        predicted = 1 / (1 + np.exp(-design @ parameters))
        spread = predicted * (1 - predicted)
        step = np.linalg.lstsq((design.T * spread) @ design, design.T @ (labels - predicted), rcond=None)[0]
        parameters += step
        if np.abs(step).max() < NEWTON_TOLERANCE:
            break
    return float(parameters[0]), float(parameters[1])


def _figures(measures: tuple[Callable[[Floats], float], ...], losses: Floats, weights: Floats) -> list[float]:
    ours, theirs = (measure(weights) for measure in measures)
    our_brier, their_brier = losses @ weights / weights.sum()
    return [ours, our_brier, theirs, their_brier, ours - theirs, their_brier - our_brier]


def _weighted_auc(labels: Labels, scores: Floats) -> Callable[[Floats], float]:
    """Sort once; then each resample costs one pass."""
    order = np.argsort(scores, kind="stable")
    _, starts = np.unique(scores[order], return_index=True)
    deaths = labels[order] == 1

    def measure(weights: Floats) -> float:
        sorted_weights = weights[order]
        dead = np.add.reduceat(np.where(deaths, sorted_weights, 0), starts)
        alive = np.add.reduceat(np.where(deaths, 0, sorted_weights), starts)
        below = np.cumsum(alive) - alive
        total = dead.sum() * alive.sum()
        return float((dead * (below + alive / 2)).sum() / total) if total else float("nan")

    return measure
