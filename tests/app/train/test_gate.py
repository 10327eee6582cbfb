from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.train.figures import Interval
from app.train.gate import GateError, require_better_than_baseline, require_sense_without_each_feature

if TYPE_CHECKING:
    from app.train.evaluation import Evaluation
    from app.train.fitting import Trained

NAN = float("nan")


@pytest.fixture
def better(trained: Trained) -> Evaluation:
    gains = Interval(0.01, 0.005, 0.015)
    comparison = replace(trained.evaluation.comparison, auc_gain=gains, brier_gain=gains)
    return replace(trained.evaluation, comparison=comparison, compared_rows=7800, compared_deaths=2700)


def test_a_model_better_in_both_passes(better: Evaluation) -> None:
    require_better_than_baseline(better)


@pytest.mark.parametrize("name", ["auc_gain", "brier_gain"])
@pytest.mark.parametrize(
    "gain",
    [
        Interval(0.01, -0.001, 0.02),
        Interval(-0.01, -0.02, -0.005),
        Interval(0, 0, 0),
        Interval(NAN, NAN, NAN),
    ],
    ids=["may be chance", "worse", "equal", "unknown"],
)
def test_anything_less_than_surely_better_is_held(better: Evaluation, name: str, gain: Interval) -> None:
    worse = replace(better, comparison=replace(better.comparison, **{name: gain}))
    with pytest.raises(GateError, match="Held"):
        require_better_than_baseline(worse)


@pytest.mark.parametrize(("rows", "deaths"), [(7800, 99), (7800, 7750), (0, 0)])
def test_too_few_to_decide_is_held(better: Evaluation, rows: int, deaths: int) -> None:
    with pytest.raises(GateError, match="at least 100"):
        require_better_than_baseline(replace(better, compared_rows=rows, compared_deaths=deaths))


@pytest.fixture
def sensible(trained: Trained) -> Evaluation:
    without = tuple(replace(figure, brier=0.2) for figure in trained.evaluation.without)
    return replace(trained.evaluation, without=without, average_brier=0.22)


def test_a_model_that_makes_sense_without_each_feature_passes(sensible: Evaluation) -> None:
    require_sense_without_each_feature(sensible)


@pytest.mark.parametrize("brier", [0.27, 0.22, NAN], ids=["worse", "equal", "unknown"])
def test_a_feature_without_which_the_average_would_do_better_is_named(
    sensible: Evaluation, brier: float
) -> None:
    place = [figure.feature for figure in sensible.without].index("sps")
    without = list(sensible.without)
    without[place] = replace(without[place], brier=brier)
    with pytest.raises(GateError, match="Held: with sps missing"):
        require_sense_without_each_feature(replace(sensible, without=tuple(without)))
