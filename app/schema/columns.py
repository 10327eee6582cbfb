"""What a column is: its role, its type, and which values are possible at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a column may be used for."""

    FEATURE = "feature"
    """Given to the model."""
    MONITORED = "monitored"
    """Never given to the model. Training gives figures by its groups; serving checks it and discards it."""
    LABEL = "label"
    """The outcome, or part of it: known only afterwards."""
    BASELINE = "baseline"
    """The original study's own estimate: what the model is compared with, never a feature."""
    FORBIDDEN = "forbidden"
    """Known only afterwards, or decided by the outcome expected: would leak it."""
    IDENTIFIER = "identifier"
    """Names the patient; says nothing about the outcome."""


@dataclass(frozen=True)
class Column:
    """A column of the source, under the source's own name."""

    name: str
    meaning: str
    role: Role
    nullable: bool = True
    """Whether the source may leave it empty. In a request any feature may be null or absent."""


@dataclass(frozen=True)
class Number(Column):
    """A measurement or a count.

    The limits say what is possible in a living adult (or on the scale's own definition), not what was seen
    in a sample: a value outside them is a mistake in unit, device or typing, whoever the patient is. A value
    within them can still be one: bilirubin in micromoles mostly looks like a sick patient's milligrams.
    """

    unit: str = ""
    lowest: float = -math.inf
    highest: float = math.inf
    whole: bool = False
    """Whether only whole numbers are possible; `3.0` is one."""

    def parse(self, text: str) -> float:
        """Read a cell of a file.

        Raises:
            ValueError: it is not a number, or an impossible one; the text says which limit it breaks, and not
                the value, which is a patient's.
        """
        try:
            value = float(text)
        except ValueError:
            raise ValueError("not a number") from None
        if not math.isfinite(value):
            raise ValueError("not a finite number")
        if not self.lowest <= value <= self.highest:
            unit = f" {self.unit}" if self.unit else ""
            raise ValueError(f"outside {self.lowest:g} to {self.highest:g}{unit}")
        if self.whole and value != int(value):
            raise ValueError("not a whole number")
        return value


@dataclass(frozen=True)
class Category(Column):
    """One of a closed list of words; the order of the list is the model's encoding."""

    values: tuple[str, ...] = ()

    def parse(self, text: str) -> str:
        """Read a cell of a file.

        Raises:
            ValueError: it is not one of the values; the text names them, and not what stands there.
        """
        if text not in self.values:
            raise ValueError(f"not one of {', '.join(self.values)}")
        return text
