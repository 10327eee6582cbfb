"""Fits the model on all rows, with the figures and the proof of its export beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.schema import FEATURES, Category
from app.train.dataset import DatasetError
from app.train.evaluation import cross_fit, evaluate
from app.train.export import export, verify_parity
from app.train.model import fit_model

if TYPE_CHECKING:
    from app.train.dataset import Dataset, Record
    from app.train.evaluation import Evaluation
    from app.train.export import Parity
    from app.train.settings import Hyperparameters

MEDIAN_DECIMALS = 1
"""Digits that the typical record's numbers keep."""


@dataclass(frozen=True)
class Trained:
    """A model that passed export and parity."""

    artifact: bytes
    sha256: str
    evaluation: Evaluation
    parity: Parity


def train(dataset: Dataset, parameters: Hyperparameters) -> Trained:
    """Cross-fit for the figures, fit on all rows for the artifact, and prove that the export is faithful.

    Raises:
        DatasetError: a fold would hold no death, no survivor, or no value of some feature.
        ParityError: ONNX Runtime scores a row differently.
    """
    deaths = int(dataset.labels.sum())
    if min(deaths, dataset.rows - deaths) < parameters.folds:
        raise DatasetError(
            f"{deaths} deaths and {dataset.rows - deaths} survivors can't be split into {parameters.folds} "
            "folds. Train on more rows or with fewer folds."
        )
    evaluation = evaluate(dataset, cross_fit(dataset, parameters), parameters)
    model = fit_model(parameters, dataset.features, dataset.labels)
    artifact = export(model, typical_record(dataset))
    parity = verify_parity(model, artifact, dataset.features, parameters.seed)
    return Trained(artifact, hashlib.sha256(artifact).hexdigest(), evaluation, parity)


def typical_record(dataset: Dataset) -> Record:
    """A record that nobody has, for the artifact to be checked with: artifacts go where patients may not.

    Numbers are medians, categories the first of their list, and what is missing most often is missing.
    """
    medians = np.nanmedian(dataset.features, axis=0)
    record: Record = {
        column.name: column.values[0]
        if isinstance(column, Category)
        else float(round(median, 0 if column.whole else MEDIAN_DECIMALS))
        for column, median in zip(FEATURES, medians.tolist(), strict=True)
    }
    record[FEATURES[int(np.isnan(dataset.features).sum(axis=0).argmax())].name] = None
    return record
