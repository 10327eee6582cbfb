"""Everything of EC2 that the stand-in realises."""

from __future__ import annotations

from local.engine.aws import ec2_endpoints, ec2_network, ec2_security

TYPES = (*ec2_network.TYPES, *ec2_security.TYPES, *ec2_endpoints.TYPES)
