"""Everything of CloudWatch that the stand-in realises."""

from __future__ import annotations

from local.engine.aws import cloudwatch_alarms, cloudwatch_logs

TYPES = (*cloudwatch_logs.TYPES, *cloudwatch_alarms.TYPES)
