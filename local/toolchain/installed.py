"""Programs on PATH that do as well as ours."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.toolchain.recipes import parse_version

if TYPE_CHECKING:
    from local.progress import Progress
    from local.toolchain.recipes import Recipe

QUESTION_SECONDS = 30.0


@dataclass(frozen=True)
class Found:
    """A compatible program that somebody else installed."""

    path: Path
    version: str


def find(recipe: Recipe, ours: Path, progress: Progress) -> Found | None:
    """The first program of the recipe's name on PATH, if its version is compatible.

    Args:
        recipe: which tool; without `installed` nothing on PATH is accepted.
        ours: the cache folder. What leads there is our own build (`make shell` puts it on PATH), not an
            installed program.
        progress: told of a program that is there and not compatible.
    """
    if recipe.installed is None:
        return None
    path = _first_on_path(recipe.binary, ours)
    if path is None:
        return None
    version = version_of(path, recipe.installed.arguments)
    if version is not None and recipe.installed.accepts(version):
        return Found(path, "v" + ".".join(map(str, version)))
    words = ".".join(map(str, version)) if version else "of unknown version"
    major, minor = recipe.installed.minimum
    progress.say(f"{path} is {words}, and {major}.{minor} or a later {major}.x is needed; using our own")
    return None


def _first_on_path(name: str, ours: Path) -> Path | None:
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        candidate = Path(folder or ".") / name
        if not candidate.is_file() or not os.access(candidate, os.X_OK):
            continue
        if candidate.resolve().is_relative_to(ours.resolve()):
            continue
        return _behind_links(candidate.absolute())
    return None


def _behind_links(path: Path) -> Path:
    """What a link of the same name leads to.

    An instance's own folder of links is on PATH in `make shell`: a link there must not come to lead to
    itself. The name stays, because programs behind version managers ask by which name they were called.
    """
    while path.is_symlink() and path.readlink().name == path.name:
        target = path.parent / path.readlink()
        path = target.parent.resolve() / target.name
    return path


def version_of(path: Path, arguments: tuple[str, ...]) -> tuple[int, int, int] | None:
    """What a program says when it is asked by these arguments; None if that is no version."""
    try:
        answer = subprocess.run(  # noqa: S603 - the user's own program, asked for its version
            [str(path), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=QUESTION_SECONDS,
            env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
        ).stdout
        return parse_version(answer)
    except (OSError, subprocess.SubprocessError, LocalError):
        return None
