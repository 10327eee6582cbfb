"""Everything of RDS that the stand-in realises."""

from __future__ import annotations

from local.engine.aws import rds_groups, rds_instances

TYPES = (*rds_instances.TYPES, *rds_groups.TYPES)
