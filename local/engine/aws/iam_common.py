"""What roles and policies share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local.engine.aws.naming import is_automatic
from local.engine.aws.tagging import URN_TAG

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.aws.resource_type import Aws, ResourceType


def text_of(document: object) -> str:
    """Botocore opens IAM's documents; the SDK wants their text."""
    return document if isinstance(document, str) else json.dumps(document)


def orphan(  # noqa: PLR0913, PLR0917 - two kinds of things share these lines
    aws: Aws,
    what: str,
    resource: str,
    tag: str,
    kind: ResourceType,
    identify: Callable[[dict[str, str]], str],
) -> str | None:
    """An orphan with another automatic name: the tagging API knows nothing of IAM."""
    plural, name, more = {
        "role": ("Roles", "RoleName", {}),
        "policy": ("Policies", "PolicyName", {"Scope": "Local"}),
    }[what]
    operation = {"role": "list_roles", "policy": "list_policies"}[what]
    marker: dict[str, str] = {}
    while True:
        page = aws.call("iam", operation, **more, **marker)
        for found in page[plural]:
            if is_automatic(found[name], resource, kind) and kind.tagging is not None:
                identity = identify(found)
                tags = kind.tagging.read(aws, identity, {"arn": found["Arn"]})
                if tags.get(URN_TAG) == tag:
                    return identity
        if not page.get("IsTruncated"):
            return None
        marker = {"Marker": page["Marker"]}
