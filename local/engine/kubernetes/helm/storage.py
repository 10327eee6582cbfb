"""What Helm remembers of a release: it keeps each revision in a Secret of the release's namespace."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from local.engine.kubernetes import manifests
from local.engine.kubernetes.kinds import Kind, identity_of
from local.engine.kubernetes.objects import name_of, namespace_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.engine.kubernetes.client import Client
    from local.engine.kubernetes.objects import Object

_SECRET: Final = Kind("v1", "Secret")

OWNER_LABEL: Final = "plinth.dev/urn-digest"
"""Label on a revision: digest of the URN of the resource that it belongs to."""


class Status(StrEnum):
    """Helm's own words (`pkg/release/status.go`)."""

    DEPLOYED = "deployed"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    UNINSTALLED = "uninstalled"
    UNINSTALLING = "uninstalling"
    PENDING_INSTALL = "pending-install"
    PENDING_UPGRADE = "pending-upgrade"
    PENDING_ROLLBACK = "pending-rollback"
    UNKNOWN = "unknown"


PENDING: Final = frozenset({Status.PENDING_INSTALL, Status.PENDING_UPGRADE, Status.PENDING_ROLLBACK})
"""What a Helm that was killed leaves behind; a later one refuses to touch it."""


@dataclass(frozen=True)
class Revision:
    """One revision of a release.

    Attributes:
        number: counts from 1.
        status: what became of it.
        owner: digest of the URN of the resource that it belongs to, empty if it is nobody's.
        chart: the chart's metadata (`name`, `version`, `appVersion`).
        values: what was given besides the chart's own.
        manifest: all that was rendered, as YAML.
    """

    number: int
    status: Status
    owner: str
    chart: Mapping[str, Any]
    values: Mapping[str, Any]
    manifest: str

    def resource_names(self) -> dict[str, list[str]]:
        """What it consists of, as the SDK's `resourceNames` has it."""
        found: dict[str, set[str]] = {}
        for thing in manifests.parse(self.manifest):
            group = str(thing["apiVersion"]).rpartition("/")[0]
            key = f"{thing['kind']}{'.' + group if group else ''}/{thing['apiVersion']}"
            found.setdefault(key, set()).add(identity_of(namespace_of(thing), name_of(thing)))
        return {key: sorted(names) for key, names in sorted(found.items())}


def history(client: Client, namespace: str, name: str) -> list[Revision]:
    """All revisions that are kept, the oldest first; none if there is no such release."""
    resource = client.resource(_SECRET)
    found: Sequence[Object] = client.list(resource, namespace, f"owner=helm,name={name}")
    revisions = [_revision(secret) for secret in found if secret.get("type") == "helm.sh/release.v1"]
    return sorted(revisions, key=lambda revision: revision.number)


def latest(client: Client, namespace: str, name: str) -> Revision | None:
    """The newest revision, None if there is no such release or only what an uninstall kept of it."""
    revisions = history(client, namespace, name)
    if not revisions or revisions[-1].status is Status.UNINSTALLED:
        return None
    return revisions[-1]


def _revision(secret: Object) -> Revision:
    labels = secret["metadata"].get("labels") or {}
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    info = release.get("info") or {}
    return Revision(
        number=int(release.get("version", 0)),
        status=Status(info.get("status", Status.UNKNOWN)),
        owner=str(labels.get(OWNER_LABEL, "")),
        chart=(release.get("chart") or {}).get("metadata") or {},
        values=release.get("config") or {},
        manifest=str(release.get("manifest") or ""),
    )
