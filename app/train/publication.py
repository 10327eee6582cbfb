"""Puts artifact and manifest into the artifact store: once, whole, and never over something else."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from app.contract import artifact_key, manifest_key
from app.errors import AppError
from app.storage import ObjectExistsError, ObjectMissingError
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

    The same run again writes nothing. A run that was killed between the two is completed.

    Raises:
        PublicationError: the version exists with another artifact: the same inputs must give the same bytes.
    """
    model, version = manifest["model"], manifest["version"]
    sha256 = manifest["artifact"]["sha256"]
    published = _published_sha256(store, manifest_key(model, version))
    if published is not None and published != sha256:
        raise _different(model, version, published, sha256)
    _create_or_compare(store, model, version, artifact)
    if published is not None:
        return Outcome.UNCHANGED
    try:
        store.create(manifest_key(model, version), serialise(manifest), "application/json")
    except ObjectExistsError:  # another run of the same version was quicker
        published = _published_sha256(store, manifest_key(model, version))
        if published != sha256:
            raise _different(model, version, str(published), sha256) from None
        return Outcome.UNCHANGED
    return Outcome.PUBLISHED


def _published_sha256(store: Store, key: str) -> str | None:
    try:
        content = store.read(key)
    except ObjectMissingError:
        return None
    try:
        return str(json.loads(content)["artifact"]["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise PublicationError(
            f"The manifest {key} can't be read ({error!r}). It is written whole or not at all, so something "
            "else wrote it: look at the object's versions, and train under another version."
        ) from error


def _create_or_compare(store: Store, model: str, version: str, artifact: bytes) -> None:
    key = artifact_key(model, version)
    try:
        store.create(key, artifact, "application/octet-stream")
    except ObjectExistsError:
        found = hashlib.sha256(store.read(key)).hexdigest()
        ours = hashlib.sha256(artifact).hexdigest()
        if found != ours:
            raise _different(model, version, found, ours) from None


def _different(model: str, version: str, found: str, ours: str) -> PublicationError:
    return PublicationError(
        f"{model} {version} exists with the artifact {found}, but this run made {ours}. A version is never "
        "overwritten: its inputs (dataset, hyperparameters, image) must have changed without its name, or "
        "the machine computes differently. Train under another version."
    )
