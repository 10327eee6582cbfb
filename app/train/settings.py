"""What a training run is told: by environment variables in a container, by options on a person's machine."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Json
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.contract import TrainingVariable
from app.settings import Name, SettingsError, Sha256, Text, explain

Threads = Annotated[int, Field(ge=1, le=64)]


class Hyperparameters(BaseModel):
    """Of the blend: histogram gradient boosting beside a regularised logistic regression.

    The defaults were found by cross-fitting on SUPPORT2 (docs/model-card.md has the figures); more trees, or
    an ensemble of seeds, gained nothing that its interval could show.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    seed: int = Field(default=20260101, ge=0, lt=2**32)
    """Of folds, column sampling and bootstrap."""
    folds: int = Field(default=10, ge=2, le=20)
    """Of cross-fitting: each row is scored by a model that has not seen it."""
    learning_rate: float = Field(default=0.03, gt=0, le=1)
    trees: int = Field(default=300, ge=1, le=2000)
    leaves: int = Field(default=8, ge=2, le=64)
    """Of each tree."""
    leaf_samples: int = Field(default=60, ge=1)
    """Rows that a leaf holds at least."""
    l2: float = Field(default=5.0, ge=0)
    """Penalty on the trees' leaf values."""
    column_share: float = Field(default=0.3, gt=0, le=1)
    """Share of the columns that each split looks at."""
    logistic_c: float = Field(default=0.05, gt=0)
    """Inverse of the logistic regression's penalty."""
    logistic_weight: float = Field(default=0.35, ge=0, le=1)
    """Its share in the blended probability; the trees have the rest."""
    blanked_share: float = Field(default=0.3, ge=0, le=0.9)
    """Share of the values that are blanked in a second copy of each training row. The study measured nearly
    everybody's physiology score; without the copy a model never learns what to make of a record that lacks
    it. 0 learns from the rows alone."""
    bootstrap_samples: int = Field(default=2000, ge=100, le=20000)
    """Resamples behind each confidence interval."""


class TrainingSettings(BaseSettings):
    """The environment of the training container; `app.contract.TrainingVariable` names the variables."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    model: Name = Field(alias=TrainingVariable.MODEL)
    model_version: Name = Field(alias=TrainingVariable.MODEL_VERSION)
    raw_bucket: Text = Field(alias=TrainingVariable.RAW_BUCKET)
    dataset_key: Text = Field(alias=TrainingVariable.DATASET_KEY)
    dataset_sha256: Sha256 = Field(alias=TrainingVariable.DATASET_SHA256)
    artifact_bucket: Text = Field(alias=TrainingVariable.ARTIFACT_BUCKET)
    code_version: Text = Field(alias=TrainingVariable.CODE_VERSION)
    hyperparameters: Hyperparameters = Field(
        default_factory=Hyperparameters, alias=TrainingVariable.HYPERPARAMETERS
    )
    threads: Threads = Field(default=1, alias="PLINTH_THREADS")
    """OpenMP threads of the boosting; the result is the same for any number. One is fastest wherever cores
    are shared, because the others wait for the slowest at every split."""


class LocalSettings(BaseModel):
    """What a person asks for on their own machine."""

    model_config = ConfigDict(frozen=True)

    model: Name
    version: Name | None
    hyperparameters: Json[Hyperparameters]
    threads: Threads


def read_settings() -> TrainingSettings:
    """The settings of this process's environment.

    Raises:
        SettingsError: a variable is missing or impossible; each is named with the reason.
    """
    try:
        return TrainingSettings()  # the environment gives the arguments
    except ValueError as error:
        raise SettingsError(explain(error)) from error
