"""Kubernetes on AWS: reached from inside only, by named roles only, on nodes that AWS replaces."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.add_ons import AddOns, AddOnsArgs
from components.durability import Durability
from components.log_group import LogGroup, LogGroupArgs
from components.node_group import NodeGroup, NodeGroupArgs, Nodes
from components.service_network import SERVICE_NETWORK, check_service_network
from components.service_role import ServiceRole, ServiceRoleArgs
from components.tags import DataClass, Tags
from components.web_identity import WebIdentity, WebIdentityArgs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.encryption import DataKey

COMPONENT = "cluster"
HTTPS_PORT = 443

CONTROL_PLANE_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""All that EKS offers."""

OBSERVED = ("application", "dataplane", "host", "performance")
"""Log groups that the observability add-on writes to, and would make itself without key or retention."""

ADMINISTRATION = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

NODE_POLICIES = (
    "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
)
"""What a node needs to join and to pull images (Amazon EKS node IAM role, EKS User Guide); the network's
rights are the network add-on's own."""

LEAST_ZONES = 2


@dataclass(frozen=True)
class ClusterArgs:
    """What the cluster needs to know.

    Attributes:
        tags: ownership; the environment in it also names the cluster.
        account_id: the AWS account, 12 digits.
        region: where the cluster is.
        version: Kubernetes minor version, such as 1.35; upgrades go one at a time, never back.
        vpc_id: the network.
        subnet_ids: private subnets, one for each zone, at least two.
        key: of the domain of the cluster; its policy has to admit the nodes' disks, and let the role that
            makes the cluster give EKS a grant.
        log_key: of the domain of logs; its policy has to admit `log_prefixes`.
        node_groups: by name, at least one.
        administrators: ARNs of the IAM roles that administer the cluster, at least one: the one that deploys
            has to be among them, or it locks itself out.
        access_networks: networks (CIDR) outside the VPC that may connect to the API server, such as a VPN's,
            default none: only what bears `access_group_id` may, and the nodes.
        log_days: days that control plane and container logs are kept, default 365.
        service_cidr: addresses of Services, default 172.20.0.0/16; must not overlap the VPC or what is
            connected to it. A change replaces the cluster.
        add_on_versions: see `AddOnsArgs.versions`.
        durability: `protect` also turns on the service's deletion protection.
    """

    tags: Tags
    account_id: str
    region: str
    version: str
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    key: DataKey
    log_key: DataKey
    node_groups: Mapping[str, Nodes]
    administrators: Sequence[str]
    access_networks: Sequence[str] = ()
    log_days: int = 365
    service_cidr: str = SERVICE_NETWORK
    add_on_versions: Mapping[str, str] = field(default_factory=dict)
    durability: Durability = field(default_factory=Durability)

    def __post_init__(self) -> None:
        """Refuse a cluster that nobody can reach, or that runs nothing."""
        if len(self.subnet_ids) < LEAST_ZONES:
            raise ValueError(
                f"The cluster has {len(self.subnet_ids)} subnet; EKS needs them in {LEAST_ZONES} zones. Name "
                "another zone in plinth:network."
            )
        if not self.administrators:
            raise ValueError(
                "The cluster has no administrators, so nobody could use it, the deploying role included. "
                "Name that role in administrators of plinth:cluster."
            )
        if not self.node_groups:
            raise ValueError("The cluster has no node groups, so nothing would run. Name one.")
        check_service_network(self.service_cidr, self.access_networks)


class Cluster(pulumi.ComponentResource):
    """EKS with its nodes, add-ons, access entries and token issuer.

    Attributes:
        cluster_name: its name.
        group_id: the security group that EKS makes for it; API server, nodes and pods bear it.
        web_identity: its token issuer, as AWS knows it.
        kubeconfig: how to reach it, with no credential in it; known only when nodes and add-ons are there.
        provider: for every resource in the cluster.
        access_group_id: security group whose bearers may connect to the API server: a CI runner's, a jump
            host's.
    """

    cluster_name: pulumi.Output[str]
    group_id: pulumi.Output[str]
    web_identity: WebIdentity
    kubeconfig: pulumi.Output[str]
    provider: kubernetes.Provider
    access_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Cluster", name, None, opts)
        self._prefix = name
        self._args = args
        self._labels = args.tags.aws(COMPONENT, DataClass.RESTRICTED)
        logs = self._create_log_groups()
        access, api = self._create_groups()
        cluster = self._create_cluster(self._create_role(), api, logs)
        entries = self._admit(cluster)
        self.web_identity = self._know_issuer(cluster)
        ready = self._equip(cluster)
        self.cluster_name = cluster.name
        self.group_id = cluster.vpc_config.cluster_security_group_id
        self.access_group_id = access.id
        self.kubeconfig = pulumi.Output.all(
            cluster.name, cluster.endpoint, cluster.certificate_authority.data
        ).apply(lambda known: kubeconfig(args.region, *map(str, known)))
        self.provider = kubernetes.Provider(
            f"{name}-kubernetes",
            kubeconfig=self.kubeconfig,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*entries, *ready]),
        )
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "group_id": self.group_id,
                "kubeconfig": self.kubeconfig,
                "access_group_id": self.access_group_id,
            }
        )

    def _options(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(after))

    def _create_log_groups(self) -> list[LogGroup]:
        args = self._args
        return [
            LogGroup(
                f"{self._prefix}-{group.rpartition('/')[2]}-logs",
                LogGroupArgs(
                    group_name=group,
                    key=args.log_key,
                    retention_days=args.log_days,
                    tags=args.tags.aws(COMPONENT, DataClass.CONFIDENTIAL),
                    durability=args.durability,
                ),
                self._options(),
            )
            for group in log_group_names(args.tags)
        ]

    def _create_groups(self) -> tuple[aws.ec2.SecurityGroup, aws.ec2.SecurityGroup]:
        """One that opens the API server, and one that whoever wants to connect has to bear."""
        args = self._args
        access = self._create_group("access", "May connect to the cluster's API server")
        api = self._create_group("api", "The cluster's API server")
        sources: dict[str, dict[str, pulumi.Input[str]]] = {
            "bearers": {"referenced_security_group_id": access.id},
            **{f"network-{i}": {"cidr_ipv4": cidr} for i, cidr in enumerate(args.access_networks)},
        }
        for source, who in sources.items():
            aws.vpc.SecurityGroupIngressRule(
                f"{self._prefix}-api-{source}",
                security_group_id=api.id,
                description="Administration from inside",
                ip_protocol="tcp",
                from_port=HTTPS_PORT,
                to_port=HTTPS_PORT,
                tags=self._named("api"),
                opts=self._options(),
                **who,
            )
        aws.vpc.SecurityGroupEgressRule(
            f"{self._prefix}-access-https",
            security_group_id=access.id,
            description="HTTPS to the API server, to AWS and to registries",
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="tcp",
            from_port=HTTPS_PORT,
            to_port=HTTPS_PORT,
            tags=self._named("access"),
            opts=self._options(),
        )
        return access, api

    def _create_group(self, name: str, description: str) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            f"{self._prefix}-{name}-group",
            vpc_id=self._args.vpc_id,
            description=description,
            tags=self._named(name),
            opts=self._options(),
        )

    def _named(self, name: str) -> dict[str, str]:
        return {**self._labels, "Name": f"{self._args.tags.prefix}-cluster-{name}"}

    def _create_role(self) -> ServiceRole:
        return self._service_role("cluster", "eks", ["arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"])

    def _service_role(self, role: str, service: str, policies: Sequence[str]) -> ServiceRole:
        return ServiceRole(
            f"{self._prefix}-{role}-service",
            ServiceRoleArgs(
                tags=self._args.tags,
                role=role,
                service=f"{service}.amazonaws.com",
                account_id=self._args.account_id,
                managed_policy_arns=policies,
                names_source=service != "ec2",
            ),
            self._options(),
        )

    def _create_cluster(
        self, role: ServiceRole, api: aws.ec2.SecurityGroup, logs: Sequence[LogGroup]
    ) -> aws.eks.Cluster:
        args = self._args
        return aws.eks.Cluster(
            f"{self._prefix}-eks",
            name=cluster_name(args.tags),
            version=args.version,
            role_arn=role.arn,
            access_config=aws.eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            bootstrap_self_managed_addons=False,
            deletion_protection=args.durability.protect,
            enabled_cluster_log_types=list(CONTROL_PLANE_LOGS),
            encryption_config=aws.eks.ClusterEncryptionConfigArgs(
                provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=args.key.arn),
                resources=["secrets"],
            ),
            kubernetes_network_config=aws.eks.ClusterKubernetesNetworkConfigArgs(
                service_ipv4_cidr=args.service_cidr
            ),
            # Extended support costs six times as much; running into it has to be somebody's decision.
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=list(args.subnet_ids),
                security_group_ids=[api.id],
                endpoint_private_access=True,
                endpoint_public_access=False,
            ),
            zonal_shift_config=aws.eks.ClusterZonalShiftConfigArgs(enabled=True),
            tags=self._labels,
            # EKS makes its log group itself if it comes first, without key or end.
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(logs), protect=args.durability.protect),
        )

    def _admit(self, cluster: aws.eks.Cluster) -> list[pulumi.Resource]:
        admitted: list[pulumi.Resource] = []
        for index, role in enumerate(self._args.administrators):
            entry = aws.eks.AccessEntry(
                f"{self._prefix}-administrator-{index}",
                cluster_name=cluster.name,
                principal_arn=role,
                type="STANDARD",
                tags=self._labels,
                opts=self._options(),
            )
            policy = aws.eks.AccessPolicyAssociation(
                f"{self._prefix}-administration-{index}",
                cluster_name=cluster.name,
                principal_arn=role,
                policy_arn=ADMINISTRATION,
                access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                opts=self._options(entry),
            )
            admitted += [entry, policy]
        return admitted

    def _know_issuer(self, cluster: aws.eks.Cluster) -> WebIdentity:
        issuer = cluster.identities.apply(lambda found: str(found[0].oidcs[0].issuer))  # type: ignore[index]
        return WebIdentity(
            f"{self._prefix}-web-identity",
            WebIdentityArgs(tags=self._args.tags, issuer_url=issuer),
            self._options(),
        )

    def _equip(self, cluster: aws.eks.Cluster) -> list[pulumi.Resource]:
        args = self._args
        add_ons = AddOns(
            f"{self._prefix}-add-ons",
            AddOnsArgs(args.tags, cluster.name, self.web_identity, args.key, args.add_on_versions),
            self._options(),
        )
        role = self._service_role("node", "ec2", NODE_POLICIES)
        groups = [
            NodeGroup(
                f"{self._prefix}-{group}",
                NodeGroupArgs(
                    tags=args.tags,
                    cluster_name=cluster.name,
                    group=group,
                    nodes=nodes,
                    role_arn=role.arn,
                    subnet_ids=args.subnet_ids,
                    key=args.key,
                    version=args.version,
                    after=add_ons.early,
                ),
                self._options(),
            ).group
            for group, nodes in args.node_groups.items()
        ]
        return [*groups, *add_ons.early, *add_ons.complete(groups)]


def cluster_name(tags: Tags) -> str:
    """Name of an environment's cluster."""
    return tags.prefix


def log_group_names(tags: Tags) -> list[str]:
    """Log groups whose names EKS and its add-on have fixed."""
    name = cluster_name(tags)
    return [f"/aws/eks/{name}/cluster", *(f"/aws/containerinsights/{name}/{part}" for part in OBSERVED)]


def kubeconfig(region: str, name: str, endpoint: str, authority: str) -> str:
    """A kubeconfig whose user is whoever runs `aws`: it holds no credential, so it is no secret.

    Args:
        region: where the cluster is.
        name: of the cluster.
        endpoint: address of its API server.
        authority: its certificate authority, base64.
    """
    login = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "aws",
        "args": ["--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json"],
        "interactiveMode": "Never",
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [
                {"name": name, "cluster": {"server": endpoint, "certificate-authority-data": authority}}
            ],
            "users": [{"name": name, "user": {"exec": login}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        },
        indent=2,
    )
