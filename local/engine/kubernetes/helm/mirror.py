"""Charts at hand in place of those that the program names in registries.

A rehearsal must not depend on what a registry answers today, and a machine may have none. Where the
variable below names a mirror, nothing is fetched: a chart that the mirror has is installed from there, and a
release of any other chart is recorded only.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local.engine.kubernetes.helm import chart
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE: Final = "PLINTH_CHART_MIRROR"
"""Path of a JSON object: a chart as `published` spells it, and the folder it lies in."""


def published(name: str, version: str, repository: str = "") -> str:
    """How a mirror names a chart: `oci://registry/chart@version`, or `https://repository/chart@version`."""
    where = f"{repository.rstrip('/')}/{name}" if repository else name
    return f"{where}@{version}"


class Mirror:
    """The charts at hand; None stands for no mirror: Helm fetches."""

    def __init__(self, charts: Mapping[str, str] | None) -> None:
        self._charts = charts

    @classmethod
    def from_environment(cls) -> Mirror:
        """The mirror that the variable names.

        Raises:
            ProviderError: it can't be read.
        """
        path = os.environ.get(VARIABLE)
        if not path:
            return cls(None)
        try:
            return cls(dict(json.loads(Path(path).read_text())))
        except (OSError, ValueError) as error:
            raise ProviderError(
                f"{VARIABLE} = {path}: no mirror of charts can be read there: {error}"
            ) from error

    def find(self, release: Mapping[str, Any]) -> Path | None:
        """The folder in place of a release's chart, None if there is none."""
        found = (self._charts or {}).get(_key(release))
        return Path(found) if found else None

    def lacks(self, release: Mapping[str, Any]) -> bool:
        """Whether the chart would have to be fetched, and nothing is fetched."""
        if self._charts is None or _key(release) in self._charts:
            return False
        return chart.local_path(str(release["chart"]), release.get("repositoryOpts") or {}) is None


def _key(release: Mapping[str, Any]) -> str:
    repository = release.get("repositoryOpts") or {}
    return published(
        str(release.get("chart", "")), str(release.get("version") or ""), repository.get("repo") or ""
    )
