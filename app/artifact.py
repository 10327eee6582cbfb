"""What the ONNX artifact says about itself, beside the graph: written by training, demanded by serving."""

from __future__ import annotations

FEATURES_KEY = "plinth.features"
"""Metadata: JSON list of the input's features, as `app.schema.feature_spec` gives it."""
SELF_CHECK_KEY = "plinth.self_check"
"""Metadata: JSON object with `record` (features by name) and the `probability` that it must get."""
INPUT_NAME = "features"
"""The one input: float32, rows by features."""
OUTPUT_NAME = "probabilities"
"""The one output: float32, rows by (survival, death)."""
PARITY_TOLERANCE = 1e-4
"""Largest difference in probability between scikit-learn and ONNX Runtime, on any row."""
