"""What the settings of training and of serving have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints, ValidationError

from app.errors import AppError

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
"""Part of an object key and of a path; nothing that could climb out of its folder."""
Text = Annotated[str, StringConstraints(min_length=1)]

STATUS_MISCONFIGURED = 2
"""Exit status of a command whose settings are wrong: trying again can't help."""


class SettingsError(AppError):
    """The environment doesn't say what to do, or says something impossible."""


def explain(error: ValueError) -> str:
    """The reasons of a failed validation, one a line, without the refused values."""
    if not isinstance(error, ValidationError):
        return f"The environment can't be read: {error}."
    lines = [f"  {'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in error.errors()]
    return "These settings are missing or impossible:\n" + "\n".join(lines)
