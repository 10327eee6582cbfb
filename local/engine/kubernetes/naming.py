"""Names and namespaces that the program leaves out."""

from __future__ import annotations

import copy
import hashlib
from typing import Any, Final

from local.engine.kubernetes.objects import AUTONAMED_ANNOTATION
from local.engine.values import UNKNOWN, Properties, Secret

SUFFIX_LENGTH: Final = 8
"""Characters of an automatic name's ending, as the official provider has them."""

DEFAULT_NAMESPACE: Final = "default"


def suffix(random_seed: bytes) -> str:
    """The ending that a seed gives: the same for the same resource within one update."""
    return hashlib.sha256(random_seed).hexdigest()[:SUFFIX_LENGTH]


def complete(
    inputs: Properties,
    old_inputs: Properties,
    *,
    resource_name: str,
    random_seed: bytes,
    namespace: str | None,
) -> Properties:
    """Inputs with a name, and a namespace where one is due.

    A name that was given automatically is kept for the resource's life; one that the program states wins.

    Args:
        inputs: as the program gave them; not changed.
        old_inputs: the last checked ones, empty for a new resource.
        resource_name: what the program calls the resource; the automatic name begins with it.
        random_seed: decides the automatic name's ending.
        namespace: what to fill in if none is given; None for a kind that has none.
    """
    completed = copy.deepcopy(inputs)
    metadata = completed.get("metadata")
    if isinstance(metadata, Secret):
        metadata = metadata.value
    if metadata is UNKNOWN:
        return completed
    metadata = dict(metadata or {})
    completed["metadata"] = metadata
    if not metadata.get("name") and not metadata.get("generateName"):
        _give_name(metadata, old_inputs, resource_name, random_seed)
    if namespace is None:
        metadata.pop("namespace", None)
    elif not metadata.get("namespace"):
        metadata["namespace"] = namespace
    return completed


def _give_name(
    metadata: dict[str, Any], old_inputs: Properties, resource_name: str, random_seed: bytes
) -> None:
    old = old_inputs.get("metadata")
    old = old if isinstance(old, dict) else {}
    was_automatic = (old.get("annotations") or {}).get(AUTONAMED_ANNOTATION) == "true"
    if was_automatic and old.get("name"):
        metadata["name"] = old["name"]
    else:
        metadata["name"] = f"{resource_name.lower()}-{suffix(random_seed)}"
    noted = metadata.get("annotations")
    if noted is UNKNOWN:
        return
    if isinstance(noted, Secret):
        noted = noted.value
    metadata["annotations"] = {**(noted or {}), AUTONAMED_ANNOTATION: "true"}
