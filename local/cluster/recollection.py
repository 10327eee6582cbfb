"""What the AWS emulator remembers, and whether what it forgot has been rebuilt since."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

from local.storage import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_SECONDS = 2.0

FORGOTTEN = {
    "empty": "lost: its kept memory is gone as a whole, and it started with none",
    "kept": "what it lost at an earlier start has not been rebuilt since",
}


class Recollection:
    """Asks one emulator."""

    def __init__(self, emulator_url: str, folder: Path) -> None:
        """Take the emulator's address, and the folder for the note of what was rebuilt."""
        self._url = f"{emulator_url}/_plinth/health"
        self._accepted = folder / "accepted-generation"

    def health(self) -> dict[str, Any]:
        """What the emulator says of its memory.

        Raises:
            OSError: it does not answer.
        """
        with urllib.request.urlopen(self._url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - our own http URL
            result: dict[str, Any] = json.load(answer)
            return result

    def fault(self) -> str:
        """Why the emulator is not ready; empty when it is."""
        try:
            self.health()
        except (OSError, ValueError) as error:
            return f"{self._url}: {error}"
        return ""

    def lost(self) -> list[str]:
        """What it forgot since `accept` was last called; empty when nothing."""
        try:
            health = self.health()
        except OSError as error:
            return [f"the AWS emulator can't be asked: {error}"]
        accepted, kind = self._last_accepted(), health["recollection"]
        if str(health["generation"]) == accepted:
            return []
        if kind in {"empty", "kept"}:
            # By itself it knows of nothing amiss: its folder went as a whole, or the loss was a start before.
            return [f"AWS emulator: {FORGOTTEN[kind]}"] if accepted else []
        return [f"AWS emulator: {kind}: {health['detail']}"]

    def accept(self) -> None:
        """Note that what it forgot has been rebuilt."""
        write_atomically(self._accepted, str(self.health()["generation"]))

    def _last_accepted(self) -> str:
        try:
            return self._accepted.read_text()
        except OSError:
            return ""
