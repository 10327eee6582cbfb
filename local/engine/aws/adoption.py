"""Takes over what an interrupted update made: the same URN is on it, and no state knows it.

A killed engine records nothing of the resource that was just being made. The next update would make a second
one, or fail because the name is taken. Each resource therefore bears its URN as a tag from its first moment.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING

from local.engine.aws.comparison import HIDDEN, matches
from local.engine.aws.connection import AwsError
from local.engine.aws.tagging import URN_TAG

if TYPE_CHECKING:
    from local.engine.aws.connection import Connection
    from local.engine.aws.resource_type import Aws, ResourceType, Wanted

PAGE = 100


class Adoption:
    """What bears an URN on the emulator, and which of it the engine's state already knows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._inventory: dict[str, dict[str, list[str]]] = {}
        self._recorded: set[str] = set()
        self._identities: dict[str, set[str]] = defaultdict(set)

    def note_recorded(self, urn: str) -> None:
        """The state has a resource of this URN."""
        self._recorded.add(urn)

    def note_identity(self, urn: str, token: str, identity: str) -> None:
        """The state knows this very resource: it is not an orphan, whatever tag it bears."""
        self._recorded.discard(urn)
        with self._lock:
            self._identities[token].add(identity)

    def may_adopt(self, urn: str) -> bool:
        """Whether an orphan of this URN can be told from the resource that the state has under it."""
        return urn not in self._recorded

    def _is_orphan(self, token: str, identity: str) -> bool:
        with self._lock:
            return identity not in self._identities[token]

    def find(self, kind: ResourceType, aws: Aws, wanted: Wanted, resource: str) -> str | None:
        """The id of an orphan of this URN, looked up without one more call for each resource."""
        if kind.tagging is None or not kind.tagging.marks:
            return None
        tag = wanted.tags[URN_TAG]
        if kind.from_arn is not None:
            arns = self._tagged(aws.region).get(tag, [])
            candidates = [
                kind.from_arn(aws, arn) for arn in arns if kind.owns_arn is None or kind.owns_arn(arn)
            ]
        elif kind.find_by_tag is not None:
            found = kind.find_by_tag(aws, wanted, resource, tag)
            candidates = [found] if found else []
        else:
            candidates = []
        orphans = (one for one in candidates if self._is_orphan(kind.sdk_type, one))
        return next((one for one in orphans if _exists(kind, aws, one)), None)

    def find_named(self, kind: ResourceType, aws: Aws, wanted: Wanted) -> str | None:
        """The id of what holds the wanted name, if it is an orphan of this URN.

        A type without tags can't say whose it is: it is taken for an orphan if it is exactly what is wanted.
        """
        if kind.identify is None:
            return None
        identity = kind.identify(aws, wanted)
        try:
            known = kind.read(aws, identity, wanted)
            if known is None or not self._is_orphan(kind.sdk_type, identity):
                return None
            if kind.tagging is None:
                exact = all(
                    matches(kind, name, value, known.get(name))
                    for name, value in wanted.items()
                    if name not in HIDDEN
                )
                return identity if exact else None
            tags = kind.tagging.read(aws, identity, known)
        except AwsError:
            return None
        return identity if tags.get(URN_TAG) == wanted.tags[URN_TAG] else None

    def _tagged(self, region: str) -> dict[str, list[str]]:
        """ARNs by their URN tag, as they were when this provider first made something in the region."""
        with self._lock:
            if region not in self._inventory:
                self._inventory[region] = self._take_inventory(region)
            return self._inventory[region]

    def _take_inventory(self, region: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        token: str | None = None
        while token != "":
            page = self._connection.call(
                "resourcegroupstaggingapi",
                "get_resources",
                region,
                TagFilters=[{"Key": URN_TAG}],
                ResourcesPerPage=PAGE,
                PaginationToken=token,
            )
            for entry in page["ResourceTagMappingList"]:
                tags = {tag["Key"]: tag["Value"] for tag in entry["Tags"]}
                if URN_TAG in tags:
                    found[tags[URN_TAG]].append(entry["ResourceARN"])
            token = page.get("PaginationToken") or ""
        return found


def _exists(kind: ResourceType, aws: Aws, identity: str) -> bool:
    """Whether it is more than the remains of something deleted: a destroyed key bears its tags for days."""
    try:
        return kind.read(aws, identity, {}) is not None
    except AwsError as error:
        if error.absent:
            return False
        raise
