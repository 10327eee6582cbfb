"""Bucket policies on the emulator: statements with conditions don't decide.

moto takes a statement with a `Condition` for one without: a bucket that denies plain HTTP would deny
everything. It never sees whether a request came by TLS, and on the node's private link none does, so such
statements are left out of its decision. They are kept, returned and judged by the policy pack all the same.
"""

from __future__ import annotations

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket


def leave_out_conditional_statements() -> None:
    """Make S3's bucket policies decide by their unconditional statements only."""
    FakeBucket.get_permission = _get_permission  # type: ignore[method-assign,assignment]  # moto offers no hook


def _get_permission(bucket: Any, action: str, resource: str) -> PermissionResult:  # noqa: ANN401 - moto's own class
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    document = json.loads(bucket.policy)
    statements = document.get("Statement", [])
    statements = [statements] if isinstance(statements, dict) else statements
    document["Statement"] = [statement for statement in statements if not statement.get("Condition")]
    return IAMPolicy(json.dumps(document)).is_action_permitted(action, resource)
