"""What the AWS load balancer controller may do: network load balancers of its own cluster, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from components.grants import Grant, Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

CLUSTER_TAG = "elbv2.k8s.aws/cluster"
"""What the controller puts on all that it makes."""

LOOK = {
    "ec2": (
        "DescribeAccountAttributes",
        "DescribeAddresses",
        "DescribeAvailabilityZones",
        "DescribeInstances",
        "DescribeInternetGateways",
        "DescribeNetworkInterfaces",
        "DescribeRouteTables",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeTags",
        "DescribeVpcPeeringConnections",
        "DescribeVpcs",
    ),
    "elasticloadbalancing": (
        "DescribeListenerAttributes",
        "DescribeListeners",
        "DescribeLoadBalancerAttributes",
        "DescribeLoadBalancers",
        "DescribeRules",
        "DescribeTags",
        "DescribeTargetGroupAttributes",
        "DescribeTargetGroups",
        "DescribeTargetHealth",
    ),
}
"""Reading; these actions know no resources (Service Authorization Reference), so they take all."""

MAKE = ("elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup")
CHANGE = (
    "elasticloadbalancing:AddTags",
    "elasticloadbalancing:CreateListener",
    "elasticloadbalancing:DeleteListener",
    "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteTargetGroup",
    "elasticloadbalancing:DeregisterTargets",
    "elasticloadbalancing:ModifyListener",
    "elasticloadbalancing:ModifyListenerAttributes",
    "elasticloadbalancing:ModifyLoadBalancerAttributes",
    "elasticloadbalancing:ModifyTargetGroup",
    "elasticloadbalancing:ModifyTargetGroupAttributes",
    "elasticloadbalancing:RegisterTargets",
    "elasticloadbalancing:RemoveTags",
    "elasticloadbalancing:SetSecurityGroups",
    "elasticloadbalancing:SetSubnets",
)
GROUPS = (
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:DeleteSecurityGroup",
    "ec2:RevokeSecurityGroupIngress",
)


TARGETS = ("ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress")
"""Letting balancers through to pods, whose group is the cluster's and bears no tag of the controller's."""


def grant_load_balancers(
    account_id: str,
    region: str,
    cluster_name: pulumi.Input[str],
    vpc_id: pulumi.Input[str],
    cluster_group_id: pulumi.Input[str],
) -> list[Grant]:
    """Narrower than the controller's published policy: network load balancers, and only of this cluster.

    Args:
        account_id: the AWS account, 12 digits.
        region: where the cluster is.
        cluster_name: whose tag has to be on all that is made and changed.
        vpc_id: the network in which security groups are made.
        cluster_group_id: the cluster's own security group, which nodes and pods bear.
    """
    balancing = f"arn:aws:elasticloadbalancing:{region}:{account_id}"
    balancers = (f"{balancing}:loadbalancer/net/*", f"{balancing}:targetgroup/*")
    listeners = f"{balancing}:listener/net/*"
    compute = f"arn:aws:ec2:{region}:{account_id}"
    network = pulumi.Output.concat(compute, ":vpc/", vpc_id)
    groups = f"{compute}:security-group/*"
    asked: Mapping[str, Mapping[str, pulumi.Input[str]]] = {
        "StringEquals": {f"aws:RequestTag/{CLUSTER_TAG}": cluster_name}
    }
    ours: Mapping[str, Mapping[str, pulumi.Input[str]]] = {
        "StringEquals": {f"aws:ResourceTag/{CLUSTER_TAG}": cluster_name}
    }
    made_with = {
        "StringEquals": {
            f"aws:RequestTag/{CLUSTER_TAG}": cluster_name,
            "ec2:CreateAction": "CreateSecurityGroup",
        }
    }
    look = tuple(f"{service}:{action}" for service, actions in LOOK.items() for action in actions)
    tag_at_birth = {
        "StringEquals": {
            f"aws:RequestTag/{CLUSTER_TAG}": cluster_name,
        }
    }
    return [
        Grant(
            "see what is there",
            (
                Statement(look, (), unscoped="these actions know no resources"),
                Statement(("ec2:GetSecurityGroupsForVpc",), (network,)),
            ),
        ),
        Grant(
            "make load balancers",
            (
                Statement(MAKE, balancers, asked),
                Statement(("elasticloadbalancing:AddTags",), (*balancers, listeners), tag_at_birth),
                Statement(CHANGE, (*balancers, listeners), ours),
            ),
        ),
        Grant(
            "open them to clients",
            (
                Statement(("ec2:CreateSecurityGroup",), (network,)),
                Statement(("ec2:CreateSecurityGroup",), (groups,), asked),
                Statement(("ec2:CreateTags",), (groups,), made_with),
                Statement(GROUPS, (groups,), ours),
            ),
        ),
        Grant(
            "let them through to pods",
            (Statement(TARGETS, (pulumi.Output.concat(compute, ":security-group/", cluster_group_id),)),),
        ),
    ]
