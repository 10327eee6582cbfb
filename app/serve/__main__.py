"""`python -m app.serve`: serves what the environment names, or with `--local` what a folder holds."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from app.contract import METRICS_PORT, SERVING_PORT
from app.errors import AppError
from app.serve.api import create_api
from app.serve.logs import configure_logs
from app.serve.readiness import Readiness
from app.serve.server import DrainingServer
from app.serve.settings import ServingSettings, read_settings
from app.settings import STATUS_MISCONFIGURED, SettingsError, explain
from app.storage import BucketStore, FolderStore


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to end; 0 then, 1 if it could not start, 2 if the settings are wrong."""
    options = _parse(arguments)
    try:
        if options.local:
            settings = _local_settings(options)
            store: BucketStore | FolderStore = FolderStore(options.local)
        else:
            settings = read_settings()
            store = BucketStore(settings.artifact_bucket)
        configure_logs()
        readiness = Readiness()
        server = DrainingServer(create_api(settings, store, readiness), settings, readiness)
        server.run()
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        return STATUS_MISCONFIGURED
    except AppError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _local_settings(options: argparse.Namespace) -> ServingSettings:
    # A local run's version is a digest of its data and hyperparameters: models of the same ones share it.
    found = {
        (manifest["model"], manifest["version"]): manifest
        for path in sorted(options.local.glob("models/*/*/manifest.json"))
        for manifest in (json.loads(path.read_text()),)
    }
    wanted = [
        (model, version)
        for model, version in found
        if options.model in {None, model} and options.version in {None, version}
    ]
    if len(wanted) != 1:
        raise SettingsError(
            f"{options.local} holds {', '.join(map(' '.join, found)) or 'no version'}; exactly one can be "
            "served. Name it with --model and --version, or make one with "
            "`python -m app.train --local FILE --output FOLDER`."
        )
    model, version = wanted[0]
    try:
        return ServingSettings(
            model=model,
            model_version=version,
            artifact_sha256=found[model, version]["artifact"]["sha256"],
            artifact_bucket="local",
            scratch=options.local / "verified",
            host="127.0.0.1",
            port=options.port,
            metrics_port=options.metrics_port,
            drain_seconds=0,
        )
    except ValueError as error:
        raise SettingsError(explain(error)) from error


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app.serve",
        description="Serve a model. Without --local, the environment names it (app/contract.py).",
    )
    parser.add_argument("--local", type=Path, metavar="FOLDER", help="what `app.train --local` wrote")
    parser.add_argument("--model", help="needed if the folder holds several models")
    parser.add_argument("--version", help="needed if it holds several versions")
    parser.add_argument("--port", type=int, default=SERVING_PORT)
    parser.add_argument("--metrics-port", type=int, default=METRICS_PORT)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
