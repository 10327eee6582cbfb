"""Puts artifact and manifest into the artifact store: once, whole, and never over something else."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from app.contract import artifact_key, manifest_key
from app.errors import AppError
from app.storage import ObjectExistsError
from app.train.manifest import serialise

if TYPE_CHECKING:
    from app.storage import Store


class PublicationError(AppError):
    """The version's place holds something else."""


class Outcome(StrEnum):
    """What publishing did."""

    PUBLISHED = "published"
    UNCHANGED = "unchanged"


def publish(store: Store, manifest: dict[str, Any], artifact: bytes) -> Outcome:
    """Write the artifact, then the manifest, whose presence means that the run is complete.

    The same run again writes nothing; a run that was killed between the two is completed. Nothing is read
    that may not be there: a role that can't list the bucket is refused then, instead of told so.

    Raises:
        PublicationError: the version exists with another artifact: the same inputs must give the same bytes.
    """
    model, version = manifest["model"], manifest["version"]
    ours = manifest["artifact"]["sha256"]
    try:
        store.create(artifact_key(model, version), artifact, "application/octet-stream")
    except ObjectExistsError:
        found = hashlib.sha256(store.read(artifact_key(model, version))).hexdigest()
        if found != ours:
            raise _different(model, version, found, ours) from None
    try:
        store.create(manifest_key(model, version), serialise(manifest), "application/json")
    except ObjectExistsError:
        found = _recorded_sha256(store, manifest_key(model, version))
        if found != ours:
            raise _different(model, version, found, ours) from None
        return Outcome.UNCHANGED
    return Outcome.PUBLISHED


def _recorded_sha256(store: Store, key: str) -> str:
    try:
        return str(json.loads(store.read(key))["artifact"]["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise PublicationError(
            f"The manifest {key} can't be read ({error!r}). It is written whole or not at all, so something "
            "else wrote it: look at the object's versions, and train under another version."
        ) from error


def _different(model: str, version: str, found: str, ours: str) -> PublicationError:
    return PublicationError(
        f"{model} {version} exists with the artifact {found}, but this run made {ours}. A version is never "
        "overwritten: its inputs (dataset, hyperparameters, image) must have changed without its name, or "
        "the machine computes differently. Train under another version."
    )
