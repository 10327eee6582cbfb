"""A tiny seeded model on real rows, trained once for all tests in about a second."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.contract import artifact_key
from app.storage import FolderStore
from app.train.dataset import read_dataset
from app.train.fitting import train
from app.train.manifest import Run
from app.train.model import bounded_threads
from app.train.settings import Hyperparameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.train.dataset import Dataset
    from app.train.fitting import Trained

    Tamper = Callable[[list[list[str]]], None]

DATASET = Path(__file__).parents[2] / "data" / "support2.csv.gz"
ROWS = 800
TINY = Hyperparameters(trees=10, folds=2, bootstrap_samples=100)


@dataclass(frozen=True)
class Published:
    """A folder store that holds one version's artifact."""

    folder: Path
    model: str
    version: str
    sha256: str
    artifact: bytes

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.folder)


def dataset_bytes(rows: int = ROWS, tamper: Tamper | None = None) -> bytes:
    """The first rows of SUPPORT2 as a file, after `tamper` has changed its table (header first)."""
    with gzip.open(DATASET, "rt", encoding="utf-8", newline="") as file:
        table = [row for row, _ in zip(csv.reader(file), range(rows + 1), strict=False)]
    if tamper:
        tamper(table)
    text = io.StringIO()
    csv.writer(text).writerows(table)
    return gzip.compress(text.getvalue().encode(), mtime=0)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Fitting on a shared machine is fastest on one thread: none waits for another."""
    with bounded_threads(1):
        yield


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., bytes]:
    return dataset_bytes


@pytest.fixture(scope="session")
def full_dataset() -> bytes:
    return DATASET.read_bytes()


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return read_dataset(dataset_bytes())


@pytest.fixture(scope="session")
def tiny_hyperparameters() -> Hyperparameters:
    return TINY


@pytest.fixture(scope="session")
def trained(dataset: Dataset) -> Trained:
    with bounded_threads(1):
        return train(dataset, TINY)


@pytest.fixture(scope="session")
def run_description() -> Run:
    return Run(
        model="tiny",
        version="v1",
        dataset_key="datasets/tiny.csv.gz",
        dataset_sha256=None,
        code_version="test",
        hyperparameters=TINY,
        threads=1,
    )


@pytest.fixture
def published(tmp_path: Path, trained: Trained) -> Published:
    folder = tmp_path / "artifacts"
    FolderStore(folder).create(artifact_key("tiny", "v1"), trained.artifact, "application/octet-stream")
    return Published(folder, "tiny", "v1", trained.sha256, trained.artifact)
