"""Everything of EC2 that the stand-in realises."""

from __future__ import annotations

from local.engine.aws import ec2_endpoints, ec2_gateways, ec2_network, ec2_routes, ec2_rules, ec2_security

TYPES = (
    *ec2_network.TYPES,
    *ec2_gateways.TYPES,
    *ec2_routes.TYPES,
    *ec2_security.TYPES,
    *ec2_rules.TYPES,
    *ec2_endpoints.TYPES,
)
