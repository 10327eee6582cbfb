"""Nodes of the cluster that AWS keeps alive: encrypted, without SSH, and of more than one kind of machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.tags import DataClass, Tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.encryption import DataKey

COMPONENT = "cluster"

LEAST_TYPES = 2
"""With one kind of machine, its shortage in a zone stops scaling and repair."""

DISK_DEVICE = "/dev/xvda"
"""The root disk of Amazon Linux 2023 images."""


class Capacity(StrEnum):
    """How machines are bought."""

    ON_DEMAND = "ON_DEMAND"
    SPOT = "SPOT"
    """Cheaper, and taken away with two minutes' notice; for work that can be done again."""


@dataclass(frozen=True)
class Nodes:
    """How many machines of which kind.

    Attributes:
        instance_types: at least two that are alike in size; the first that is to be had is taken.
        least: nodes that always run, default 2; with one, its loss is an outage.
        most: nodes at most, default 6; more load than they bear waits.
        capacity: default on demand.
        disk_gib: of each node's disk, GiB, default 50; images and scratch folders fill it.
        labels: of the nodes, for pods that choose, default none.
    """

    instance_types: Sequence[str]
    least: int = 2
    most: int = 6
    capacity: Capacity = Capacity.ON_DEMAND
    disk_gib: int = 50
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a group that can't be kept alive."""
        if len(set(self.instance_types)) < LEAST_TYPES:
            raise ValueError(
                f"The node group has the instance types {list(self.instance_types)}; {LEAST_TYPES} different "
                "ones are needed, or a shortage of one in a zone stops scaling and repair. Name another of "
                "the same size in plinth:cluster."
            )
        if not 1 <= self.least <= self.most:
            raise ValueError(
                f"The node group has {self.least} to {self.most} nodes; at least 1 is needed, and no more "
                "than the most. Correct least and most in plinth:cluster."
            )


@dataclass(frozen=True)
class NodeGroupArgs:
    """What a node group needs to know.

    Attributes:
        tags: ownership; the environment in it also names the group.
        cluster_name: the cluster it joins.
        group: name of the group, unique in the cluster.
        nodes: how many of which kind.
        role_arn: of the nodes.
        subnet_ids: private, one for each zone.
        key: of the domain of the cluster, for the disks.
        version: Kubernetes minor version, the cluster's own.
        after: what has to be there before a node can get ready, default none. A component doesn't hand
            what it depends on to what is in it, so it is said here.
    """

    tags: Tags
    cluster_name: pulumi.Input[str]
    group: str
    nodes: Nodes
    role_arn: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    key: DataKey
    version: str
    after: Sequence[pulumi.Resource] = ()


class NodeGroup(pulumi.ComponentResource):
    """A launch template, and the group of nodes that is made from it.

    Attributes:
        group: the resource, for whatever has to wait for nodes.
    """

    group: aws.eks.NodeGroup

    def __init__(self, name: str, args: NodeGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:NodeGroup", name, None, opts)
        self._args = args
        self._labels = args.tags.aws(COMPONENT, DataClass.RESTRICTED)
        template = self._create_template(name)
        self.group = self._create_group(name, template)
        self.register_outputs({"group": self.group.node_group_name})

    def _create_template(self, name: str) -> aws.ec2.LaunchTemplate:
        args = self._args
        named = {**self._labels, "Name": f"{args.tags.prefix}-{args.group}"}
        return aws.ec2.LaunchTemplate(
            f"{name}-template",
            name=f"{args.tags.prefix}-{args.group}",
            update_default_version=True,
            block_device_mappings=[
                aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name=DISK_DEVICE,
                    ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_size=args.nodes.disk_gib,
                        volume_type="gp3",
                        encrypted="true",
                        kms_key_id=args.key.arn,
                        delete_on_termination="true",
                    ),
                )
            ],
            # Sessions only, and one hop: a pod gets no credentials of its node.
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=True),
            tag_specifications=[
                aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=named)
                for kind in ("instance", "volume")
            ],
            tags=self._labels,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_group(self, name: str, template: aws.ec2.LaunchTemplate) -> aws.eks.NodeGroup:
        args, nodes = self._args, self._args.nodes
        return aws.eks.NodeGroup(
            f"{name}-nodes",
            cluster_name=args.cluster_name,
            node_group_name=f"{args.tags.prefix}-{args.group}",
            node_role_arn=args.role_arn,
            subnet_ids=list(args.subnet_ids),
            instance_types=list(nodes.instance_types),
            capacity_type=nodes.capacity.value,
            version=args.version,
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=nodes.least, max_size=nodes.most, desired_size=nodes.least
            ),
            update_config=aws.eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            labels=dict(nodes.labels) or None,
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            tags=self._labels,
            # What runs now is the autoscaler's, or a person's, to say.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=list(args.after), ignore_changes=["scalingConfig.desiredSize"]
            ),
        )
