"""PostgreSQL that AWS keeps alive: in two zones, under our key, with no password that anybody knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.durability import Durability
from components.grants import Grant, Statement
from components.tags import demand_class

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.encryption import DataKey

PORT = 5432
ADMINISTRATOR = "postgres"
BACKUP_DAYS = range(1, 36)
"""How long RDS keeps what point-in-time recovery needs (Working with backups, RDS User Guide)."""

INSIGHT_DAYS = 7
LOGS = ("postgresql", "upgrade")


@dataclass(frozen=True)
class Machine:
    """What the database runs on.

    Attributes:
        instance_class: such as db.t4g.medium; a change is a short outage.
        storage_gib: of the disk at first, GiB, default 20.
        most_storage_gib: up to where it grows by itself, default 100; a full disk stops the database.
        multi_az: a standby in another zone, default True. Without it a zone's failure is an outage of hours.
    """

    instance_class: str
    storage_gib: int = 20
    most_storage_gib: int = 100
    multi_az: bool = True

    def __post_init__(self) -> None:
        """Refuse a disk that can't grow."""
        if self.most_storage_gib <= self.storage_gib:
            raise ValueError(
                f"The database's disk has {self.storage_gib} GiB and may grow to {self.most_storage_gib}; "
                "full, it stops. Raise mostStorageGib in plinth:modelRegistry."
            )


@dataclass(frozen=True)
class DatabaseArgs:
    """What a database needs to know.

    Attributes:
        identifier: its name in the account and Region; a change replaces it.
        account_id: the AWS account, 12 digits.
        region: where it is.
        database: name of the first database in it.
        engine_version: major version of PostgreSQL, such as 17; AWS takes care of minor ones.
        machine: see `Machine`.
        vpc_id: the network.
        subnet_ids: private subnets in at least two zones.
        client_networks: networks (CIDR) that may connect, by TLS only.
        key: our key.
        tags: AWS tags, the data class among them.
        backup_days: days back to any second of which it can be restored, 1 to 35, default 35.
        durability: see `Durability`.
        after: what has to be there before, such as its log groups, default none.
    """

    identifier: str
    account_id: str
    region: str
    database: str
    engine_version: str
    machine: Machine
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    client_networks: Sequence[str]
    key: DataKey
    tags: Mapping[str, str]
    backup_days: int = 35
    durability: Durability = field(default_factory=Durability)
    after: Sequence[pulumi.Resource] = ()

    def __post_init__(self) -> None:
        """Refuse what RDS would refuse, what nobody could restore, and data that nobody classified."""
        demand_class(self.identifier, self.tags)
        if self.backup_days not in BACKUP_DAYS:
            raise ValueError(
                f"The database {self.identifier} can be restored to {self.backup_days} days back; RDS takes "
                "1 to 35. Change backupDays in plinth:modelRegistry."
            )


class Database(pulumi.ComponentResource):
    """An instance with its group, its parameters, and its rule of who connects.

    Attributes:
        arn: the instance.
        address: its host name; known only when it can be connected to.
        secret_arn: where AWS keeps, and rotates, the administrator's password.
        restore_metadata: what tells AWS Backup to restore it where it is, and not in the default VPC.
    """

    arn: pulumi.Output[str]
    address: pulumi.Output[str]
    secret_arn: pulumi.Output[str]
    restore_metadata: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Database", name, None, opts)
        self._prefix = name
        self._args = args
        group = self._create_group()
        subnets = self._create_subnets()
        instance = self._create_instance(group, subnets)
        self.arn = instance.arn
        self.address = instance.address
        self._resource_id = instance.resource_id
        self.secret_arn = instance.master_user_secrets.apply(
            lambda secrets: str(secrets[0].secret_arn) if secrets else ""
        )
        self.restore_metadata = {
            "dbSubnetGroupName": subnets.name,
            "vpcSecurityGroupIds": pulumi.Output.json_dumps([group.id]),
        }
        self.register_outputs(
            {
                "arn": self.arn,
                "address": self.address,
                "secret_arn": self.secret_arn,
                "restore_metadata": self.restore_metadata,
            }
        )

    def grant_connect(self, purpose: str, user: str) -> Grant:
        """Connecting as one database user, with a token instead of a password."""
        args = self._args
        arn = pulumi.Output.concat(
            f"arn:aws:rds-db:{args.region}:{args.account_id}:dbuser:", self._resource_id, f"/{user}"
        )
        return Grant(purpose, (Statement(("rds-db:connect",), (arn,)),))

    def _create_group(self) -> aws.ec2.SecurityGroup:
        args = self._args
        options = pulumi.ResourceOptions(parent=self)
        named = {**args.tags, "Name": args.identifier}
        group = aws.ec2.SecurityGroup(
            f"{self._prefix}-group",
            vpc_id=args.vpc_id,
            description=f"The database {args.identifier}",
            tags=named,
            opts=options,
        )
        for index, network in enumerate(args.client_networks):
            aws.vpc.SecurityGroupIngressRule(
                f"{self._prefix}-clients-{index}",
                security_group_id=group.id,
                description="PostgreSQL from inside",
                cidr_ipv4=network,
                ip_protocol="tcp",
                from_port=PORT,
                to_port=PORT,
                tags=named,
                opts=options,
            )
        return group

    def _create_subnets(self) -> aws.rds.SubnetGroup:
        args = self._args
        return aws.rds.SubnetGroup(
            f"{self._prefix}-subnets",
            name=args.identifier,
            subnet_ids=list(args.subnet_ids),
            tags=dict(args.tags),
            opts=args.durability.companion(self),
        )

    def _create_parameters(self) -> aws.rds.ParameterGroup:
        args = self._args
        wanted = {"rds.force_ssl": "1", "log_connections": "1", "log_disconnections": "1"}
        return aws.rds.ParameterGroup(
            f"{self._prefix}-parameters",
            name=args.identifier,
            family=f"postgres{args.engine_version.partition('.')[0]}",
            parameters=[
                aws.rds.ParameterGroupParameterArgs(name=name, value=value) for name, value in wanted.items()
            ],
            tags=dict(args.tags),
            opts=args.durability.companion(self),
        )

    def _create_instance(
        self, group: aws.ec2.SecurityGroup, subnets: aws.rds.SubnetGroup
    ) -> aws.rds.Instance:
        args, machine = self._args, self._args.machine
        kept = args.durability.protect or args.durability.retain
        return aws.rds.Instance(
            f"{self._prefix}-instance",
            identifier=args.identifier,
            engine="postgres",
            engine_version=args.engine_version,
            auto_minor_version_upgrade=True,
            instance_class=machine.instance_class,
            multi_az=machine.multi_az,
            allocated_storage=machine.storage_gib,
            max_allocated_storage=machine.most_storage_gib,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=args.key.arn,
            db_name=args.database,
            username=ADMINISTRATOR,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.key.arn,
            iam_database_authentication_enabled=True,
            db_subnet_group_name=subnets.name,
            parameter_group_name=self._create_parameters().name,
            vpc_security_group_ids=[group.id],
            publicly_accessible=False,
            backup_retention_period=args.backup_days,
            copy_tags_to_snapshot=True,
            deletion_protection=args.durability.protect,
            delete_automated_backups=not kept,
            skip_final_snapshot=not kept,
            final_snapshot_identifier=f"{args.identifier}-final" if kept else None,
            enabled_cloudwatch_logs_exports=list(LOGS),
            performance_insights_enabled=True,
            performance_insights_kms_key_id=args.key.arn,
            performance_insights_retention_period=INSIGHT_DAYS,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions.merge(
                args.durability.options(self), pulumi.ResourceOptions(depends_on=list(args.after))
            ),
        )
