"""Whether a trained model may be published: better than the published baseline, beyond chance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from app.errors import AppError

if TYPE_CHECKING:
    from app.train.evaluation import Evaluation

COMPARED_EVENTS = 100
"""Deaths, and survivors, below which the comparison can't be decided."""


class GateError(AppError):
    """The model is not shown to be better than the baseline, so it is held back."""


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
