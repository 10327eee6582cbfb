"""Whether a trained model may be published: better than the baseline, and of use where a value is missing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from app.errors import AppError

if TYPE_CHECKING:
    from app.train.evaluation import Evaluation

COMPARED_EVENTS = 100
"""Deaths, and survivors, below which the comparison can't be decided."""


class GateError(AppError):
    """The model is not shown to be good enough, so it is held back."""


def require_better_than_baseline(evaluation: Evaluation) -> None:
    """Pass only if both gains are positive with 95 % confidence.

    Raises:
        GateError: one is not, or there is too little to decide on; undecided is held, never passed.
    """
    deaths, survivors = evaluation.compared_deaths, evaluation.compared_rows - evaluation.compared_deaths
    if min(deaths, survivors) < COMPARED_EVENTS:
        raise GateError(
            f"Held: {deaths} deaths and {survivors} survivors have a baseline estimate; at least "
            f"{COMPARED_EVENTS} of each are needed to compare the model with it. Train on more rows."
        )
    gains = (("AUC", evaluation.comparison.auc_gain), ("Brier score", evaluation.comparison.brier_gain))
    for name, gain in gains:
        if not gain.low > 0:  # also when it is NaN
            undecided = "can't be decided" if math.isnan(gain.low) else "may be chance"
            raise GateError(
                f"Held: the gain in {name} over the published baseline is {gain.value:.4f} "
                f"[{gain.low:.4f}, {gain.high:.4f}] on {evaluation.compared_rows} cross-fitted rows, which "
                f"{undecided}. Nothing is published; change the hyperparameters or the features."
            )


def require_sense_without_each_feature(evaluation: Evaluation) -> None:
    """Pass only if a record that lacks any one value is told more than the average would tell.

    Any feature may be absent in a request, however rarely it is in the dataset.

    Raises:
        GateError: without some feature the scores are no better than one probability for everybody.
    """
    average = evaluation.average_brier
    for figure in evaluation.without:
        if not figure.brier < average:  # also when it is NaN
            raise GateError(
                f"Held: with {figure.feature} missing, the Brier score is {figure.brier:.4f}; the average "
                f"told to everybody has {average:.4f}. A record without it would be told worse than nothing. "
                "Nothing is published; raise blanked_share, so that the model learns from rows that lack it."
            )
