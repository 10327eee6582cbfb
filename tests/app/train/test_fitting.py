from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from sklearn.model_selection import StratifiedKFold

from app.artifact import SELF_CHECK_KEY
from app.schema import FEATURES
from app.train.dataset import DatasetError, read_dataset
from app.train.evaluation import cross_fit
from app.train.fitting import train, typical_record
from app.train.manifest import describe, report, serialise
from app.train.model import fit_model
from app.train.settings import Hyperparameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from app.train.dataset import Dataset
    from app.train.fitting import Trained
    from app.train.manifest import Run


def test_each_row_is_scored_by_a_model_that_has_not_seen_it(dataset: Dataset) -> None:
    """Shuffled labels can only be known by having seen them, and this model learns by heart what it sees."""
    by_heart = Hyperparameters(trees=60, leaves=64, leaf_samples=1, learning_rate=0.3, l2=0, folds=2)
    shuffled = np.random.default_rng(0).permutation(dataset.labels)
    noise = replace(dataset, labels=shuffled)

    def gap(scores: NDArray[np.float64]) -> float:
        return float(abs(scores[shuffled == 1].mean() - scores[shuffled == 0].mean()))

    seen = fit_model(by_heart, noise.features, shuffled).predict_proba(noise.features)[:, 1]
    assert gap(seen) > 0.3, "a leak would show"
    fitted = cross_fit(noise, by_heart)
    assert gap(fitted.scores) < 0.05
    assert max(gap(scores) for scores in fitted.without) < 0.08


def test_each_feature_is_blanked_in_its_own_scores_only(dataset: Dataset) -> None:
    parameters = Hyperparameters(trees=5, folds=2)
    whole = cross_fit(dataset, parameters)
    place = [column.name for column in FEATURES].index("sps")
    without = dataset.features.copy()
    without[:, place] = np.nan
    seen, unseen = next(
        StratifiedKFold(2, shuffle=True, random_state=parameters.seed).split(without, dataset.labels)
    )
    model = fit_model(parameters, dataset.features[seen], dataset.labels[seen])
    assert whole.without.shape == (len(FEATURES), dataset.rows)
    np.testing.assert_array_equal(
        whole.without[place, unseen], model.predict_proba(without[unseen])[:, 1], strict=True
    )
    assert (whole.without[place] != whole.scores).any()


def test_the_record_in_the_artifact_is_nobodys(dataset: Dataset, trained: Trained) -> None:
    metadata = {entry.key: entry.value for entry in onnx.load_from_string(trained.artifact).metadata_props}
    record = json.loads(metadata[SELF_CHECK_KEY])["record"]
    assert record == typical_record(dataset)
    assert list(record.values()).count(None) == 1
    for own in dataset.records:
        alike = sum(own[column.name] == record[column.name] for column in FEATURES)
        assert alike < len(FEATURES) - 5


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
    assert {figure["feature"] for figure in manifest["metrics"]["without"]} == {c.name for c in FEATURES}
    assert "surv2m" not in {feature["name"] for feature in manifest["features"]}


def test_the_report_prints_both_scores_with_intervals(trained: Trained) -> None:
    text = report(trained.evaluation)
    comparison = trained.evaluation.comparison
    for interval in (comparison.auc, comparison.brier, comparison.baseline_auc, comparison.baseline_brier):
        assert f"{interval.value:.4f} [{interval.low:.4f}, {interval.high:.4f}]" in text
