"""Helm charts that come inside Go modules, made ready for `helm install`."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TEMPLATE = "values.tmpl.yaml"


def fill_in(source: Path, destination: Path, placeholders: Mapping[str, str], version: str) -> None:
    """Write a chart as its project would publish it: values filled in, version set.

    The content depends on the arguments alone, so that its digest is the same on every machine.

    Args:
        source: the chart in the module, read-only there.
        destination: a folder that doesn't exist yet.
        placeholders: values for `${Name}` in `values.tmpl.yaml`, with `{version}` for the version.
        version: the module's version, which becomes the chart's version and the application's.

    Raises:
        LocalError: the template has a placeholder without a value.
    """
    copy(source, destination)
    template = destination / TEMPLATE
    if template.is_file():
        text = template.read_text()
        for name, value in placeholders.items():
            text = text.replace(f"${{{name}}}", value.format(version=version))
        if left := re.search(r"\$\{\w+\}", text):
            raise LocalError(
                f"The chart {source.name} {version} leaves {left[0]} open; give it a value in its recipe."
            )
        (destination / "values.yaml").write_text(text)
        template.unlink()
    about = destination / "Chart.yaml"
    text = re.sub(r"^version:.*$", f"version: {version}", about.read_text(), count=1, flags=re.MULTILINE)
    about.write_text(re.sub(r"^appVersion:.*$", f"appVersion: {version}", text, count=1, flags=re.MULTILINE))


def copy(source: Path, destination: Path) -> None:
    """Copy a chart with plain modes: modules are read-only in Go's cache, and a copy is to be replaced."""
    for path in sorted(source.rglob("*")):
        target = destination / path.relative_to(source)
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            target.chmod(0o644)


def same(first: Path, second: Path) -> bool:
    """Whether two charts have the same files with the same bytes."""
    return _contents(first) == _contents(second)


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def replace(source: Path, destination: Path) -> None:
    """Make `destination` equal to `source`; where it already is, leave it untouched.

    Raises:
        LocalError: the destination can't be written.
    """
    if destination.is_dir() and same(source, destination):
        return
    unfinished = destination.with_name(f".{destination.name}.unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        destination.parent.mkdir(parents=True, exist_ok=True)
        copy(source, unfinished)
        if destination.exists():
            shutil.rmtree(destination)
        unfinished.rename(destination)
    except OSError as error:
        raise LocalError(
            f"The chart can't be written to {destination}: {error.strerror}. Make the folder writable, or "
            "free space."
        ) from error
