from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from app.train.dataset import DatasetError, read_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.train.dataset import Dataset

    MakeDataset = Callable[..., bytes]


def _set(row: int, column: str, value: str) -> Any:
    def tamper(table: list[list[str]]) -> None:
        table[row][table[0].index(column)] = value

    return tamper


def test_the_label_is_death_within_sixty_days(dataset: Dataset) -> None:
    expected = [
        int(record["died"] == 1 and float(record["followup_days"] or 0) <= 60) for record in dataset.records
    ]
    assert dataset.labels.tolist() == expected
    assert 0 < sum(expected) < len(expected)


def test_missing_cells_reach_the_model_as_not_a_number(dataset: Dataset) -> None:
    assert dataset.features.dtype == np.float32
    assert np.isnan(dataset.features).any()
    assert dataset.rows == len(dataset.features) == 800


def test_another_file_than_the_one_asked_for_is_refused(make_dataset: MakeDataset) -> None:
    content = make_dataset(10)
    expected = hashlib.sha256(content).hexdigest()
    assert read_dataset(content, expected).sha256 == expected
    with pytest.raises(DatasetError, match="SHA-256") as refusal:
        read_dataset(content, "0" * 64)
    assert expected in str(refusal.value)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("age", "999", "outside"),
        ("age", "", "empty"),
        ("hrt", "fast", "not a number"),
        ("temp", "inf", "not a finite number"),
        ("adls", "2.5", "whole"),
        ("sex", "Male", "not one of"),
        ("race", "martian", "not one of"),
        ("surv2m", "1.2", "outside"),
        ("died", "2", "outside"),
    ],
)
def test_a_bad_cell_is_named_by_column_and_row(
    make_dataset: MakeDataset, column: str, value: str, reason: str
) -> None:
    with pytest.raises(DatasetError, match=reason) as refusal:
        read_dataset(make_dataset(20, _set(7, column, value)))
    assert f"row 7, column '{column}'" in str(refusal.value)


def test_what_stands_in_a_cell_is_never_told(make_dataset: MakeDataset) -> None:
    for column, value in (("sex", "Jane Doe"), ("age", "987.5"), ("adls", "2.125"), ("hrt", "fast")):
        with pytest.raises(DatasetError) as refusal:
            read_dataset(make_dataset(20, _set(7, column, value)))
        assert value not in str(refusal.value)


def test_the_first_patient_is_not_told_where_the_header_is_missing(make_dataset: MakeDataset) -> None:
    with pytest.raises(DatasetError, match="unknown, by place: 1, 2, 3") as refusal:
        read_dataset(make_dataset(20, lambda table: table.pop(0)))
    for value in ("62.85", "Lung Cancer", "male"):
        assert value not in str(refusal.value)


def test_a_stray_quotation_mark_is_told_by_its_line(make_dataset: MakeDataset) -> None:
    for rows in (20, 800):
        text = gzip.decompress(make_dataset(rows)).decode().replace("Lung Cancer", '"Lung Cancer', 1)
        with pytest.raises(DatasetError, match="quotation mark"):
            read_dataset(gzip.compress(text.encode()))


def test_creatinine_in_micromoles_is_refused(make_dataset: MakeDataset) -> None:
    """As most European laboratories send it: 97 is a healthy person's, and nobody's in mg/dL."""
    with pytest.raises(DatasetError, match="outside"):
        read_dataset(make_dataset(20, _set(7, "crea", "97")))


def test_every_bad_cell_is_counted(make_dataset: MakeDataset) -> None:
    def tamper(table: list[list[str]]) -> None:
        for row in table[1:]:
            row[table[0].index("hrt")] = "-1"

    with pytest.raises(DatasetError, match="has 30 problems") as refusal:
        read_dataset(make_dataset(30, tamper))
    assert "and 10 more" in str(refusal.value)


def test_a_patient_who_appears_twice_is_refused(make_dataset: MakeDataset) -> None:
    with pytest.raises(DatasetError, match="already in row 1"):
        read_dataset(make_dataset(10, lambda table: table.append(list(table[1]))))


def test_a_patient_lost_before_day_sixty_has_no_label(make_dataset: MakeDataset) -> None:
    def tamper(table: list[list[str]]) -> None:
        _set(3, "died", "0")(table)
        _set(3, "followup_days", "30")(table)

    with pytest.raises(DatasetError, match="censored") as refusal:
        read_dataset(make_dataset(10, tamper))
    assert "row 3" in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda header: header.remove("age"), "missing: age"),
        (lambda header: header.append("shoe_size"), "unknown, by place: 38"),
        (lambda header: header.append("age"), "twice: age"),
    ],
)
def test_a_wrong_header_is_named(
    make_dataset: MakeDataset, change: Callable[[list[str]], None], problem: str
) -> None:
    with pytest.raises(DatasetError, match="header") as refusal:
        read_dataset(make_dataset(3, lambda table: change(table[0])))
    assert problem in str(refusal.value)


def test_a_row_of_the_wrong_length_is_named(make_dataset: MakeDataset) -> None:
    with pytest.raises(DatasetError, match="row 2: 36 cells instead of 37"):
        read_dataset(make_dataset(5, lambda table: table[2].pop()))


@pytest.mark.parametrize(
    "content",
    [b"", b"age,sex\n", gzip.compress(b""), gzip.compress(b"\xff\xfe"), gzip.compress(b"age\n1\n")[:-6]],
    ids=["nothing", "not gzipped", "empty", "not UTF-8", "cut short"],
)
def test_a_file_that_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(DatasetError):
        read_dataset(content)


def test_a_table_without_rows_is_refused(make_dataset: MakeDataset) -> None:
    with pytest.raises(DatasetError, match="no rows"):
        read_dataset(make_dataset(0))
