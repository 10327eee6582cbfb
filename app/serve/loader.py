"""Brings the released artifact to this pod, in the background, while liveness is answered already."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import structlog

from app.contract import artifact_key
from app.serve.errors import ArtifactError
from app.serve.inference import Predictor, verify_hash
from app.storage import StorageError, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from app.serve.readiness import Readiness
    from app.serve.settings import ServingSettings
    from app.storage import Store

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 15.0
"""Bound on the wait between two attempts: a store that comes back is noticed within this time."""

log = structlog.get_logger(__name__)


class Loader:
    """Fetches, verifies and loads; a store that doesn't answer is tried again, a wrong artifact never is."""

    def __init__(self, settings: ServingSettings, store: Store, readiness: Readiness) -> None:
        self._settings = settings
        self._store = store
        self._readiness = readiness
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)

    @property
    def local_copy(self) -> Path:
        """Named by its hash, so that another release's copy is never taken for it."""
        return self._settings.scratch / f"{self._settings.artifact_sha256}.onnx"

    def start(self) -> None:
        """Begin in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Give up waiting; returns at once, whatever the store does."""
        self._ending.set()

    def _run(self) -> None:
        delay = FIRST_DELAY_SECONDS
        while not self._ending.is_set():
            try:
                self._load()
            except StorageError as error:
                log.warning("artifact_unavailable", reason=str(error), retry_in_seconds=delay)
                self._readiness.wait(f"The artifact can't be fetched yet: {error}")
            except ArtifactError as error:
                log.error("artifact_refused", reason=str(error))  # noqa: TRY400 - the reason says it all
                self._readiness.wait(str(error))
                return
            except (
                Exception
            ) as error:  # a thread that dies silently would leave a pod unready without a reason
                log.exception("artifact_failed")
                self._readiness.wait(f"Loading the artifact failed unexpectedly: {error!r}")
                return
            else:
                return
            # Spread over time, so that many pods don't knock at a recovering store at once.
            self._ending.wait(delay * random.uniform(0.5, 1))  # noqa: S311 - not a secret
            delay = min(2 * delay, LONGEST_DELAY_SECONDS)

    def _load(self) -> None:
        settings = self._settings
        artifact = self._verified_copy() or self._fetch()
        predictor = Predictor(
            artifact, model=settings.model, version=settings.model_version, sha256=settings.artifact_sha256
        )
        self._readiness.serve(predictor)
        log.info("model_ready", model=predictor.model, version=predictor.version, sha256=predictor.sha256)

    def _verified_copy(self) -> bytes | None:
        try:
            artifact = self.local_copy.read_bytes()
            verify_hash(artifact, self._settings.artifact_sha256)
        except FileNotFoundError:
            return None
        except (OSError, ArtifactError) as error:
            log.warning("local_copy_discarded", reason=str(error))
            return None
        return artifact

    def _fetch(self) -> bytes:
        settings = self._settings
        artifact = self._store.read(artifact_key(settings.model, settings.model_version))
        verify_hash(artifact, settings.artifact_sha256)
        try:
            write_atomically(self.local_copy, artifact)
        except OSError as error:  # serving from memory is better than not serving
            log.warning("local_copy_not_written", path=str(self.local_copy), reason=str(error))
        return artifact
