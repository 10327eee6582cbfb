"""Cross-fitted evaluation: every row is scored by a model that has not seen it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import StratifiedKFold

from app.schema import FEATURES
from app.train.figures import Calibration, Comparison, auc, brier, calibrate, compare
from app.train.model import fit_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from app.train.dataset import Dataset
    from app.train.settings import Hyperparameters

SUBGROUP_ROWS = 50
"""A subgroup with fewer rows gets no figures: they would say more about chance than about the group."""
SUBGROUP_EVENTS = 10
"""The same for fewer deaths, or fewer survivors."""


@dataclass(frozen=True)
class Subgroup:
    """One value of one attribute; figures are None below the floors."""

    attribute: str
    value: str
    rows: int
    deaths: int
    auc: float | None
    brier: float | None
    mean_probability: float | None


@dataclass(frozen=True)
class Without:
    """How the model does where nobody has a value of one feature."""

    feature: str
    auc: float
    brier: float
    mean_probability: float


@dataclass(frozen=True)
class CrossFitted:
    """Out-of-fold probabilities, in the order of the rows."""

    scores: NDArray[np.float64]
    """One for each row."""
    without: NDArray[np.float64]
    """Features by rows: the same models' scores with that feature blanked."""


@dataclass(frozen=True)
class Evaluation:
    """What cross-fitting found."""

    comparison: Comparison
    """Against the published baseline, on the rows that have one."""
    compared_rows: int
    compared_deaths: int
    auc: float
    """On all rows."""
    brier: float
    calibration: Calibration
    subgroups: tuple[Subgroup, ...]
    without: tuple[Without, ...]
    """For each feature, in their order."""
    average_brier: float
    """Brier score of telling everybody the average."""


def cross_fit(dataset: Dataset, parameters: Hyperparameters) -> CrossFitted:
    """Score every row by a model that has not seen it; the split is stratified and seeded."""
    folds = StratifiedKFold(parameters.folds, shuffle=True, random_state=parameters.seed)
    scores, without = np.empty(dataset.rows), np.empty((len(FEATURES), dataset.rows))
    for seen, unseen in folds.split(dataset.features, dataset.labels):
        model = fit_model(parameters, dataset.features[seen], dataset.labels[seen])
        rows = dataset.features[unseen]
        scores[unseen] = model.predict_proba(rows)[:, 1]
        each = _without_each(rows)
        without[:, unseen] = model.predict_proba(each)[:, 1].reshape(len(FEATURES), len(rows))
    return CrossFitted(scores, without)


def _without_each(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows once for each feature, with that feature blanked, one block below the other."""
    blocks = np.repeat(features[np.newaxis], features.shape[1], axis=0)
    for place, block in enumerate(blocks):
        block[:, place] = np.nan
    return blocks.reshape(-1, features.shape[1])


def evaluate(dataset: Dataset, fitted: CrossFitted, parameters: Hyperparameters) -> Evaluation:
    """All figures of cross-fitted scores."""
    known = ~np.isnan(dataset.baseline)
    labels, scores = dataset.labels, fitted.scores
    return Evaluation(
        comparison=compare(
            labels[known],
            scores[known],
            dataset.baseline[known],
            samples=parameters.bootstrap_samples,
            seed=parameters.seed,
        ),
        compared_rows=int(known.sum()),
        compared_deaths=int(labels[known].sum()),
        auc=auc(labels, scores),
        brier=brier(labels, scores),
        calibration=calibrate(labels, scores),
        subgroups=tuple(_subgroups(dataset, scores)),
        without=tuple(
            Without(column.name, auc(labels, own), brier(labels, own), float(own.mean()))
            for column, own in zip(FEATURES, fitted.without, strict=True)
        ),
        average_brier=brier(labels, np.full(len(labels), labels.mean())),
    )


def _subgroups(dataset: Dataset, scores: NDArray[np.float64]) -> list[Subgroup]:
    found = []
    for attribute, values in dataset.groups.items():
        for value in np.unique(values):
            member = values == value
            labels, own = dataset.labels[member], scores[member]
            rows, deaths = int(member.sum()), int(labels.sum())
            enough = rows >= SUBGROUP_ROWS and min(deaths, rows - deaths) >= SUBGROUP_EVENTS
            found.append(
                Subgroup(
                    attribute=attribute,
                    value=str(value),
                    rows=rows,
                    deaths=deaths,
                    auc=auc(labels, own) if enough else None,
                    brier=brier(labels, own) if enough else None,
                    mean_probability=float(own.mean()) if enough else None,
                )
            )
    return found
