"""What the service is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.contract import METRICS_PORT, SCRATCH_PATH, SERVING_PORT, ServingVariable
from app.settings import Name, SettingsError, Sha256, Text, explain


class ServingSettings(BaseSettings):
    """The environment of the serving container; `app.contract.ServingVariable` names what must be there.

    No name ends in `_PORT` alone: Kubernetes gives every pod such a variable for each Service beside it, and
    a Service called `plinth` would overwrite `PLINTH_PORT`.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    model: Name = Field(alias=ServingVariable.MODEL)
    model_version: Name = Field(alias=ServingVariable.MODEL_VERSION)
    artifact_sha256: Sha256 = Field(alias=ServingVariable.ARTIFACT_SHA256)
    artifact_bucket: Text = Field(alias=ServingVariable.ARTIFACT_BUCKET)
    scratch: Path = Field(default=Path(SCRATCH_PATH), alias="PLINTH_SCRATCH_PATH")
    """Where the verified local copy lives."""
    host: Text = Field(default="0.0.0.0", alias="PLINTH_LISTEN_HOST")  # noqa: S104 - a pod's own address
    port: int = Field(default=SERVING_PORT, ge=1, le=65535, alias="PLINTH_LISTEN_API")
    metrics_port: int = Field(default=METRICS_PORT, ge=1, le=65535, alias="PLINTH_LISTEN_METRICS")
    drain_seconds: float = Field(default=5.0, ge=0, le=300, alias="PLINTH_DRAIN_SECONDS")
    """How long requests are still taken after SIGTERM, unready: the time that the gateway needs to notice.
    The pod's grace period has to be longer by `app.serve.server.GRACE_SECONDS`."""


def read_settings() -> ServingSettings:
    """The settings of this process's environment.

    Raises:
        SettingsError: a variable is missing or impossible; each is named with the reason.
    """
    try:
        return ServingSettings()  # the environment gives the arguments
    except ValueError as error:
        raise SettingsError(explain(error)) from error
