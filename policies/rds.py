"""Relational databases: encrypted, private, protected, backed up, spoken to by TLS and IAM only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.build import (
    IS_FALSE,
    IS_TRUE,
    OWN_KEY,
    at_least,
    each_rule,
    property_rule,
    resource_rule,
    stack_rule,
)
from policies.core.rules import REQUIRED, Context, Problem, Rule, Setting, Severity, Topic
from policies.core.values import View, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

INSTANCE: Final = "aws:rds/instance:Instance"
CLUSTER: Final = "aws:rds/cluster:Cluster"
MEMBER: Final = "aws:rds/clusterInstance:ClusterInstance"
PARAMETERS: Final = "aws:rds/parameterGroup:ParameterGroup"
CLUSTER_PARAMETERS: Final = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
TLS_PARAMETERS: Final = frozenset({"rds.force_ssl", "require_secure_transport"})
ON: Final = frozenset({"1", "on", "true"})


def _forces_tls(database: Resource, context: Context) -> Iterator[Problem]:
    token, link = (
        (PARAMETERS, "parameterGroupName")
        if database.type == INSTANCE
        else (CLUSTER_PARAMETERS, "dbClusterParameterGroupName")
    )
    groups = [group for group in context.stack.of(token) if _uses(database, group, link, context)]
    for group in groups:
        for parameter in group.at("parameters").items():
            name, value = parameter.at("name").text(), parameter.at("value").text() or ""
            if name in TLS_PARAMETERS and value.lower() in ON:
                return
    yield Problem(link, f"{show(database.at(link).value)}, which doesn't force TLS")


def _uses(database: Resource, group: Resource, link: str, context: Context) -> bool:
    return any(user.urn == database.urn for user in context.stack.referring(group, database.type, link))


def _no_password(database: Resource, _context: Context) -> Iterator[Problem]:
    for name in ("password", "passwordWo", "masterPassword", "masterPasswordWo"):
        if database.at(name).known():
            yield Problem(name, "set", "Remove the password and set manageMasterUserPassword.")
    view = database.at("manageMasterUserPassword")
    if view.flag() is not True:
        yield Problem(view.path, show(view.value), "Set manageMasterUserPassword to true.")


def _insights_key(database: Resource) -> Iterator[View]:
    if database.at("performanceInsightsEnabled").flag() is True:
        yield database.at("performanceInsightsKmsKeyId")


RULES: Final[tuple[Rule, ...]] = (
    property_rule(
        "rds-encrypted",
        (INSTANCE, CLUSTER),
        ("storageEncrypted",),
        IS_TRUE,
        title="Databases are encrypted",
        topic=Topic.ENCRYPTION,
        severity=Severity.CRITICAL,
        public_ids=("RDS.3", "RDS.27", "CKV_AWS_16"),
        remediation="Set storageEncrypted to true; an existing database has to be restored from a snapshot.",
    ),
    property_rule(
        "rds-own-key",
        (INSTANCE, CLUSTER),
        ("kmsKeyId",),
        OWN_KEY,
        title="Databases are encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.HIGH,
        public_ids=("CKV_AWS_327",),
        remediation="Set kmsKeyId to a key of ours.",
    ),
    property_rule(
        "rds-not-public",
        (INSTANCE, MEMBER),
        ("publiclyAccessible",),
        IS_FALSE,
        title="Databases have no public address",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("RDS.2", "CKV_AWS_17"),
        remediation="Set publiclyAccessible to false.",
    ),
    property_rule(
        "rds-deletion-protection",
        (INSTANCE, CLUSTER),
        ("deletionProtection",),
        IS_TRUE,
        title="Databases are protected from deletion",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        public_ids=("RDS.7", "RDS.8", "CKV_AWS_293"),
        remediation="Set deletionProtection to true.",
        settings=REQUIRED,
    ),
    property_rule(
        "rds-backups",
        (INSTANCE, CLUSTER),
        ("backupRetentionPeriod",),
        at_least("minimum_days"),
        title="Databases are backed up and the backups are kept",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        public_ids=("RDS.11", "CKV_AWS_133"),
        remediation="Set backupRetentionPeriod.",
        settings={"minimum_days": Setting(7, "days that automatic backups are kept")},
    ),
    property_rule(
        "rds-multi-az",
        (INSTANCE,),
        ("multiAz",),
        IS_TRUE,
        title="Databases have a standby in another zone",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        public_ids=("RDS.5", "CKV_AWS_157"),
        remediation="Set multiAz to true.",
        settings=REQUIRED,
    ),
    stack_rule(
        "rds-tls",
        (INSTANCE, CLUSTER),
        _forces_tls,
        title="Databases refuse connections without TLS",
        topic=Topic.TRANSMISSION,
        severity=Severity.HIGH,
        public_ids=("RDS.38", "RDS.39", "CKV2_AWS_69"),
        reads=(PARAMETERS, CLUSTER_PARAMETERS),
        remediation="Use a parameter group with rds.force_ssl or require_secure_transport on.",
    ),
    property_rule(
        "rds-iam-authentication",
        (INSTANCE, CLUSTER),
        ("iamDatabaseAuthenticationEnabled",),
        IS_TRUE,
        title="Databases take IAM identities",
        topic=Topic.AUTHENTICATION,
        severity=Severity.MEDIUM,
        public_ids=("RDS.10", "RDS.12", "CKV_AWS_161"),
        remediation="Set iamDatabaseAuthenticationEnabled to true.",
    ),
    resource_rule(
        "rds-managed-password",
        (INSTANCE, CLUSTER),
        _no_password,
        title="AWS keeps and rotates the administrator's password; no program knows it",
        topic=Topic.AUTHENTICATION,
        severity=Severity.HIGH,
        remediation="Set manageMasterUserPassword to true and no password.",
    ),
    property_rule(
        "rds-password-key",
        (INSTANCE, CLUSTER),
        ("masterUserSecretKmsKeyId",),
        OWN_KEY,
        title="The administrator's password, which AWS keeps, is encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.MEDIUM,
        public_ids=("CKV_AWS_149",),
        remediation="Set masterUserSecretKmsKeyId to a key of ours.",
    ),
    each_rule(
        "rds-insights-key",
        (INSTANCE, CLUSTER),
        _insights_key,
        OWN_KEY,
        title="What is kept of statements and their speed is encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.MEDIUM,
        public_ids=("CKV_AWS_354",),
        remediation="Set performanceInsightsKmsKeyId to a key of ours.",
    ),
    property_rule(
        "rds-final-snapshot",
        (INSTANCE, CLUSTER),
        ("skipFinalSnapshot",),
        IS_FALSE,
        title="A database that is deleted leaves a snapshot",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        remediation="Set skipFinalSnapshot to false and name a finalSnapshotIdentifier.",
        settings=REQUIRED,
    ),
)
