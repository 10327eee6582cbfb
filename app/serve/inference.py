"""The model in ONNX Runtime: one verified artifact, one thread, no training library."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from app.artifact import FEATURES_KEY, INPUT_NAME, OUTPUT_NAME, PARITY_TOLERANCE, SELF_CHECK_KEY
from app.schema import FEATURES, encode, feature_spec
from app.serve.errors import ArtifactError, InferenceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

ERRORS_ONLY = 3
"""ONNX Runtime's log level."""


class Predictor:
    """Answers with probabilities; immutable once built, safe to call from several threads."""

    def __init__(self, artifact: bytes, *, model: str, version: str, sha256: str) -> None:
        """Load an artifact and prove that it is the right one and works.

        Raises:
            ArtifactError: its hash differs from `sha256`, or it can't be loaded, or was made for other
                features than this code's, or doesn't give its own self-check's probability.
        """
        self.model = model
        self.version = version
        self.sha256 = sha256
        verify_hash(artifact, sha256)
        self._session = _load(artifact)
        self._outputs = [OUTPUT_NAME]
        self._check_itself()

    def probability(self, record: Mapping[str, Any]) -> float:
        """Probability of death within 60 days, for one validated record.

        Raises:
            InferenceError: the model gave no finite probability.
        """
        return float(self.probabilities(np.array([encode(record)], dtype=np.float32))[0])

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same for encoded rows.

        Raises:
            InferenceError: the model gave no finite probability.
        """
        found: NDArray[np.float32] = self._session.run(self._outputs, {INPUT_NAME: features})[0][:, 1]
        if not np.isfinite(found).all():
            raise InferenceError("The model gave no finite probability.")
        return found

    def _check_itself(self) -> None:
        metadata = self._session.get_modelmeta().custom_metadata_map
        try:
            features = json.loads(metadata[FEATURES_KEY])
            check = json.loads(metadata[SELF_CHECK_KEY])
            record, expected = check["record"], float(check["probability"])
        except (KeyError, ValueError, TypeError) as error:
            raise ArtifactError(
                f"The artifact {self.sha256} doesn't say which features it takes ({error!r}): it was not "
                "made by this project's training. Export it with app.train.export."
            ) from error
        if features != feature_spec():
            raise ArtifactError(
                f"The artifact {self.sha256} takes other features than this image gives. Release an artifact "
                "and an image of the same schema together."
            )
        try:
            found = self.probability(record)
        except Exception as error:  # whatever ONNX Runtime raises, the artifact doesn't work
            raise ArtifactError(f"The artifact {self.sha256} fails its self-check: {error}.") from error
        if not math.isclose(found, expected, abs_tol=PARITY_TOLERANCE):
            raise ArtifactError(
                f"The artifact {self.sha256} fails its self-check: it gives {found:.6f} for the record it "
                f"carries, but training got {expected:.6f}. This machine computes differently, or the "
                "runtime does; train again with these versions."
            )


def verify_hash(artifact: bytes, expected: str) -> None:
    """Accept only the released bytes.

    Raises:
        ArtifactError: they are others; both hashes are named.
    """
    found = hashlib.sha256(artifact).hexdigest()
    if found != expected:
        raise ArtifactError(
            f"The artifact's SHA-256 is {found}, but the release names {expected}: it is refused. Correct "
            "the hash in the release file, or release the version that has it."
        )


def _load(artifact: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ArtifactError(f"The artifact can't be loaded: {error}.") from error
    inputs = [(value.name, value.type, value.shape[1:]) for value in session.get_inputs()]
    outputs = [value.name for value in session.get_outputs()]
    if inputs != [(INPUT_NAME, "tensor(float)", [len(FEATURES)])] or OUTPUT_NAME not in outputs:
        raise ArtifactError(
            f"The artifact's input and output are {inputs} and {outputs}; one float tensor {INPUT_NAME!r} of "
            f"{len(FEATURES)} columns and {OUTPUT_NAME!r} were expected. Export it with app.train.export."
        )
    return session
