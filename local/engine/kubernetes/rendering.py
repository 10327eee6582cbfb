"""The provider without a cluster: objects become files, for checks and for other tools to apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine.kubernetes import manifests
from local.engine.kubernetes.kinds import identity_of, parse_identity
from local.engine.kubernetes.objects import manifest, mark_secrets, name_of, namespace_of
from local.engine.provider import ReadResult, Resource, Severity
from local.engine.values import Properties, has_secret, reveal

if TYPE_CHECKING:
    from pathlib import Path

    from local.engine.provider import Reporter


class Rendering:
    """Keeps one file for each object under a folder.

    Args:
        directory: the folder.
        report: shows a line to the person.
    """

    def __init__(self, directory: Path, report: Reporter) -> None:
        self._directory = directory
        self._report = report

    def write(self, resource: Resource, inputs: Properties, *, preview: bool) -> tuple[str, Properties]:
        """Write an object; a preview writes nothing."""
        if preview:
            return "", inputs
        thing = manifest(inputs)
        path = manifests.write(thing, self._directory)
        if has_secret(mark_secrets(inputs)):
            self._report(Severity.WARNING, f"{path} holds a secret in plain text", resource.urn)
        return identity_of(namespace_of(thing), name_of(thing)), mark_secrets(inputs)

    def read(self, identity: str, inputs: Properties, outputs: Properties) -> ReadResult | None:
        """The state as it is kept: nothing else exists."""
        parse_identity(identity)
        return ReadResult(identity, inputs, outputs)

    def remove(self, outputs: Properties) -> None:
        """Remove an object's file; an absent one is already removed."""
        manifests.path_of(reveal(outputs), self._directory).unlink(missing_ok=True)
