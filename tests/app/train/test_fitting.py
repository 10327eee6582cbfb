from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.train.dataset import DatasetError, read_dataset
from app.train.evaluation import cross_fit
from app.train.fitting import train
from app.train.manifest import describe, report, serialise
from app.train.settings import Hyperparameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.train.dataset import Dataset
    from app.train.fitting import Trained
    from app.train.manifest import Run


def test_each_row_is_scored_by_a_model_that_has_not_seen_it(
    dataset: Dataset, tiny_hyperparameters: Hyperparameters
) -> None:
    """A label that only its own row's model could know: shuffled labels must not be predictable."""
    shuffled = np.random.default_rng(0).permutation(dataset.labels)
    noise = type(dataset)(**{**dataset.__dict__, "labels": shuffled})
    scores = cross_fit(noise, tiny_hyperparameters)
    dead, alive = scores[shuffled == 1], scores[shuffled == 0]
    assert abs(dead.mean() - alive.mean()) < 0.03


def test_small_subgroups_get_no_figures(trained: Trained) -> None:
    groups = {(group.attribute, group.value): group for group in trained.evaluation.subgroups}
    assert groups["sex", "female"].auc is not None
    small = [group for group in groups.values() if group.rows < 50]
    assert small
    assert all(group.auc is None and group.brier is None for group in small)
    for attribute in ("sex", "race", "income"):
        assert sum(group.rows for key, group in groups.items() if key[0] == attribute) == 800


def test_folds_without_deaths_are_refused(make_dataset: Callable[..., bytes]) -> None:
    with pytest.raises(DatasetError, match="folds"):
        train(read_dataset(make_dataset(12)), Hyperparameters(folds=10))


def test_a_feature_without_any_value_is_named(make_dataset: Callable[..., bytes]) -> None:
    def tamper(table: list[list[str]]) -> None:
        for row in table[1:]:
            row[table[0].index("urine")] = ""

    with pytest.raises(DatasetError, match="urine"):
        train(read_dataset(make_dataset(200, tamper)), Hyperparameters(folds=2, trees=2))


def test_the_manifest_holds_what_a_reviewer_needs(
    run_description: Run, dataset: Dataset, trained: Trained
) -> None:
    manifest = json.loads(serialise(describe(run_description, dataset, trained)))
    assert manifest["artifact"] == {"sha256": trained.sha256, "bytes": len(trained.artifact)}
    assert manifest["dataset"]["sha256"] == dataset.sha256
    assert manifest["dataset"]["rows"] == 800
    assert manifest["code_version"] == "test"
    assert manifest["hyperparameters"]["trees"] == 10
    for name in ("auc", "brier", "auc_gain", "brier_gain"):
        assert manifest["metrics"][name]["low"] <= manifest["metrics"][name]["value"]
    assert manifest["metrics"]["baseline"]["auc"]["value"] > 0.7
    assert {"scikit-learn", "onnxruntime", "python"} <= set(manifest["libraries"])
    assert {group["attribute"] for group in manifest["metrics"]["subgroups"]} == {"sex", "race", "income"}
    assert "surv2m" not in {feature["name"] for feature in manifest["features"]}


def test_the_report_prints_both_scores_with_intervals(trained: Trained) -> None:
    text = report(trained.evaluation)
    comparison = trained.evaluation.comparison
    for interval in (comparison.auc, comparison.brier, comparison.baseline_auc, comparison.baseline_brier):
        assert f"{interval.value:.4f} [{interval.low:.4f}, {interval.high:.4f}]" in text
