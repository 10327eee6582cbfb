"""The record of one training run, written last beside its artifact."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from app.artifact import PARITY_TOLERANCE
from app.schema import MONITORED, feature_spec
from app.train.dataset import HORIZON_DAYS

if TYPE_CHECKING:
    from app.train.dataset import Dataset
    from app.train.evaluation import Evaluation
    from app.train.fitting import Trained
    from app.train.settings import Hyperparameters

FORMAT = 1
LIBRARIES = ("numpy", "onnx", "onnxruntime", "protobuf", "scikit-learn", "scipy", "skl2onnx")


@dataclass(frozen=True)
class Run:
    """What was asked for."""

    model: str
    version: str
    dataset_key: str
    dataset_sha256: str | None
    """None takes the dataset as it is; only a person's own machine does that."""
    code_version: str
    hyperparameters: Hyperparameters
    threads: int


def describe(run: Run, dataset: Dataset, trained: Trained) -> dict[str, Any]:
    """The manifest as plain data; only `created` differs between two runs of the same inputs."""
    evaluation = trained.evaluation
    comparison = evaluation.comparison
    return {
        "format": FORMAT,
        "model": run.model,
        "version": run.version,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "artifact": {"sha256": trained.sha256, "bytes": len(trained.artifact)},
        "dataset": {
            "key": run.dataset_key,
            "sha256": dataset.sha256,
            "rows": dataset.rows,
            "deaths": int(dataset.labels.sum()),
        },
        "label": {"event": "death", "within_days": HORIZON_DAYS},
        "code_version": run.code_version,
        "hyperparameters": run.hyperparameters.model_dump(),
        "split": {
            "kind": "stratified k-fold, each row scored once by a model that has not seen it",
            "folds": run.hyperparameters.folds,
            "seed": run.hyperparameters.seed,
        },
        "features": feature_spec(),
        "monitored": [column.name for column in MONITORED],
        "metrics": {
            "compared_rows": evaluation.compared_rows,
            "compared_deaths": evaluation.compared_deaths,
            "interval": "95 % percentile interval of a paired bootstrap over rows",
            "auc": asdict(comparison.auc),
            "brier": asdict(comparison.brier),
            "baseline": {
                "name": "1 - surv2m",
                "auc": asdict(comparison.baseline_auc),
                "brier": asdict(comparison.baseline_brier),
            },
            "auc_gain": asdict(comparison.auc_gain),
            "brier_gain": asdict(comparison.brier_gain),
            "all_rows": {"auc": evaluation.auc, "brier": evaluation.brier},
            "calibration": asdict(evaluation.calibration),
            "subgroups": [asdict(subgroup) for subgroup in evaluation.subgroups],
            "without": [asdict(figure) for figure in evaluation.without],
            "average_brier": evaluation.average_brier,
        },
        "parity": {**asdict(trained.parity), "tolerance": PARITY_TOLERANCE},
        "libraries": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    }


def serialise(manifest: dict[str, Any]) -> bytes:
    """Readable, stable in order, and strict JSON: a figure that is not a number is refused here."""
    return (json.dumps(manifest, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def report(evaluation: Evaluation) -> str:
    """The figures, for a person reading the log."""
    comparison, calibration = evaluation.comparison, evaluation.calibration
    rows = [
        ("AUC", comparison.auc, comparison.baseline_auc, comparison.auc_gain),
        ("Brier score", comparison.brier, comparison.baseline_brier, comparison.brier_gain),
    ]
    lines = [
        f"Cross-fitted: {evaluation.compared_rows} rows, {evaluation.compared_deaths} deaths, 95 % intervals",
        f"{'':12} {'model':26} {'surv2m (baseline)':26} gain",
    ]
    lines += [
        f"{name:12} "
        + " ".join(f"{f'{i.value:.4f} [{i.low:.4f}, {i.high:.4f}]':26}" for i in intervals).rstrip()
        for name, *intervals in rows
    ]
    lines.append(
        f"Calibration  slope {calibration.slope:.3f}, intercept {calibration.intercept:+.3f}, "
        f"expected error {calibration.expected_error:.4f}"
    )
    worst = max(evaluation.without, key=lambda figure: figure.brier)
    lines.append(
        f"Without one feature, at worst {worst.feature}: AUC {worst.auc:.3f}, Brier {worst.brier:.3f}; "
        f"the average alone has {evaluation.average_brier:.3f}"
    )
    for group in evaluation.subgroups:
        figures = (
            f"AUC {group.auc:.3f}, Brier {group.brier:.3f}"
            if group.auc is not None and group.brier is not None
            else "too few for figures"
        )
        lines.append(f"  {group.attribute + ' ' + group.value:20} {group.rows:5} rows  {figures}")
    return "\n".join(lines)
