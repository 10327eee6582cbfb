"""Which images anything in the cluster may still start."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from local.cluster.api import Api

WORKLOADS = (
    "/api/v1/pods",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/apis/batch/v1/jobs",
    "/apis/batch/v1/cronjobs",
)
"""Pods, and what makes pods: it may have none at the moment."""
REPLICA_SETS = "/apis/apps/v1/replicasets"
REVISION = "deployment.kubernetes.io/revision"
REVISIONS = 2
"""Of each Deployment: the present one, and the one that `kubectl rollout undo` goes back to."""


def used_images(api: Api) -> set[str]:
    """References of all of them, as they are written there.

    Raises:
        ApiError: the API server could not be asked.
    """
    items = [item for path in WORKLOADS for item in api.get(path)["items"]]
    return set(_images([*items, *_recent(api.get(REPLICA_SETS)["items"])]))


def _recent(replica_sets: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The last revisions of each owner. Older ones that still run have pods, which count by themselves."""
    by_owner = defaultdict(list)
    for entry in replica_sets:
        owners = entry["metadata"].get("ownerReferences") or [{"uid": entry["metadata"].get("uid")}]
        by_owner[owners[0]["uid"]].append(entry)
    for entries in by_owner.values():
        yield from sorted(entries, key=_revision)[-REVISIONS:]


def _revision(replica_set: dict[str, Any]) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, 0))


def _images(value: object) -> Iterator[str]:
    """Every text under a key `image`, at whatever depth: of all kinds of containers, declared and run."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "image" and isinstance(part, str):
                yield part
            else:
                yield from _images(part)
    elif isinstance(value, list):
        for part in value:
            yield from _images(part)
