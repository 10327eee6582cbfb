"""Database instances. No database runs behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.rds_common import TAGGING
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import pairs
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from local.engine.values import Properties

# Inputs with the parameter of creation and modification, and the member that tells each.
FIXED: Final = {
    "engine": "Engine",
    "username": "MasterUsername",
    "dbName": "DBName",
    "storageEncrypted": "StorageEncrypted",
    "kmsKeyId": "KmsKeyId",
    "availabilityZone": "AvailabilityZone",
    "characterSetName": "CharacterSetName",
    "timezone": "Timezone",
}
CHANGING: Final = {
    "allocatedStorage": "AllocatedStorage",
    "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "backupRetentionPeriod": "BackupRetentionPeriod",
    "backupWindow": "PreferredBackupWindow",
    "caCertIdentifier": "CACertificateIdentifier",
    "copyTagsToSnapshot": "CopyTagsToSnapshot",
    "dbSubnetGroupName": "DBSubnetGroupName",
    "deletionProtection": "DeletionProtection",
    "engineVersion": "EngineVersion",
    "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
    "instanceClass": "DBInstanceClass",
    "iops": "Iops",
    "licenseModel": "LicenseModel",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "manageMasterUserPassword": "ManageMasterUserPassword",
    "masterUserSecretKmsKeyId": "MasterUserSecretKmsKeyId",
    "maxAllocatedStorage": "MaxAllocatedStorage",
    "monitoringInterval": "MonitoringInterval",
    "monitoringRoleArn": "MonitoringRoleArn",
    "multiAz": "MultiAZ",
    "optionGroupName": "OptionGroupName",
    "parameterGroupName": "DBParameterGroupName",
    "password": "MasterUserPassword",
    "performanceInsightsEnabled": "EnablePerformanceInsights",
    "performanceInsightsKmsKeyId": "PerformanceInsightsKMSKeyId",
    "performanceInsightsRetentionPeriod": "PerformanceInsightsRetentionPeriod",
    "publiclyAccessible": "PubliclyAccessible",
    "storageType": "StorageType",
    "vpcSecurityGroupIds": "VpcSecurityGroupIds",
}
TOLD: Final = {
    **{own: api for own, api in {**FIXED, **CHANGING}.items() if own != "password"},
    "iamDatabaseAuthenticationEnabled": "IAMDatabaseAuthenticationEnabled",
    "performanceInsightsEnabled": "PerformanceInsightsEnabled",
}
ABSENT: Final = {
    "availabilityZone": "",
    "backupTarget": "region",
    "backupWindow": "",
    "caCertIdentifier": "rds-ca-rsa2048-g1",
    "characterSetName": "",
    "databaseInsightsMode": "standard",
    "domainFqdn": "",
    "engineLifecycleSupport": "open-source-rds-extended-support",
    "hostedZoneId": "",
    "identifierPrefix": "",
    "latestRestorableTime": "",
    "ncharCharacterSetName": "",
    "networkType": "IPV4",
    "replicaMode": "",
    "snapshotIdentifier": "",
    "timezone": "",
    "upgradeRolloutOrder": "",
}
"""What an instance tells that the emulator knows nothing of."""


def _find(aws: Aws, identity: str) -> dict[str, Any] | None:
    answer = aws.find("rds", "describe_db_instances", DBInstanceIdentifier=identity)
    return dict(answer["DBInstances"][0]) if answer and answer["DBInstances"] else None


def _create(aws: Aws, wanted: Wanted) -> str:
    names = {**FIXED, **CHANGING}
    aws.call(
        "rds",
        "create_db_instance",
        DBInstanceIdentifier=wanted["identifier"],
        Port=wanted["port"],
        EnableCloudwatchLogsExports=wanted["enabledCloudwatchLogsExports"],
        Tags=pairs(wanted.tags),
        **{api: wanted[own] for own, api in names.items() if wanted[own] is not None},
    )
    # Officially the id is the resource id, which is the same for all of moto's instances.
    return str(wanted["identifier"])


def _read(aws: Aws, identity: str, known: Properties) -> Properties | None:
    instance = _find(aws, identity)
    if instance is None or instance["DBInstanceStatus"] == "deleting":
        return None
    endpoint = instance.get("Endpoint") or {}
    told = {own: instance.get(api) for own, api in TOLD.items()}
    told = {own: value if value is not None else known.get(own) for own, value in told.items()}
    groups = [group["VpcSecurityGroupId"] for group in instance.get("VpcSecurityGroups", [])]
    parameters = [group["DBParameterGroupName"] for group in instance.get("DBParameterGroups", [])]
    options = [group["OptionGroupName"] for group in instance.get("OptionGroupMemberships", [])]
    port = endpoint.get("Port") or known.get("port") or 0
    secret = instance.get("MasterUserSecret")
    return {
        **{name: known.get(name) or value for name, value in ABSENT.items()},
        **{name: value for name, value in told.items() if value is not None},
        "identifier": instance["DBInstanceIdentifier"],
        "arn": instance["DBInstanceArn"],
        "resourceId": instance["DbiResourceId"],
        "address": endpoint.get("Address", ""),
        "port": port,
        "endpoint": f"{endpoint.get('Address', '')}:{port}",
        "status": instance["DBInstanceStatus"],
        "engineVersionActual": instance.get("EngineVersion", ""),
        "dbSubnetGroupName": (instance.get("DBSubnetGroup") or {}).get("DBSubnetGroupName", ""),
        "vpcSecurityGroupIds": groups or known.get("vpcSecurityGroupIds") or [],
        "parameterGroupName": parameters[0] if parameters else "",
        "optionGroupName": options[0] if options else "",
        "listenerEndpoints": [],
        "replicas": [],
        "masterUserSecrets": [
            {
                "secretArn": secret.get("SecretArn", ""),
                "secretStatus": secret.get("SecretStatus", ""),
                "kmsKeyId": secret.get("KmsKeyId", ""),
            }
        ]
        if secret
        else [],
        "dbName": instance.get("DBName") or known.get("dbName") or "",
        "enabledCloudwatchLogsExports": instance.get("EnabledCloudwatchLogsExports")
        or known.get("enabledCloudwatchLogsExports"),
        "manageMasterUserPassword": known.get("manageMasterUserPassword"),
    }


def _put(aws: Aws, identity: str, wanted: Wanted) -> None:
    left_out = {"dbSubnetGroupName"}
    if (_find(aws, identity) or {}).get("MasterUserSecret"):
        left_out.add("manageMasterUserPassword")  # asked again, the emulator makes a second secret
    aws.call(
        "rds",
        "modify_db_instance",
        DBInstanceIdentifier=identity,
        ApplyImmediately=True,
        **{
            api: wanted[own]
            for own, api in CHANGING.items()
            if wanted[own] is not None and own not in left_out
        },
    )


def _delete(aws: Aws, identity: str, known: Properties) -> None:
    instance = _find(aws, identity)
    if instance is None:
        return
    name = instance["DBInstanceIdentifier"]
    if instance.get("DeletionProtection"):
        raise ProviderError(
            f"The database {name} is protected from deletion, so it is kept. Set deletionProtection to false "
            "and bring that up before you destroy it."
        )
    final = known.get("finalSnapshotIdentifier")
    if not known.get("skipFinalSnapshot") and not final:
        raise ProviderError(
            f"The database {name} is to leave a final snapshot, and finalSnapshotIdentifier names none. Give "
            "the name, or set skipFinalSnapshot to true, and bring that up before you destroy it."
        )
    aws.attempt(
        "rds",
        "delete_db_instance",
        DBInstanceIdentifier=name,
        SkipFinalSnapshot=bool(known.get("skipFinalSnapshot")),
        FinalDBSnapshotIdentifier=None if known.get("skipFinalSnapshot") else final,
    )


TYPES = (
    ResourceType(
        sdk_type="aws:rds/instance:Instance",
        create=_create,
        read=_read,
        delete=_delete,
        parts=(Part(tuple(CHANGING), _put, at_creation=False),),
        replaces=frozenset({"identifier", "identifierPrefix", "port", *FIXED}),
        name="identifier",
        name_limit=63,
        lowercase=True,
        unordered=frozenset({"vpcSecurityGroupIds", "enabledCloudwatchLogsExports"}),
        defaults={
            "autoMinorVersionUpgrade": True,
            "copyTagsToSnapshot": False,
            "deleteAutomatedBackups": True,
            "deletionProtection": False,
            "iamDatabaseAuthenticationEnabled": False,
            "monitoringInterval": 0,
            "performanceInsightsEnabled": False,
            "publiclyAccessible": False,
            "skipFinalSnapshot": False,
            "storageEncrypted": False,
        },
        secrets=frozenset({"password"}),
        remembers=(
            "password",
            "applyImmediately",
            "allowMajorVersionUpgrade",
            "deleteAutomatedBackups",
            "enabledCloudwatchLogsExports",
            "finalSnapshotIdentifier",
            "skipFinalSnapshot",
        ),
        tagging=TAGGING,
        identify=lambda _aws, wanted: str(wanted["identifier"]),
        from_arn=lambda _aws, arn: arn.rsplit(":", 1)[-1],
        owns_arn=lambda arn: ":rds:" in arn and ":db:" in arn,
    ),
)
