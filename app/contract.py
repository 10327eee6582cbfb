"""What a deployment has to know of this application: its commands, ports, paths and variables.

The only module of `app` that `components` imports; it imports nothing itself.
"""

from __future__ import annotations

from enum import StrEnum

SERVING_COMMAND = ("python", "-m", "app.serve")
TRAINING_COMMAND = ("python", "-m", "app.train")

SERVING_PORT = 8080
"""The public API, behind the gateway."""
METRICS_PORT = 9090
"""Prometheus metrics, on a port of their own so that no public route can reach them."""

LIVE_PATH = "/v2/health/live"
READY_PATH = "/v2/health/ready"
METRICS_PATH = "/metrics"

USER_ID = 10001
"""Both images run as this user and group; nothing in them needs another."""
SCRATCH_PATH = "/var/lib/plinth"
"""The one writable folder (an emptyDir): the verified local copy of the artifact lives here."""

MODEL_NAME = "support2-mortality"


class ServingVariable(StrEnum):
    """Environment of the serving container. AWS's own variables come beside these."""

    MODEL = "PLINTH_MODEL"
    MODEL_VERSION = "PLINTH_MODEL_VERSION"
    ARTIFACT_BUCKET = "PLINTH_ARTIFACT_BUCKET"
    ARTIFACT_SHA256 = "PLINTH_ARTIFACT_SHA256"


class TrainingVariable(StrEnum):
    """Environment of the training container. AWS's own variables come beside these."""

    MODEL = "PLINTH_MODEL"
    MODEL_VERSION = "PLINTH_MODEL_VERSION"
    """Name of the run: a digest of its inputs, so that the same inputs write the same place."""
    RAW_BUCKET = "PLINTH_RAW_BUCKET"
    DATASET_KEY = "PLINTH_DATASET_KEY"
    DATASET_SHA256 = "PLINTH_DATASET_SHA256"
    ARTIFACT_BUCKET = "PLINTH_ARTIFACT_BUCKET"
    CODE_VERSION = "PLINTH_CODE_VERSION"
    """Digest of the image that trains, which pins code and libraries at once."""
    HYPERPARAMETERS = "PLINTH_HYPERPARAMETERS"
    """JSON object; see `app.train.settings.Hyperparameters`."""


def artifact_key(model: str, version: str) -> str:
    """Key of the ONNX file in the artifact bucket."""
    return f"models/{model}/{version}/model.onnx"


def manifest_key(model: str, version: str) -> str:
    """Key of the manifest in the artifact bucket; written last, so its presence means a complete run."""
    return f"models/{model}/{version}/manifest.json"
