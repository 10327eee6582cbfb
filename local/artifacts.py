"""The model versions that the artifact bucket holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from app.contract import artifact_key, manifest_key
from local.emulated import emulator_client
from local.errors import LocalError
from local.release import Release

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mypy_boto3_s3 import S3Client

PARTS_OF_A_KEY = len(manifest_key("model", "version").split("/"))


@dataclass(frozen=True)
class ModelVersion:
    """One complete training run: its manifest, and when it was written."""

    model: str
    version: str
    written: datetime
    manifest: dict[str, Any]

    @property
    def figures(self) -> list[str]:
        """The cross-fitted figures beside the published baseline's on the same rows, a line each."""
        metrics = self.manifest["metrics"]
        baseline = metrics["baseline"]
        return [
            f"{label}: {_interval(metrics[key])} against {_interval(baseline[key])} of {baseline['name']} "
            f"on the same {metrics['compared_rows']} rows"
            for label, key in (("AUC", "auc"), ("Brier", "brier"))
        ]

    @property
    def release(self) -> Release:
        """The release that serves this version."""
        return Release(self.model, self.version, str(self.manifest["artifact"]["sha256"]))


def _interval(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]"


class ArtifactBucket:
    """Reads manifests and verifies artifacts; never writes."""

    def __init__(self, bucket: str, environment: Mapping[str, str]) -> None:
        self._bucket = bucket
        self._s3 = s3_client(environment)

    def versions(self) -> list[ModelVersion]:
        """All complete versions, newest first; a run without a manifest is not complete and not listed."""
        found = []
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket):
            for entry in page.get("Contents", []):
                parts = entry["Key"].split("/")
                if entry["Key"].endswith("/manifest.json") and len(parts) == PARTS_OF_A_KEY:
                    found.append(self._version(parts[1], parts[2], entry["LastModified"]))
        return sorted(found, key=lambda version: version.written, reverse=True)

    def find(self, version: str) -> ModelVersion:
        """One version by its name.

        Raises:
            LocalError: the bucket holds no complete version of that name; those it holds are named.
        """
        versions = self.versions()
        for candidate in versions:
            if candidate.version == version:
                return candidate
        known = ", ".join(candidate.version for candidate in versions) or "none"
        raise LocalError(
            f"No complete model version {version!r} is in the bucket {self._bucket} (there: {known}). "
            "Train it first: `make up` trains what the stack's config asks for."
        )

    def holds(self, release: Release) -> bool:
        """Whether a release is there: its manifest, and its artifact with exactly its hash."""
        place = (release.model, release.version)
        try:
            self._s3.head_object(Bucket=self._bucket, Key=manifest_key(*place))
            body = self._s3.get_object(Bucket=self._bucket, Key=artifact_key(*place))["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "NoSuchBucket", "404"}:
                return False
            raise
        return hashlib.sha256(body).hexdigest() == release.artifact_sha256

    def _version(self, model: str, version: str, written: datetime) -> ModelVersion:
        body = self._s3.get_object(Bucket=self._bucket, Key=manifest_key(model, version))["Body"].read()
        return ModelVersion(model, version, written, json.loads(body))


def s3_client(environment: Mapping[str, str]) -> S3Client:
    """The emulator's object store."""
    client: S3Client = emulator_client("s3", environment)
    return client
