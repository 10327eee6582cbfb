from __future__ import annotations

import pytest

from app.contract import TrainingVariable
from app.settings import SettingsError
from app.train.settings import read_settings

GOOD = {
    TrainingVariable.MODEL: "m",
    TrainingVariable.MODEL_VERSION: "v1",
    TrainingVariable.RAW_BUCKET: "raw",
    TrainingVariable.DATASET_KEY: "datasets/x.csv.gz",
    TrainingVariable.DATASET_SHA256: "a" * 64,
    TrainingVariable.ARTIFACT_BUCKET: "artifacts",
    TrainingVariable.CODE_VERSION: "sha256:abc",
    TrainingVariable.HYPERPARAMETERS: '{"trees": 50, "l2": 1}',
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_the_contracts_variables_are_read() -> None:
    settings = read_settings()
    assert (settings.model, settings.model_version) == ("m", "v1")
    assert settings.hyperparameters.trees == 50
    assert settings.hyperparameters.l2 == 1
    assert settings.hyperparameters.leaves == 8


@pytest.mark.parametrize("name", [name for name in GOOD if name is not TrainingVariable.HYPERPARAMETERS])
def test_a_missing_variable_is_named(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(name)
    with pytest.raises(SettingsError, match=name):
        read_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (TrainingVariable.DATASET_SHA256, "abc"),
        (TrainingVariable.MODEL_VERSION, "../../other"),
        (TrainingVariable.MODEL, ""),
        (TrainingVariable.HYPERPARAMETERS, '{"treees": 50}'),
        (TrainingVariable.HYPERPARAMETERS, '{"trees": "50"}'),
        (TrainingVariable.HYPERPARAMETERS, '{"trees": true}'),
        (TrainingVariable.HYPERPARAMETERS, '{"logistic_weight": 1.5}'),
        (TrainingVariable.HYPERPARAMETERS, "{"),
    ],
)
def test_an_impossible_value_is_refused(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(SettingsError) as refusal:
        read_settings()
    assert name in str(refusal.value) or "hyperparameters" in str(refusal.value)
