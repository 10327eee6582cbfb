"""Which images a registry has had from this checkout, so that an unchanged one is not sent again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx

from local.storage import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
ANSWER_SECONDS = 5.0


class PushRecord:
    """By the image's own reference, the reference under which the registry has it."""

    def __init__(self, path: Path, *, tls: bool) -> None:
        """Take the file, and whether the registry is asked over TLS."""
        self._path = path
        self._scheme = "https" if tls else "http"

    def held(self, reference: str, registry: str) -> str | None:
        """The registry's reference for an image, if it was pushed there and the registry still shows it.

        Nothing but a plain "yes" counts: a registry that wants a login is simply pushed to again, by a
        program that has it.
        """
        known = self._read().get(reference, "")
        if not known.startswith(f"{registry}/"):
            return None
        name, _, digest = known.partition("@")
        host, _, repository = name.partition("/")
        try:
            answer = httpx.head(
                f"{self._scheme}://{host}/v2/{repository}/manifests/{digest}",
                headers={"Accept": MANIFEST},
                timeout=ANSWER_SECONDS,
            )
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        return known if answer.status_code == httpx.codes.OK else None

    def note(self, pushed: Mapping[str, str]) -> None:
        """Remember what was pushed, and only that."""
        write_atomically(self._path, json.dumps(dict(pushed), indent=2))

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
