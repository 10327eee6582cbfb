"""Render the Helm releases of a state with the values that they were installed with."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from policies.core.errors import PolicyInputError

if TYPE_CHECKING:
    from pathlib import Path

    from policies.core.resources import Resource

RELEASE: Final = "kubernetes:helm.sh/v3:Release"
SECONDS: Final = 120
"""Longest time to render one chart."""


def render(resources: Iterable[Resource], folder: Path, helm: str) -> list[Path]:
    """Write `<release>.yaml` for each release among the resources, and return the files.

    The values are the state's own, so that what is judged is what was installed.

    Raises:
        PolicyInputError: helm can't be run, or refuses a chart.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [_render(resource, folder, helm) for resource in resources if resource.type == RELEASE]


def _render(release: Resource, folder: Path, helm: str) -> Path:
    name = release.at("name").text() or release.name
    values = release.at("values").whole() or {}
    command = [helm, "template", name, release.at("chart").text() or "", "--include-crds"]
    command += ["--namespace", release.at("namespace").text() or "default"]
    repository = release.at("repositoryOpts")
    if repository.present() and repository.at("repo").text():
        command += ["--repo", repository.at("repo").text() or ""]
    if release.at("version").text():
        command += ["--version", release.at("version").text() or ""]
    target = folder / f"{name}.yaml"
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as held:
        json.dump(values if isinstance(values, Mapping) else {}, held)
        held.flush()
        target.write_text(_run([*command, "--values", held.name], name), encoding="utf-8")
    return target


def _run(command: list[str], name: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the chart and the names come from our own state
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PolicyInputError(f"{command[0]} can't render {name}: {error}. Name helm by --helm.") from error
    if done.returncode:
        raise PolicyInputError(
            f"helm refuses to render {name}: {done.stderr.strip()}. Correct the release's values."
        )
    return done.stdout
