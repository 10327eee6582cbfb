"""Where the pack keeps its data, and which day it is."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

PACK: Final = Path(__file__).resolve().parent.parent
EXEMPTIONS: Final = PACK / "exemptions.yaml"
OPINIONS: Final = PACK / "opinions.yaml"
COVERED: Final = PACK / "covered.json"
CONTROLS: Final = PACK.parent / "docs" / "controls.md"


def today() -> dt.date:
    """The day by which exemptions expire, in UTC, so that a gate doesn't depend on where it runs."""
    return dt.datetime.now(tz=dt.UTC).date()
