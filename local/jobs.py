"""Training Jobs that have to run once more although nothing in them changed."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SECONDS = 90
"""For a Job and its pods to be gone."""


def remove(kubectl: Path, environment: Mapping[str, str], jobs: Iterable[str]) -> None:
    """Delete Jobs, by `namespace/name`, from the cluster, so that the next update makes them anew.

    The engine could replace them, but a Job keeps its name: it would take the finished one for the
    replacement, and delete that as the old one. And it refuses to replace what the refresh finds gone.

    Raises:
        LocalError: the cluster refused.
    """
    for job in jobs:
        namespace, _, name = job.rpartition("/")
        words = ["--namespace", namespace or "default", "delete", "job", name, "--ignore-not-found"]
        try:
            result = subprocess.run(  # noqa: S603 - our own binary and words
                [str(kubectl), *words, "--cascade=foreground", f"--timeout={SECONDS}s"],
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                timeout=SECONDS + 10,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise LocalError(f"The Job {job} was not gone after {SECONDS} s.") from error
        if result.returncode != 0:
            raise LocalError(f"The Job {job} can't be removed to run again: {result.stderr.strip()}")
