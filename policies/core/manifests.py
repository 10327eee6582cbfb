"""The Kubernetes objects of a state as manifests, for tools that read files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import yaml

from policies.core.values import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from policies.core.resources import Resource

PREFIX: Final = "kubernetes:"
NO_OBJECTS: Final = ("kubernetes:helm.sh/", "kubernetes:yaml", "kubernetes:kustomize")
"""Types that stand for many objects, which are rendered by themselves."""
OWN: Final = "stack"
"""Stem of the file with the objects that the program declares itself."""


def write(resources: Iterable[Resource], folder: Path) -> Path | None:
    """Write the program's own objects into `stack.yaml`, readable by its owner only; None if there are none.

    It holds what the program asked for: what the API server added is its own.
    """
    documents = list(objects(resources))
    if not documents:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{OWN}.yaml"
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")
    return target


def objects(resources: Iterable[Resource]) -> Iterator[dict[str, object]]:
    """Manifests of the resources that are Kubernetes objects and weren't rendered from a chart."""
    for resource in resources:
        if not resource.type.startswith(PREFIX) or resource.type.startswith(NO_OBJECTS):
            continue
        if resource.urn.startswith("manifest:"):
            continue
        group, _, kind = resource.type.removeprefix(PREFIX).rpartition(":")
        held = {
            key: _plain(value)
            for key, value in resource.inputs.items()
            if key != "status" and not key.startswith("__")
        }
        yield {**held, "apiVersion": group.removeprefix("core/"), "kind": kind}


def _plain(value: object) -> object:
    if value is UNKNOWN:
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
