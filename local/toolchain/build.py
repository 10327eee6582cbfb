"""Turning a recipe into programs and charts."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.toolchain import charts
from local.toolchain.complaints import Failure, explained
from local.toolchain.golang import Go, without_credentials
from local.toolchain.store import Slot, Store

if TYPE_CHECKING:
    from local.progress import Progress
    from local.toolchain.recipes import Recipe

SCRATCH = ".work"


def slot_of(recipe: Recipe) -> Slot:
    """Where a recipe's result is kept."""
    return Slot(str(recipe.tool), recipe.version, recipe.key)


def build(recipe: Recipe, go: Go, store: Store, progress: Progress, *, then: str = "") -> Path:
    """Give the folder with a recipe's programs in `bin/` and charts in `charts/`, built if need be.

    Args:
        recipe: what to build.
        go: what to build it with.
        store: where it is kept.
        progress: told when a build begins and ends.
        then: what comes next, for people.

    Raises:
        LocalError: the build failed; names why and the log.
    """

    def fill(folder: Path) -> None:
        with progress.step(f"{recipe.tool} {recipe.version}: building", then=then):
            began = time.monotonic()
            _compile(recipe, go, store, folder)
            progress.seconds[f"build {recipe.tool}"] = time.monotonic() - began

    return store.obtain(slot_of(recipe), fill, progress)


def prefetch(recipe: Recipe, go: Go) -> None:
    """Download the modules that a build will need and no others; a failure is left to the build to report."""
    go.run(recipe.folder, "list", "-deps", "-f", "", recipe.package)


def _compile(recipe: Recipe, go: Go, store: Store, folder: Path) -> None:
    # Go's temporary files lie inside the unfinished folder, so that whatever a kill leaves goes with it.
    scratch = folder / SCRATCH
    programs = folder / "bin"
    scratch.mkdir()
    programs.mkdir()
    output = programs / recipe.binary
    arguments = ("build", "-ldflags", recipe.link_flags, "-o", str(output), recipe.package)
    result = go.run(recipe.folder, *arguments, scratch=scratch)
    text = without_credentials(result.stdout)
    log = _write_log(store, recipe, f"$ go {' '.join(arguments)}\n{text}")
    if result.returncode != 0:
        raise explained(Failure(recipe, go, result.returncode, text, log), store.root)
    for link in recipe.links:
        (programs / link).symlink_to(recipe.binary)
    for name, chart in recipe.charts.items():
        module = _module_folder(recipe, go)
        charts.fill_in(module / chart.folder, folder / "charts" / name, chart.placeholders, recipe.version)
    shutil.rmtree(scratch)


def _module_folder(recipe: Recipe, go: Go) -> Path:
    result = go.run(recipe.folder, "list", "-m", "-json", recipe.module)
    try:
        return Path(json.loads(result.stdout)["Dir"])
    except (ValueError, KeyError) as error:
        raise LocalError(
            f"Go doesn't say where the sources of {recipe.module} are, which have its charts:\n"
            f"{result.stdout[-500:]}"
        ) from error


def _write_log(store: Store, recipe: Recipe, text: str) -> Path:
    store.logs.mkdir(parents=True, exist_ok=True)
    log = store.logs / f"{recipe.tool}-{recipe.version}.log"
    log.write_text(text)
    return log
