"""What EKS itself keeps current in the cluster: network, DNS, disks, observation."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from components.grants import Grant, Statement
from components.service_account_role import ServiceAccountRole, ServiceAccountRoleArgs
from components.tags import DataClass, Tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.encryption import DataKey
    from components.web_identity import WebIdentity

COMPONENT = "cluster"
MANAGED = "arn:aws:iam::aws:policy"


class AddOn(StrEnum):
    """The add-ons, by EKS's own names."""

    NETWORK = "vpc-cni"
    PROXY = "kube-proxy"
    DNS = "coredns"
    DISKS = "aws-ebs-csi-driver"
    OBSERVATION = "amazon-cloudwatch-observability"


BEFORE_NODES = (AddOn.NETWORK, AddOn.PROXY)
"""Without a network a node never gets ready; all others need a node to run on."""

CONFIGURATION: Mapping[AddOn, Mapping[str, Any]] = {
    # Without it NetworkPolicies are accepted and do nothing.
    AddOn.NETWORK: {"enableNetworkPolicy": "true"},
}


@dataclass(frozen=True)
class AddOnsArgs:
    """What the add-ons need to know.

    Attributes:
        tags: ownership; the environment in it also names the roles.
        cluster_name: the cluster.
        web_identity: its token issuer.
        key: of the domain of the cluster, for pods' disks.
        versions: by EKS's name of the add-on, default none: the one that EKS recommends for the cluster's
            version when the add-on is made.
    """

    tags: Tags
    cluster_name: pulumi.Input[str]
    web_identity: WebIdentity
    key: DataKey
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse versions of what isn't installed."""
        strangers = sorted(set(self.versions) - {add_on.value for add_on in AddOn})
        if strangers:
            raise ValueError(
                f"addOnVersions names {', '.join(strangers)}; the cluster has "
                f"{', '.join(add_on.value for add_on in AddOn)}. Correct it in plinth:cluster."
            )


class AddOns(pulumi.ComponentResource):
    """The add-ons, each with a role of its own where it calls AWS.

    Attributes:
        early: those that nodes wait for.
    """

    early: list[pulumi.Resource]

    def __init__(self, name: str, args: AddOnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:AddOns", name, None, opts)
        self._prefix = name
        self._args = args
        roles = {
            AddOn.NETWORK: self._role("network", "kube-system", "aws-node", "AmazonEKS_CNI_Policy"),
            AddOn.DISKS: self._role(
                "disks",
                "kube-system",
                "ebs-csi-controller-sa",
                "service-role/AmazonEBSCSIDriverPolicy",
                [self._grant_disks()],
            ),
            AddOn.OBSERVATION: self._role(
                "observation", "amazon-cloudwatch", "cloudwatch-agent", "CloudWatchAgentServerPolicy"
            ),
        }
        self._roles = {add_on: role.arn for add_on, role in roles.items()}
        self.early = [self._install(add_on, []) for add_on in BEFORE_NODES]
        self.register_outputs({})

    def complete(self, nodes: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
        """Install what needs nodes to run on.

        Args:
            nodes: the node groups.
        """
        return [self._install(add_on, nodes) for add_on in AddOn if add_on not in BEFORE_NODES]

    def _role(
        self, role: str, namespace: str, account: str, policy: str, grants: Sequence[Grant] = ()
    ) -> ServiceAccountRole:
        return ServiceAccountRole(
            f"{self._prefix}-{role}",
            ServiceAccountRoleArgs(
                tags=self._args.tags,
                role=f"add-on-{role}",
                namespace=namespace,
                account=account,
                web_identity=self._args.web_identity,
                grants=grants,
                managed_policy_arns=[f"{MANAGED}/{policy}"],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _grant_disks(self) -> Grant:
        """Disks under our key (Encrypting EBS volumes with the EBS CSI driver, EKS User Guide)."""
        key = self._args.key
        lend = Statement(("kms:CreateGrant",), (key.arn,), {"Bool": {"kms:GrantIsForAWSResource": "true"}})
        use = Statement(
            ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom"),
            (key.arn,),
            {"StringEquals": {"kms:ViaService": f"ec2.{key.region}.amazonaws.com"}},
        )
        return Grant("make disks under our key", (lend, use))

    def _install(self, add_on: AddOn, after: Sequence[pulumi.Resource]) -> aws.eks.Addon:
        args = self._args
        configuration = CONFIGURATION.get(add_on)
        return aws.eks.Addon(
            f"{self._prefix}-{add_on}",
            cluster_name=args.cluster_name,
            addon_name=add_on.value,
            addon_version=args.versions.get(add_on.value),
            configuration_values=json.dumps(configuration) if configuration else None,
            resolve_conflicts_on_create="OVERWRITE",
            # What a person changed by hand since is put back, or it would be lost at some later update.
            resolve_conflicts_on_update="OVERWRITE",
            service_account_role_arn=self._roles.get(add_on),
            tags=args.tags.aws(COMPONENT, DataClass.INTERNAL),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )
