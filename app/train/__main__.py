"""`python -m app.train`: trains from the buckets that the environment names, or locally with `--local`."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from pydantic import ValidationError

from app.contract import MODEL_NAME
from app.errors import AppError
from app.settings import STATUS_MISCONFIGURED, SettingsError, explain
from app.storage import BucketStore, FolderStore
from app.train.manifest import Run
from app.train.run import execute
from app.train.settings import LocalSettings, read_settings

STATUS_REFUSED = 1


def main(arguments: list[str] | None = None) -> int:
    """Train; 0 if the version is published, 1 if something refused it, 2 if the settings are wrong."""
    try:
        options = _parse(arguments)
        if options.local:
            _train_locally(options)
        else:
            _train_from_buckets()
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        return STATUS_MISCONFIGURED
    except AppError as error:
        sys.stderr.write(f"error: {error}\n")
        return STATUS_REFUSED
    return 0


def _train_from_buckets() -> None:
    settings = read_settings()
    execute(
        Run(
            model=settings.model,
            version=settings.model_version,
            dataset_key=settings.dataset_key,
            dataset_sha256=settings.dataset_sha256,
            code_version=settings.code_version,
            hyperparameters=settings.hyperparameters,
            threads=settings.threads,
        ),
        BucketStore(settings.raw_bucket).read(settings.dataset_key),
        BucketStore(settings.artifact_bucket),
        _say,
    )


def _train_locally(options: argparse.Namespace) -> None:
    try:
        asked = LocalSettings(
            model=options.model,
            version=options.version,
            hyperparameters=options.hyperparameters,
            threads=options.threads,
        )
    except ValidationError as error:
        raise SettingsError(explain(error)) from error
    try:
        content = options.local.read_bytes()
    except OSError as error:
        raise SettingsError(f"Can't read the dataset {options.local}: {error.strerror}.") from error
    inputs = hashlib.sha256(content + asked.hyperparameters.model_dump_json().encode()).hexdigest()
    execute(
        Run(
            model=asked.model,
            version=asked.version or f"local-{inputs[:12]}",
            dataset_key=options.local.name,
            dataset_sha256=None,
            code_version="local",
            hyperparameters=asked.hyperparameters,
            threads=asked.threads,
        ),
        content,
        FolderStore(options.output),
        _say,
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app.train",
        description="Train the model. Without --local, the environment names the buckets (app/contract.py).",
    )
    parser.add_argument("--local", type=Path, metavar="FILE", help="a dataset on this machine")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where --local writes to")
    parser.add_argument("--model", default=MODEL_NAME)
    parser.add_argument("--version", help="default: a digest of dataset and hyperparameters")
    parser.add_argument("--hyperparameters", default="{}", metavar="JSON")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    if bool(options.local) != bool(options.output):
        parser.error("--local and --output go together")
    return options


if __name__ == "__main__":
    sys.exit(main())
