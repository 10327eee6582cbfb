"""Every rule of the pack, and the resource types that need none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies import (
    audit,
    backup,
    credentials,
    dynamodb,
    ecr,
    edge,
    eks,
    governance,
    iam,
    kms,
    kubernetes_cluster,
    kubernetes_pods,
    kubernetes_replicas,
    messaging,
    network,
    rds,
    s3,
)

if TYPE_CHECKING:
    from policies.core.rules import Rule

FAMILIES: Final = (
    s3,
    kms,
    dynamodb,
    rds,
    iam,
    eks,
    ecr,
    network,
    messaging,
    audit,
    credentials,
    edge,
    backup,
    kubernetes_pods,
    kubernetes_replicas,
    kubernetes_cluster,
    governance,
)
RULES: Final[tuple[Rule, ...]] = tuple(rule for family in FAMILIES for rule in family.RULES)

UNRULED: Final = {
    "aws:kms/alias:Alias": "a name for a key, which is judged itself",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "says who issues tokens; roles decide",
    "aws:s3/bucketNotification:BucketNotification": "says who is told of new objects; the receiver is judged",
    "aws:cognito/userPoolDomain:UserPoolDomain": "a name for a user pool, which is judged itself",
    "aws:sns/topicSubscription:TopicSubscription": "the topic and the receiving queue are judged",
    "aws:budgets/budget:Budget": "says what may be spent, and touches no data",
    "aws:cloudwatch/dashboard:Dashboard": "shows figures that are kept elsewhere",
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": "counts lines of a log group, which is judged itself",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "tells of trouble and lets nobody in",
    "aws:ec2/internetGateway:InternetGateway": "a way out; what groups let in is judged",
    "aws:ec2/natGateway:NatGateway": "takes connections from inside only",
    "aws:ec2/eip:Eip": "an address that a NAT gateway sends from; what groups let in is judged",
    "aws:ec2/route:Route": "wiring of subnets; which addresses they give out is judged",
    "aws:ec2/routeTable:RouteTable": "wiring of subnets; which addresses they give out is judged",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": "completes an access entry, which is judged",
    "aws:eks/addon:Addon": "AWS's own part of a cluster, which is judged itself",
    "aws:rds/subnetGroup:SubnetGroup": "wiring of a database, which is judged itself",
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": "says whose dead letters a queue takes",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "wiring of subnets, which are judged themselves",
    "kubernetes:core/v1:ServiceAccount": "its token is judged where a pod would mount it",
    "kubernetes:gateway.networking.k8s.io/v1:GatewayClass": "names the controller; the gateways are judged",
}
"""Resource types without a security property of their own, each with the reason."""


def check_unique(rules: tuple[Rule, ...]) -> None:
    """Refuse a pack in which two rules could be taken for one.

    Raises:
        ValueError: two rules have one id.
    """
    ids = [rule.id for rule in rules]
    twice = sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1})
    if twice:
        raise ValueError(f"two rules have one id: {', '.join(twice)}")


def without_rule(types: set[str]) -> set[str]:
    """Those of some resource types that neither have a rule of their own nor a reason to need none.

    The rules on tags and Regions, which hold for all of AWS, don't count: they say nothing of a type.
    """
    own = [rule for rule in RULES if "aws:*" not in rule.types]
    return {
        token
        for token in types
        if token not in UNRULED and not any(rule.covers(token) for rule in own) and _is_external(token)
    }


def _is_external(token: str) -> bool:
    return token.startswith(("aws:", "kubernetes:"))


check_unique(RULES)
