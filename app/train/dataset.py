"""Reads and validates the dataset: every row is good, or the run ends with the names of the bad cells."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.errors import AppError
from app.schema import COLUMNS, MONITORED, Category, Number, encode
from app.schema.support2 import BASELINE, IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

HORIZON_DAYS = 60
"""The label is death within this many days of study entry."""
SHOWN_PROBLEMS = 20
"""How many bad cells an error lists before it only counts them."""

Record = dict[str, str | float | None]


class DatasetError(AppError):
    """The dataset is not the one that was asked for, or holds cells that can't be."""


@dataclass(frozen=True)
class Dataset:
    """Validated rows, in the order of the file."""

    sha256: str
    """Of the file as stored, compressed."""
    features: NDArray[np.float32]
    """Rows by features; missing is NaN."""
    labels: NDArray[np.int64]
    """1: died within `HORIZON_DAYS`."""
    baseline: NDArray[np.float64]
    """The published probability of death within two months; NaN where the study gave none."""
    groups: dict[str, NDArray[np.str_]]
    """Values of sex and of the monitored attributes, `unknown` where empty."""
    records: tuple[Record, ...]

    @property
    def rows(self) -> int:
        """How many patients."""
        return len(self.labels)


def read_dataset(content: bytes, expected_sha256: str | None = None) -> Dataset:
    """Read a gzipped CSV file with SUPPORT2's columns.

    Raises:
        DatasetError: the digest, the header or any cell is wrong; nothing is dropped or repaired. The
            text says where, and never what stands there: it goes into logs.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    if expected_sha256 is not None and sha256 != expected_sha256:
        raise DatasetError(
            f"The dataset's SHA-256 is {sha256}, but {expected_sha256} was asked for: the object was "
            "replaced or damaged. Upload the right file, or name the new digest in the stack's config."
        )
    try:
        lines = gzip.decompress(content).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DatasetError(f"The dataset is not gzipped UTF-8 text: {error}.") from error
    reader = csv.reader(io.StringIO(lines, newline=""), strict=True)
    try:
        header = next(reader, [])
        _check_header(header)
        records = _read_rows(header, reader)
    except csv.Error as error:
        raise DatasetError(
            f"The dataset is not CSV at line {reader.line_num}: {error}. A quotation mark is opened and not "
            "closed there or before it, or stands inside a cell; correct the file."
        ) from error
    return Dataset(
        sha256=sha256,
        features=np.array([encode(record) for record in records], dtype=np.float32),
        labels=np.array([_label(record) for record in records], dtype=np.int64),
        baseline=np.array(
            [np.nan if (s := record[BASELINE.name]) is None else 1 - float(s) for record in records]
        ),
        groups={
            name: np.array([record[name] or "unknown" for record in records], dtype=np.str_)
            for name in ("sex", *(column.name for column in MONITORED))
        },
        records=tuple(records),
    )


def _check_header(header: Sequence[str]) -> None:
    # What is not known is told by its place: without a header, these are the first patient's values.
    found = {
        "missing": [name for name in COLUMNS if name not in header],
        "twice": [name for name in COLUMNS if header.count(name) > 1],
        "unknown, by place": [str(place) for place, name in enumerate(header, 1) if name not in COLUMNS],
    }
    problems = [f"{what}: {', '.join(which)}" for what, which in found.items() if which]
    if problems:
        raise DatasetError(
            f"The dataset's header is not SUPPORT2's ({'; '.join(problems)}). "
            "Correct the file, or change app/schema/support2.py if the source has changed."
        )


def _read_rows(header: Sequence[str], rows: Iterable[list[str]]) -> list[Record]:
    records: list[Record] = []
    problems: list[str] = []
    seen: dict[object, int] = {}
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            problems.append(f"row {number}: {len(row)} cells instead of {len(header)}")
            continue
        record: Record = {}
        for name, text in zip(header, row, strict=True):
            try:
                record[name] = _cell(name, text)
            except ValueError as error:
                problems.append(f"row {number}, column {name!r}: {error}")
        if len(record) < len(header):
            continue
        first = seen.setdefault(record[IDENTIFIER.name], number)
        if first != number:
            problems.append(f"row {number}, column {IDENTIFIER.name!r}: already in row {first}")
        if record["died"] == 0 and float(record["followup_days"] or 0) <= HORIZON_DAYS:
            problems.append(f"row {number}, column 'followup_days': censored before day {HORIZON_DAYS}")
        records.append(record)
    if not problems and not records:
        problems.append("no rows")
    if problems:
        more = len(problems) - SHOWN_PROBLEMS
        listed = [*problems[:SHOWN_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]
        raise DatasetError(
            f"The dataset has {len(problems)} problems, so nothing was trained (row 1 is the first after the "
            "header):\n  " + "\n  ".join(listed) + "\nCorrect the rows or take them out of the file."
        )
    return records


def _cell(name: str, text: str) -> str | float | None:
    column = COLUMNS[name]
    if text == "":
        if not column.nullable:
            raise ValueError("empty, but this column is never missing")
        return None
    return column.parse(text) if isinstance(column, Number | Category) else text


def _label(record: Record) -> int:
    return int(record["died"] == 1 and float(record["followup_days"] or 0) <= HORIZON_DAYS)
