"""Manifests as text: reading them for the program, writing them for people and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from local.engine.kubernetes.objects import Object, name_of, namespace_of
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
if TYPE_CHECKING:
    _Loader = yaml.SafeLoader
else:
    _Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _ManifestLoader(_Loader):
    """YAML as Kubernetes reads it: a date or a `=` stays text."""


_ManifestLoader.yaml_implicit_resolvers = {
    letter: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
    ]
    for letter, resolvers in _Loader.yaml_implicit_resolvers.items()
}


def parse(text: str) -> list[Object]:
    """The objects of a text of manifests; empty documents and ones without a kind are left out.

    Raises:
        ProviderError: the text is not YAML.
    """
    try:
        documents = list(yaml.load_all(text, Loader=_ManifestLoader))
    except yaml.YAMLError as error:
        raise ProviderError(f"These manifests are not YAML: {error}") from error
    return [
        document
        for document in documents
        if isinstance(document, dict) and document.get("kind") and document.get("apiVersion")
    ]


def with_namespace(
    objects: list[Object], namespace: str | None, is_namespaced: Callable[[Object], bool]
) -> Iterator[Object]:
    """The objects, each in a namespace if its kind takes one and it names none."""
    for thing in objects:
        metadata = thing.setdefault("metadata", {}) or {}
        if namespace and not metadata.get("namespace") and is_namespaced(thing):
            thing["metadata"] = {**metadata, "namespace": namespace}
        yield thing


def path_of(thing: Object, directory: Path) -> Path:
    """Where an object is rendered: the official provider's places, so that tools find them."""
    folder = "0-crd" if thing.get("kind") == "CustomResourceDefinition" else "1-manifest"
    version = str(thing.get("apiVersion", "")).replace("/", "_").replace(":", "_")
    kind = str(thing.get("kind", "")).lower()
    return directory / folder / f"{version}-{kind}-{namespace_of(thing) or 'default'}-{name_of(thing)}.yaml"


def write(thing: Object, directory: Path) -> Path:
    """Write one object as YAML that only we may read, for it may hold secrets."""
    path = path_of(thing, directory)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(thing, sort_keys=False))
    return path
