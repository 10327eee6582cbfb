"""The scikit-learn model: how missing values and categories are handled, and what is blended."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Binarizer, OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from app.schema import FEATURES, Category
from app.train.dataset import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from app.train.settings import Hyperparameters

ABSENT = -1e9
"""Stands for a missing number where only presence matters; far below every column's lowest value."""

COEFFICIENT_DECIMALS = 6
"""Digits after the point that the regression's coefficients keep.

A BLAS adds in an order of its own on each kind of processor. The solver converges far below this grid, so
every processor lands on the same coefficients, and the artifact has the same bytes.
"""


def build_model(parameters: Hyperparameters) -> VotingClassifier:
    """An unfitted model over the encoded features.

    Missing values, column by column: the trees learn for each split on which side a missing value belongs;
    the logistic regression sees the median of its training rows and, beside it, whether the number was there.
    Nothing is imputed before the folds are split, so no row's neighbours leak into it.

    Categories are one-hot for the logistic regression and ordinal for the trees. The trees' native
    categorical splits are not used: they convert to ONNX silently wrong.
    """
    return VotingClassifier(
        [("trees", _trees(parameters)), ("logistic", _logistic(parameters))],
        voting="soft",
        weights=np.array([1 - parameters.logistic_weight, parameters.logistic_weight]),
        flatten_transform=False,  # the converter knows no other; it concerns `transform` only
    )


def fit_model(
    parameters: Hyperparameters, features: NDArray[np.float32], labels: NDArray[np.int64]
) -> VotingClassifier:
    """A fitted model, which has seen each row twice: as it is, and with some of its values blanked.

    Raises:
        DatasetError: a feature has no value in these rows, so nothing could be learnt or imputed for it.
    """
    empty = [FEATURES[place].name for place in np.flatnonzero(np.isnan(features).all(axis=0))]
    if empty:
        raise DatasetError(
            f"No value of {', '.join(empty)} in the {len(features)} rows of a fold. Train on more rows, with "
            "fewer folds, or take the column out of app/schema/support2.py."
        )
    model = build_model(parameters).fit(*_with_gaps(parameters, features, labels))
    regression = model.named_estimators_["logistic"].named_steps["regression"]
    for name in ("coef_", "intercept_"):
        # Adding zero turns -0.0 into 0.0, whose bytes differ.
        setattr(regression, name, np.round(getattr(regression, name), COEFFICIENT_DECIMALS) + 0.0)
    return model


def _with_gaps(
    parameters: Hyperparameters, features: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The rows, and a copy of them with values blanked at random.

    Where one row in thousands lacks a number, that one row's outcome decides what all who lack it are told.
    """
    if not parameters.blanked_share:
        return features, labels
    blank = np.random.default_rng(parameters.seed).random(features.shape) < parameters.blanked_share
    gaps = np.where(blank, np.float32(np.nan), features)
    return np.concatenate([features, gaps]), np.concatenate([labels, labels])


@contextmanager
def bounded_threads(threads: int) -> Iterator[None]:
    """Bound OpenMP, and pin BLAS to one thread: its sums depend on how they are split."""
    with threadpool_limits(limits=threads, user_api="openmp"), threadpool_limits(limits=1, user_api="blas"):
        yield


def _trees(parameters: Hyperparameters) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        learning_rate=parameters.learning_rate,
        max_iter=parameters.trees,
        max_leaf_nodes=parameters.leaves,
        min_samples_leaf=parameters.leaf_samples,
        l2_regularization=parameters.l2,
        max_features=parameters.column_share,
        early_stopping=False,
        categorical_features=None,
        random_state=parameters.seed,
    )


def _logistic(parameters: Hyperparameters) -> Pipeline:
    numbers = [place for place, column in enumerate(FEATURES) if not isinstance(column, Category)]
    gaps = [place for place in numbers if FEATURES[place].nullable]
    categories = {
        place: column.values for place, column in enumerate(FEATURES) if isinstance(column, Category)
    }
    values = Pipeline([("median", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    presence = Pipeline(
        [
            ("mark", SimpleImputer(strategy="constant", fill_value=ABSENT)),
            ("present", Binarizer(threshold=ABSENT / 2)),
        ]
    )
    words = Pipeline(
        [
            ("mark", SimpleImputer(strategy="constant", fill_value=-1.0)),
            (
                "one_hot",
                OneHotEncoder(
                    categories=[np.arange(len(words), dtype=np.float32) for words in categories.values()],
                    handle_unknown="ignore",
                    sparse_output=False,
                ),
            ),
        ]
    )
    columns = ColumnTransformer(
        [("values", values, numbers), ("presence", presence, gaps), ("words", words, list(categories))]
    )
    regression = LogisticRegression(C=parameters.logistic_c, solver="newton-cholesky", tol=1e-10)
    return Pipeline([("columns", columns), ("regression", regression)])
