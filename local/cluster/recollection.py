"""What the AWS emulator remembers, and whether what it forgot has been rebuilt since."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

from local.storage import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_SECONDS = 2.0


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
        if health["recollection"] in {"empty", "kept"} or str(health["generation"]) == self._last_accepted():
            return []
        return [f"AWS emulator: {health['recollection']}: {health['detail']}"]

    def accept(self) -> None:
        """Note that what it forgot has been rebuilt."""
        write_atomically(self._accepted, str(self.health()["generation"]))

    def _last_accepted(self) -> str:
        try:
            return self._accepted.read_text()
        except OSError:
            return ""
