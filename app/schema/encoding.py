"""From a record to the model's one input: the same function for training and for serving."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from app.schema.columns import Category
from app.schema.support2 import FEATURES

if TYPE_CHECKING:
    from collections.abc import Mapping

_CODES: tuple[tuple[str, dict[str, float] | None], ...] = tuple(
    (
        column.name,
        {value: float(code) for code, value in enumerate(column.values)}
        if isinstance(column, Category)
        else None,
    )
    for column in FEATURES
)


def encode(record: Mapping[str, Any]) -> list[float]:
    """The feature vector of one validated record, in the order of `FEATURES`.

    Missing is NaN; a category is its place in its list. Keys that are no features are not looked at, which
    keeps monitored attributes and the outcome out whatever the record carries.
    """
    return [
        math.nan if (value := record.get(name)) is None else value if codes is None else codes[value]
        for name, codes in _CODES
    ]


def feature_spec() -> list[dict[str, Any]]:
    """Names, order and encoding of the input tensor, as written into the artifact and the manifest.

    Serving refuses an artifact whose list differs from its own: the same number in another place would be
    another feature, and nothing else would notice.
    """
    return [
        {"name": name} if codes is None else {"name": name, "values": list(codes)} for name, codes in _CODES
    ]
