"""Whether requests can be answered, and if not, why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.serve.errors import NotReadyError

if TYPE_CHECKING:
    from app.serve.inference import Predictor


class Readiness:
    """Written by the loader's thread and by the signal handler, read by every request.

    Each change is one assignment, so no lock is needed and a signal handler may make it.
    """

    def __init__(self) -> None:
        self._predictor: Predictor | None = None
        self._reason = "The artifact has not been fetched yet."
        self.draining = False
        """Whether the process has been told to end: it still answers, but wants no new callers."""

    @property
    def ready(self) -> bool:
        """Whether the gateway should send requests here."""
        return self._predictor is not None and not self.draining

    @property
    def reason(self) -> str:
        """Why it isn't ready."""
        return "The process is about to end." if self.draining else self._reason

    def serve(self, predictor: Predictor) -> None:
        """From now on, answer with this."""
        self._predictor = predictor

    def wait(self, reason: str) -> None:
        """Not ready, for a reason that may pass or not."""
        self._reason = reason

    def drain(self) -> None:
        """Told to end: unready at once, while what still arrives is answered."""
        self.draining = True

    def predictor(self) -> Predictor:
        """What answers.

        Raises:
            NotReadyError: nothing does yet; the text says why.
        """
        if self._predictor is None:
            raise NotReadyError(self._reason)
        return self._predictor
