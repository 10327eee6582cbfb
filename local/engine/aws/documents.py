"""JSON documents by what they mean: AWS gives back other spaces, orders and forms than it was given."""

from __future__ import annotations

import json
from typing import Any, Final

_ONE_OR_MANY: Final = frozenset(
    {"Action", "NotAction", "Resource", "NotResource", "AWS", "Service", "Federated"}
)
"""Elements of a policy that may be a text or a list of texts, in any order."""


def canonical(text: object) -> object:
    """A form that is equal for two documents that mean the same; what is not JSON stays itself."""
    if not isinstance(text, str):
        return text
    try:
        document = json.loads(text)
    except ValueError:
        return text
    return _canonical(document, "")


def _canonical(value: Any, key: str) -> Any:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, dict):
        members = {name: _canonical(item, name) for name, item in sorted(value.items())}
        return [members] if key == "Statement" else members
    if isinstance(value, list):
        items = [_canonical(item, "") for item in value]
        if key in _ONE_OR_MANY and all(isinstance(item, str) for item in items):
            return sorted(items)
        lone_text = len(items) == 1 and isinstance(items[0], str) and key
        return items[0] if lone_text else items
    return [value] if key in _ONE_OR_MANY and isinstance(value, str) else value
