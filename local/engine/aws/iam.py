"""Everything of IAM that the stand-in realises."""

from __future__ import annotations

from local.engine.aws import iam_policies, iam_providers, iam_roles

TYPES = (*iam_roles.TYPES, *iam_policies.TYPES, *iam_providers.TYPES)
