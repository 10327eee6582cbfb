"""What exists in an AWS account, by the account's own lists, under the names that the engine's state has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Entry = Any
"""One entry of a list, as botocore gives it."""


@dataclass(frozen=True)
class Listing:
    """How one type is listed.

    Attributes:
        service: botocore's name of the service.
        operation: that lists.
        key: where the list is in the answer.
        identity: the id that the engine keeps of an entry; None leaves the entry out.
        parameters: of the operation.
    """

    service: str
    operation: str
    key: str
    identity: Callable[[Entry], str | None]
    parameters: Mapping[str, Any] | None = None


def _field(name: str) -> Callable[[Entry], str | None]:
    return lambda entry: str(entry[name])


def _itself(entry: Entry) -> str | None:
    return str(entry)


def _own_alias(entry: Entry) -> str | None:
    return None if entry["AliasName"].startswith("alias/aws/") else str(entry["AliasName"])


def _own_secret(entry: Entry) -> str | None:
    # A database's own password comes and goes with the database, and stays where that is retained.
    return None if entry["Name"].startswith("rds!") else str(entry["ARN"])


def _own_endpoint(entry: Entry) -> str | None:
    return None if entry["State"] in {"deleted", "deleting"} else str(entry["VpcEndpointId"])


def _own_nat(entry: Entry) -> str | None:
    return None if entry["State"] in {"deleted", "deleting"} else str(entry["NatGatewayId"])


LISTINGS: Mapping[str, Listing] = {
    "aws:s3/bucket:Bucket": Listing("s3", "list_buckets", "Buckets", _field("Name")),
    "aws:dynamodb/table:Table": Listing("dynamodb", "list_tables", "TableNames", _itself),
    "aws:kms/alias:Alias": Listing("kms", "list_aliases", "Aliases", _own_alias),
    "aws:iam/role:Role": Listing("iam", "list_roles", "Roles", _field("RoleName")),
    "aws:iam/policy:Policy": Listing("iam", "list_policies", "Policies", _field("Arn"), {"Scope": "Local"}),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Listing(
        "iam", "list_open_id_connect_providers", "OpenIDConnectProviderList", _field("Arn")
    ),
    "aws:sqs/queue:Queue": Listing("sqs", "list_queues", "QueueUrls", _itself),
    "aws:sns/topic:Topic": Listing("sns", "list_topics", "Topics", _field("TopicArn")),
    "aws:sns/topicSubscription:TopicSubscription": Listing(
        "sns", "list_subscriptions", "Subscriptions", _field("SubscriptionArn")
    ),
    "aws:cloudwatch/logGroup:LogGroup": Listing(
        "logs", "describe_log_groups", "logGroups", _field("logGroupName")
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Listing(
        "cloudwatch", "describe_alarms", "MetricAlarms", _field("AlarmName")
    ),
    "aws:cloudwatch/dashboard:Dashboard": Listing(
        "cloudwatch", "list_dashboards", "DashboardEntries", _field("DashboardName")
    ),
    "aws:cloudwatch/eventRule:EventRule": Listing("events", "list_rules", "Rules", _field("Name")),
    "aws:cloudtrail/trail:Trail": Listing("cloudtrail", "list_trails", "Trails", _field("Name")),
    "aws:backup/vault:Vault": Listing(
        "backup", "list_backup_vaults", "BackupVaultList", _field("BackupVaultName")
    ),
    "aws:backup/plan:Plan": Listing("backup", "list_backup_plans", "BackupPlansList", _field("BackupPlanId")),
    "aws:ec2/vpc:Vpc": Listing("ec2", "describe_vpcs", "Vpcs", _field("VpcId")),
    "aws:ec2/subnet:Subnet": Listing("ec2", "describe_subnets", "Subnets", _field("SubnetId")),
    "aws:ec2/securityGroup:SecurityGroup": Listing(
        "ec2", "describe_security_groups", "SecurityGroups", _field("GroupId")
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Listing(
        "ec2", "describe_vpc_endpoints", "VpcEndpoints", _own_endpoint
    ),
    "aws:ec2/natGateway:NatGateway": Listing("ec2", "describe_nat_gateways", "NatGateways", _own_nat),
    "aws:ec2/eip:Eip": Listing("ec2", "describe_addresses", "Addresses", _field("AllocationId")),
    "aws:ec2/internetGateway:InternetGateway": Listing(
        "ec2", "describe_internet_gateways", "InternetGateways", _field("InternetGatewayId")
    ),
    "aws:ec2/flowLog:FlowLog": Listing("ec2", "describe_flow_logs", "FlowLogs", _field("FlowLogId")),
    "aws:ec2/launchTemplate:LaunchTemplate": Listing(
        "ec2", "describe_launch_templates", "LaunchTemplates", _field("LaunchTemplateId")
    ),
    "aws:eks/cluster:Cluster": Listing("eks", "list_clusters", "clusters", _itself),
    "aws:rds/instance:Instance": Listing(
        "rds", "describe_db_instances", "DBInstances", _field("DBInstanceIdentifier")
    ),
    "aws:rds/subnetGroup:SubnetGroup": Listing(
        "rds", "describe_db_subnet_groups", "DBSubnetGroups", _field("DBSubnetGroupName")
    ),
    "aws:secretsmanager/secret:Secret": Listing("secretsmanager", "list_secrets", "SecretList", _own_secret),
    "aws:ssm/parameter:Parameter": Listing("ssm", "describe_parameters", "Parameters", _field("Name")),
    "aws:ecr/repository:Repository": Listing(
        "ecr", "describe_repositories", "repositories", _field("repositoryName")
    ),
    "aws:glue/catalogDatabase:CatalogDatabase": Listing(
        "glue", "get_databases", "DatabaseList", _field("Name")
    ),
    "aws:cognito/userPool:UserPool": Listing(
        "cognito-idp", "list_user_pools", "UserPools", _field("Id"), {"MaxResults": 60}
    ),
}
"""What stands on its own: a policy or grants can not be left without their bucket or role."""

KEYS = "aws:kms/key:Key"


def inventory(client: Callable[[str], Any]) -> set[str]:
    """Everything that exists, as `TYPE ID`; keys whose deletion has been ordered are not counted.

    Args:
        client: gives a botocore client of a service.
    """
    found = {
        f"{kind} {identity}" for kind, listing in LISTINGS.items() for identity in _list(client, listing)
    }
    return found | {f"{KEYS} {identity}" for identity in _keys(client("kms"))}


def _list(client: Callable[[str], Any], listing: Listing) -> Iterator[str]:
    service, operation = client(listing.service), listing.operation
    parameters = dict(listing.parameters or {})
    pages: Iterable[Any] = (
        service.get_paginator(operation).paginate(**parameters)
        if service.can_paginate(operation)
        else [getattr(service, operation)(**parameters)]
    )
    for page in pages:
        for entry in page.get(listing.key) or []:
            identity = listing.identity(entry)
            if identity is not None:
                yield identity


def _keys(kms: Any) -> Iterator[str]:  # noqa: ANN401 - botocore's client
    for page in kms.get_paginator("list_keys").paginate():
        for entry in page["Keys"]:
            about = kms.describe_key(KeyId=entry["KeyId"])["KeyMetadata"]
            if about["KeyManager"] == "CUSTOMER" and about["KeyState"] != "PendingDeletion":
                yield str(entry["KeyId"])


def retained(resources: Iterable[Mapping[str, Any]]) -> set[str]:
    """What a state says is to stay when the stack goes, in the same form.

    Args:
        resources: of the state, before anything is destroyed.
    """
    kinds = {*LISTINGS, KEYS}
    return {
        f"{resource['type']} {resource['id']}"
        for resource in resources
        if resource.get("retainOnDelete") and resource["type"] in kinds
    }
