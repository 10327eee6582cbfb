"""Kubernetes clusters and node groups, as far as their records go: the emulator runs no nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.modelled import Calls, modelled, only
from local.engine.aws.resource_type import Part
from local.engine.aws.tagging import by_target

if TYPE_CHECKING:
    from local.engine.aws.resource_type import Aws, Wanted
    from local.engine.values import Properties

NAMES: Final = {
    "vpcConfig": "resourcesVpcConfig",
    "nodeGroupName": "nodegroupName",
    "nodeRoleArn": "nodeRole",
}
VPC: Final = (
    "subnetIds",
    "securityGroupIds",
    "endpointPrivateAccess",
    "endpointPublicAccess",
    "publicAccessCidrs",
)
EVERYWHERE: Final = "0.0.0.0/0"

_TAGS: Final = by_target("eks", "resourceArn", tags="tags", keys="tagKeys", mapping=True)


def _adapt(given: Properties) -> Properties:
    """Logging and encryption are nested otherwise in the API."""
    adapted = dict(given)
    kinds = adapted.pop("enabledClusterLogTypes", None)
    if kinds is not None:
        adapted["logging"] = {"clusterLogging": [{"types": kinds, "enabled": True}]} if kinds else None
    if adapted.get("encryptionConfig"):
        adapted["encryptionConfig"] = [adapted["encryptionConfig"]]
    if adapted.get("vpcConfig"):
        adapted["vpcConfig"] = {name: adapted["vpcConfig"].get(name) for name in VPC}
    return adapted


def _cluster(aws: Aws, identity: str, told: Properties, known: Properties) -> Properties:
    logging = (told.get("logging") or {}).get("clusterLogging", [])
    kinds = [kind for group in logging if group.get("enabled") for kind in group.get("types", [])]
    asked = known.get("vpcConfig") or {}
    vpc = told.get("vpcConfig") or {}
    issuer = ((told.get("identity") or {}).get("oidc") or {}).get("issuer", "")
    encryption = told.get("encryptionConfig") or []
    return {
        "clusterId": "",
        "name": identity,
        "identities": [{"oidcs": [{"issuer": issuer}]}],
        "enabledClusterLogTypes": kinds,
        "encryptionConfig": encryption[0] if encryption else None,
        # The emulator can't move a cluster to another version; what was asked is kept.
        "version": known.get("version") or told.get("version"),
        "kubernetesNetworkConfig": _network(told.get("kubernetesNetworkConfig") or {}, known),
        "vpcConfig": {**_asked_vpc(vpc, asked), **_made_vpc(aws, vpc or asked)},
    }


def _asked_vpc(told: Properties, asked: Properties) -> Properties:
    """What the program may say of the network; without its saying so, what differs from EKS's own choice."""
    chosen = {"endpointPrivateAccess": False, "endpointPublicAccess": True, "publicAccessCidrs": [EVERYWHERE]}
    found = {name: told.get(name, asked.get(name)) for name in VPC}
    return {
        name: value
        for name, value in found.items()
        if value is not None and (name in asked or value != chosen.get(name))
    }


def _made_vpc(aws: Aws, vpc: Properties) -> Properties:
    """What EKS adds: a group of its own, for which here the VPC's default one stands in."""
    subnets = aws.find("ec2", "describe_subnets", SubnetIds=vpc.get("subnetIds") or []) or {}
    network = next((subnet["VpcId"] for subnet in subnets.get("Subnets", [])), "")
    filters = [{"Name": "vpc-id", "Values": [network]}, {"Name": "group-name", "Values": ["default"]}]
    groups = aws.call("ec2", "describe_security_groups", Filters=filters)["SecurityGroups"] if network else []
    return {"vpcId": network, "clusterSecurityGroupId": groups[0]["GroupId"] if groups else ""}


def _network(told: Properties, known: Properties) -> Properties:
    asked = known.get("kubernetesNetworkConfig") or {}
    return {name: told[name] for name in ("ipFamily", "serviceIpv4Cidr") if told.get(name)} | asked


def _put_access(aws: Aws, identity: str, wanted: Wanted) -> None:
    """Only where the API server answers can change in place."""
    names = ("endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs")
    access = {name: wanted["vpcConfig"][name] for name in names if wanted["vpcConfig"].get(name) is not None}
    if access:
        aws.call("eks", "update_cluster_config", name=identity, resourcesVpcConfig=access)


def _put_logging(aws: Aws, identity: str, wanted: Wanted) -> None:
    kinds = wanted["enabledClusterLogTypes"] or []
    every = ("api", "audit", "authenticator", "controllerManager", "scheduler")
    off = [kind for kind in every if kind not in kinds]
    groups = [{"types": list(kinds), "enabled": True}] if kinds else []
    groups += [{"types": off, "enabled": False}] if off else []
    aws.call("eks", "update_cluster_config", name=identity, logging={"clusterLogging": groups})


def _group_key(identity: str) -> dict[str, Any]:
    cluster, _, name = identity.partition(":")
    return {"clusterName": cluster, "nodegroupName": name}


def _adapt_group(given: Properties) -> Properties:
    adapted = dict(given)
    if "subnetIds" in adapted:
        adapted["subnets"] = adapted.pop("subnetIds")
    return adapted


def _group(_aws: Aws, identity: str, told: Properties, known: Properties) -> Properties:
    resources = told.get("resources") or {}
    scaling = [{"name": group.get("name", "")} for group in resources.get("autoScalingGroups") or []]
    return {
        "arn": told["nodegroupArn"],
        "clusterName": identity.partition(":")[0],
        "subnetIds": told.get("subnets") or [],
        "resources": [{"autoscalingGroups": scaling, "remoteAccessSecurityGroupId": ""}],
        "capacityType": told.get("capacityType") or known.get("capacityType") or "ON_DEMAND",
        "version": known.get("version") or told.get("version") or "",
        "releaseVersion": known.get("releaseVersion") or told.get("releaseVersion") or "",
        "updateConfig": known.get("updateConfig") or {"maxUnavailable": 1},
        "remoteAccess": known.get("remoteAccess"),  # moto makes one up
        "labels": told.get("labels") or None,
        "taints": told.get("taints") or None,
    }


def _put_group(aws: Aws, identity: str, wanted: Wanted) -> None:
    present = aws.call("eks", "describe_nodegroup", **_group_key(identity))["nodegroup"]
    labels, taints = wanted["labels"] or {}, wanted["taints"] or []
    gone = [name for name in present.get("labels") or {} if name not in labels]
    old_taints = [taint for taint in present.get("taints") or [] if taint not in taints]
    aws.call(
        "eks",
        "update_nodegroup_config",
        **_group_key(identity),
        labels={"addOrUpdateLabels": labels, "removeLabels": gone},
        taints={"addOrUpdateTaints": taints, "removeTaints": old_taints} if taints or old_taints else None,
        scalingConfig=wanted["scalingConfig"],
    )


GROUP: Final = (
    "clusterName",
    "nodeGroupName",
    "nodeRoleArn",
    "subnetIds",
    "amiType",
    "capacityType",
    "diskSize",
    "instanceTypes",
    "labels",
    "launchTemplate",
    "releaseVersion",
    "remoteAccess",
    "scalingConfig",
    "taints",
    "version",
)

TYPES = (
    modelled(
        "aws:eks/cluster:Cluster",
        Calls(
            service="eks",
            create="CreateCluster",
            read="DescribeCluster",
            delete="DeleteCluster",
            pick=only("cluster"),
            identity=lambda wanted, _answer: str(wanted["name"]),
            key=lambda identity: {"name": identity},
            names=NAMES,
            tags=("tags", dict),
            more=_cluster,
            adapt=_adapt,
        ),
        takes=(
            "name",
            "roleArn",
            "version",
            "vpcConfig",
            "kubernetesNetworkConfig",
            "enabledClusterLogTypes",
            "encryptionConfig",
        ),
        parts=(
            Part(("vpcConfig",), _put_access, at_creation=False),
            Part(("enabledClusterLogTypes",), _put_logging, at_creation=False),
        ),
        replaces=("name", "roleArn", "encryptionConfig", "bootstrapSelfManagedAddons"),
        name="name",
        name_limit=100,
        unordered=frozenset({"enabledClusterLogTypes"}),
        adds={"vpcConfig": frozenset({"vpcId", "clusterSecurityGroupId"})},
        defaults={"bootstrapSelfManagedAddons": True},
        # Only asked at the creation, and never told again.
        remembers=("bootstrapSelfManagedAddons",),
        tagging=_TAGS,
        identify=lambda _aws, wanted: str(wanted["name"]),
    ),
    modelled(
        "aws:eks/nodeGroup:NodeGroup",
        Calls(
            service="eks",
            create="CreateNodegroup",
            read="DescribeNodegroup",
            delete="DeleteNodegroup",
            pick=only("nodegroup"),
            identity=lambda wanted, _answer: f"{wanted['clusterName']}:{wanted['nodeGroupName']}",
            key=_group_key,
            names=NAMES,
            more=_group,
            adapt=_adapt_group,
        ),
        takes=GROUP,
        parts=(Part(("labels", "taints", "scalingConfig"), _put_group, at_creation=False),),
        replaces=(
            "clusterName",
            "nodeGroupName",
            "nodeGroupNamePrefix",
            "nodeRoleArn",
            "subnetIds",
            "amiType",
            "capacityType",
            "diskSize",
            "instanceTypes",
            "remoteAccess",
        ),
        name="nodeGroupName",
        name_limit=63,
        unordered=frozenset({"subnetIds", "taints"}),
        # Moto has no tags for node groups.
        identify=lambda _aws, wanted: f"{wanted['clusterName']}:{wanted['nodeGroupName']}",
    ),
)
