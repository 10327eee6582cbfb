"""Exports the fitted model to ONNX, byte for byte reproducible, and refuses it unless its scores agree."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from app.artifact import FEATURES_KEY, INPUT_NAME, OUTPUT_NAME, PARITY_TOLERANCE, SELF_CHECK_KEY
from app.errors import AppError
from app.schema import FEATURES, encode, feature_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

OPSETS = {"": 18, "ai.onnx.ml": 3}
"""Fixed, so that a newer library doesn't silently write another format."""
PROBABILITY_DIGITS = 6
"""To which the self-check's probability is rounded: far finer than the tolerance."""
MASKED_SHARE = 0.5
"""Share of the values blanked in the parity check's second pass, which tries gaps the data doesn't have."""


class ParityError(AppError):
    """The exported model doesn't score as the trained one does."""


@dataclass(frozen=True)
class Parity:
    """The largest differences found between scikit-learn's scores and ONNX Runtime's."""

    rows: int
    largest: float
    largest_masked: float
    """The same, with half of all values blanked."""


def export(model: Any, sample: Mapping[str, Any]) -> bytes:  # noqa: ANN401 - scikit-learn has no types
    """The ONNX file of a fitted model.

    Args:
        model: a fitted classifier over the encoded features.
        sample: the self-check's features by name, as a request would carry them; nobody's own, as the
            artifact goes wherever the model is served.
    """
    converted = to_onnx(
        model,
        initial_types=[(INPUT_NAME, FloatTensorType([None, len(FEATURES)]))],
        options={"zipmap": False},
        target_opset=OPSETS,
        name="plinth",  # otherwise a random one
    )
    _keep_probabilities(converted)
    converted.producer_name = converted.producer_version = converted.domain = converted.doc_string = ""
    converted.graph.doc_string = ""
    _replace(converted.opset_import, sorted(converted.opset_import, key=lambda opset: opset.domain))
    row = np.array([encode(sample)], dtype=np.float32)
    probability = round(float(model.predict_proba(row)[0, 1]), PROBABILITY_DIGITS)
    for key, value in (
        (FEATURES_KEY, feature_spec()),
        (SELF_CHECK_KEY, {"record": dict(sample), "probability": probability}),
    ):
        converted.metadata_props.add(key=key, value=json.dumps(value, sort_keys=True))
    onnx.checker.check_model(converted, full_check=True)
    content: bytes = converted.SerializeToString(deterministic=True)
    return content


def verify_parity(
    model: Any,  # noqa: ANN401 - scikit-learn has no types
    artifact: bytes,
    features: NDArray[np.float32],
    seed: int,
) -> Parity:
    """Score every row with both, as it is and with values blanked at random.

    Raises:
        ParityError: a row differs by more than `PARITY_TOLERANCE`, or has no probability at all.
    """
    session = onnxruntime.InferenceSession(artifact, providers=["CPUExecutionProvider"])
    masked = features.copy()
    masked[np.random.default_rng(seed).random(features.shape) < MASKED_SHARE] = np.nan
    largest = [_largest_difference(model, session, rows) for rows in (features, masked)]
    return Parity(len(features), *largest)


def _largest_difference(model: Any, session: Any, features: NDArray[np.float32]) -> float:  # noqa: ANN401
    expected = model.predict_proba(features)[:, 1]
    found = session.run([OUTPUT_NAME], {INPUT_NAME: features})[0][:, 1]
    difference = np.abs(expected - found)
    worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
    if not difference[worst] <= PARITY_TOLERANCE:  # also when it is NaN
        raise ParityError(
            f"Row {worst + 1} scores {found[worst]:.6f} in ONNX Runtime but {expected[worst]:.6f} in "
            f"scikit-learn: more than {PARITY_TOLERANCE:g} apart, so nothing is published. A part of the "
            "pipeline doesn't convert faithfully; see the notes in app/train/model.py."
        )
    return float(difference[worst])


def _keep_probabilities(model: onnx.ModelProto) -> None:
    """Drop the predicted label: a threshold is a decision, and not the model's."""
    graph = model.graph
    outputs = [output for output in graph.output if output.name == OUTPUT_NAME]
    needed = {OUTPUT_NAME}
    nodes = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(node.input)
    initializers = [initializer for initializer in graph.initializer if initializer.name in needed]
    kept: tuple[tuple[Any, list[Any]], ...] = (
        (graph.output, outputs),
        (graph.node, nodes[::-1]),
        (graph.initializer, initializers),
    )
    for field, items in kept:
        _replace(field, items)


def _replace(field: Any, items: list[Any]) -> None:  # noqa: ANN401 - protobuf's repeated field
    copies = [type(item).FromString(item.SerializeToString()) for item in items]
    del field[:]
    field.extend(copies)
