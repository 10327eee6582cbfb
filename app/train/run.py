"""One training run, from the stored dataset to the published version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.train.dataset import read_dataset
from app.train.fitting import train
from app.train.gate import require_better_than_baseline, require_sense_without_each_feature
from app.train.manifest import describe, report
from app.train.model import bounded_threads
from app.train.publication import Outcome, publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.storage import Store
    from app.train.manifest import Run


@dataclass(frozen=True)
class Result:
    """What a run left in the store."""

    outcome: Outcome
    sha256: str


def execute(run: Run, content: bytes, store: Store, say: Callable[[str], None]) -> Result:
    """Validate, train, evaluate, gate, and publish.

    Args:
        run: what is asked for.
        content: the dataset file.
        store: where the version goes.
        say: takes each finding, for a person.

    Raises:
        AppError: the dataset, the parity, the gate or the store refuses; nothing was published then.
    """
    dataset = read_dataset(content, run.dataset_sha256)
    say(f"Dataset {dataset.sha256}: {dataset.rows} rows, {int(dataset.labels.sum())} deaths within 60 days")
    with bounded_threads(run.threads):
        trained = train(dataset, run.hyperparameters)
    say(report(trained.evaluation))
    say(
        f"ONNX against scikit-learn on {trained.parity.rows} rows: largest difference "
        f"{trained.parity.largest:.1e}, with half the values blanked {trained.parity.largest_masked:.1e}"
    )
    require_better_than_baseline(trained.evaluation)
    require_sense_without_each_feature(trained.evaluation)
    outcome = publish(store, describe(run, dataset, trained), trained.artifact)
    say(f"{run.model} {run.version} {outcome}: artifact SHA-256 {trained.sha256}")
    return Result(outcome, trained.sha256)
