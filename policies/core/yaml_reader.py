"""YAML, read by libyaml where the machine has it: a chart's definitions take seconds without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import yaml

if TYPE_CHECKING:
    from pathlib import Path

LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def documents(path: Path) -> list[object]:
    """Every document of a file, the empty ones too.

    Raises:
        OSError, UnicodeDecodeError, yaml.YAMLError: it can't be read.
    """
    return list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=LOADER))
