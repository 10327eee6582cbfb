"""For each rule, changes to the compliant environment that break exactly its property."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from policies.core.breaking import REMOVED, replaced
from policies.core.resources import Resource
from tests.policies.compliant import ACCOUNT, KEY, LAYERS, REGION, SHA256, deny_old, deny_plain, policy

Resources = Sequence[Resource]
Break = Callable[[Resources], list[Resource]]

POD = ("spec", "template", "spec")
MAIN = (*POD, "containers", 0)
ENVOY = ("spec", "provider", "kubernetes", "envoyDeployment")
SECURITY = (*MAIN, "securityContext")
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
DEPLOYS = f"arn:aws:iam::{ACCOUNT}:role/deploy"
PUBLIC = policy({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"})


@dataclass(frozen=True)
class Put:
    """Give one resource another value at a path."""

    name: str
    path: tuple[str | int, ...]
    value: Any

    def __call__(self, resources: Resources) -> list[Resource]:
        assert any(resource.name == self.name for resource in resources), f"no resource {self.name}"
        return [
            replace(resource, props=_with(resource.props, self.path, self.value))
            if resource.name == self.name
            else resource
            for resource in resources
        ]

    def instead(self, value: Any) -> Put:
        """The same place with another value."""
        return replace(self, value=value)


def put(name: str, *path: str | int, value: Any) -> Put:
    return Put(name, path, value)


def _with(props: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy with a value at a path, whose missing objects are made."""
    if len(path) == 1:
        return replaced(props, path, value)
    head = path[0]
    inner = props[head] if isinstance(head, int) else props.get(head, {})
    return replaced(props, (head,), _with(inner, path[1:], value))


def cut(name: str, *path: str | int) -> Put:
    """Take one value away."""
    return put(name, *path, value=REMOVED)


def drop(name: str) -> Break:
    """Take one resource away."""

    def change(resources: Resources) -> list[Resource]:
        kept = [resource for resource in resources if resource.name != name]
        assert len(kept) < len(resources), f"no resource {name}"
        return kept

    return change


def together(*changes: Break) -> Break:
    """Several changes, where two things would each have been enough."""

    def change(resources: Resources) -> list[Resource]:
        for one in changes:
            resources = one(resources)
        return list(resources)

    return change


OPENED = put("edge-https", "cidrIpv4", value="0.0.0.0/0")
STAYING = cut("daily", "rules", 0, "copyActions")
"""Backups stay in their Region."""


def add(token: str, **props: Any) -> Break:
    """Add a resource of a type."""

    def change(resources: Resources) -> list[Resource]:
        urn = f"urn:pulumi:prod::plinth::{token}::added"
        return [*resources, Resource(type=token, name="added", urn=urn, props=props, id="added")]

    return change


def option(name: str, **options: Any) -> Break:
    """Change an engine option."""

    def change(resources: Resources) -> list[Resource]:
        return [replace(r, **options) if r.name == name else r for r in resources]

    return change


def pod(*path: str | int, value: Any) -> Break:
    return put("serving-deployment", *POD, *path, value=value)


def main(*path: str | int, value: Any) -> Break:
    return put("serving-deployment", *MAIN, *path, value=value)


def security(*path: str | int, value: Any) -> Break:
    return put("serving-deployment", *SECURITY, *path, value=value)


def allow(action: Any, resource: Any, **more: Any) -> str:
    return policy({"Effect": "Allow", "Action": action, "Resource": resource, **more})


def grants(action: Any, resource: Any, **more: Any) -> Break:
    return put("serving-grants", "policy", value=allow(action, resource, **more))


def passing(service: str, action: Any, resource: Any, **more: Any) -> Break:
    """Let everybody do something by way of an endpoint."""
    return put(f"endpoint-{service}", "policy", value=allow(action, resource, Principal="*", **more))


def granting(action: Any, condition: Any, *, principal: Any = ROOT) -> Break:
    """Let somebody give grants on a key."""
    value = allow(action, "*", Principal=principal, Condition=condition)
    return put("data-key", "policy", value=value)


def by_roles(*roles: str, operator: str = "ArnEquals") -> dict[str, Any]:
    return {operator: {"aws:PrincipalArn": list(roles)}}


def trust(principal: Any, *, action: str = "sts:AssumeRole", **condition: Any) -> Break:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    held = {**statement, "Condition": condition} if condition else statement
    return put("serving", "assumeRolePolicy", value=policy(held))


def aws(token: str) -> str:
    module, _, name = token.partition(":")
    return f"aws:{module}/{name[0].lower()}{name[1:]}:{name}"


QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:reviews"
GROUPS = f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/*"
TAG = "aws:ResourceTag/cluster"
WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"
ANYTHING = {"Effect": "Allow", "Principal": "*"}
ONE_KEY_ALIAS = "alias/aws/s3"
UNLOCKED = deny_plain("s3:*", "arn:aws:s3:::raw", "arn:aws:s3:::raw/*")
FROM_EVENTS = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": "sqs:SendMessage",
    "Resource": QUEUE,
}
RBAC = "kubernetes:rbac.authorization.k8s.io/v1"
WEAK_TLS = {**UNLOCKED, "Condition": {**UNLOCKED["Condition"], "StringEquals": {"aws:SourceVpc": "vpc-1"}}}

BREAKS: Mapping[str, Sequence[Break]] = {
    "s3-account-block": [put("account", "blockPublicAcls", value=False)],
    "s3-bucket-block": [drop("raw-block"), put("raw-block", "bucket", value="another")],
    "s3-bucket-block-flags": [
        put("raw-block", "restrictPublicBuckets", value=False),
        cut("raw-block", "ignorePublicAcls"),
        put("raw-block", "blockPublicPolicy", value="true"),
    ],
    "s3-no-public-policy": [put("raw-policy", "policy", value=PUBLIC)],
    "s3-no-acl": [add(aws("s3:BucketAcl"), bucket="raw", acl="private")],
    "s3-no-inline-acl": [put("raw", "acl", value="public-read"), put("dataset", "acl", value="public-read")],
    "s3-ownership": [put("raw-ownership", "rule", "objectOwnership", value="ObjectWriter")],
    "s3-tls-only": [
        drop("raw-policy"),
        put("raw-policy", "policy", value=policy(deny_plain("s3:*", "arn:aws:s3:::raw"))),
        put("raw-policy", "policy", value=policy(deny_plain("s3:GetObject", "arn:aws:s3:::raw*"))),
        put("raw-policy", "policy", value=policy(WEAK_TLS)),
        put("raw-policy", "policy", value="{"),
    ],
    "s3-modern-tls": [
        put("raw-policy", "policy", value=policy(UNLOCKED)),
        put("raw-policy", "policy", value=policy(UNLOCKED, deny_old("1.0", "raw"))),
        put("raw-policy", "policy", value=policy(UNLOCKED, deny_old("1.2", "another"))),
    ],
    "s3-logs-kept": [
        put("access-logs-lifecycle", "rules", 0, "expiration", value={"days": 7}),
        put("trail-lifecycle", "rules", 0, "expiration", value={"days": 7}),
    ],
    "s3-access-logs": [drop("raw-logging")],
    "s3-lifecycle": [
        drop("raw-lifecycle"),
        put("raw-lifecycle", "rules", 0, "status", value="Disabled"),
        cut("raw-lifecycle", "rules", 0, "noncurrentVersionExpiration"),
    ],
    "s3-versions-kept": [
        put("raw-lifecycle", "rules", 0, "noncurrentVersionExpiration", "noncurrentDays", value=1)
    ],
    "s3-lifecycle-uploads": [cut("raw-lifecycle", "rules", 0, "abortIncompleteMultipartUpload")],
    "s3-versioning": [
        drop("raw-versioning"),
        put("raw-versioning", "versioningConfiguration", "status", value="Suspended"),
    ],
    "s3-log-archive-lock": [
        drop("trail-lock"),
        put("trail", "objectLockEnabled", value=False),
        put("trail-lock", "rule", "defaultRetention", "mode", value="GOVERNANCE"),
        put("trail-lock", "rule", "defaultRetention", "days", value=30),
        put("trail-lock", "objectLockEnabled", value="Disabled"),
    ],
    "s3-own-key": [
        drop("raw-encryption"),
        put(
            "raw-encryption", "rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm", value="AES256"
        ),
        cut("raw-encryption", "rules", 0, "applyServerSideEncryptionByDefault", "kmsMasterKeyId"),
        put(
            "raw-encryption",
            "rules",
            0,
            "applyServerSideEncryptionByDefault",
            "kmsMasterKeyId",
            value=ONE_KEY_ALIAS,
        ),
    ],
    "s3-object-key": [
        put("dataset", "serverSideEncryption", value="AES256"),
        put("dataset", "serverSideEncryption", value="aws:kms"),
        put("dataset", "kmsKeyId", value="alias/aws/s3"),
    ],
    "s3-bucket-key": [put("raw-encryption", "rules", 0, "bucketKeyEnabled", value=False)],
    "s3-replication": [
        together(drop("raw-replication"), STAYING),
        together(drop("raw-replication"), drop("stores")),
        together(put("raw-replication", "rules", 0, "status", value="Disabled"), STAYING),
        *(
            together(put("raw-replication", "rules", 0, key, value=narrow), STAYING)
            for key, narrow in (
                ("filter", {"prefix": "archive/"}),
                ("filter", {"tag": {"key": "copy", "value": "yes"}}),
                ("filter", {"and": {"prefix": "", "tags": {"copy": "yes"}}}),
                ("prefix", "archive/"),
            )
        ),
    ],
    "s3-replication-on": [
        put("raw-replication", "rules", 0, "status", value="Disabled"),
        cut("raw-replication", "rules"),
    ],
    "s3-replication-encrypted": [
        put(
            "raw-replication",
            "rules",
            0,
            "sourceSelectionCriteria",
            "sseKmsEncryptedObjects",
            "status",
            value="Disabled",
        ),
        cut("raw-replication", "rules", 0, "sourceSelectionCriteria"),
    ],
    "s3-replication-key": [
        put(
            "raw-replication",
            "rules",
            0,
            "destination",
            "encryptionConfiguration",
            "replicaKmsKeyId",
            value=ONE_KEY_ALIAS,
        ),
        cut("raw-replication", "rules", 0, "destination", "encryptionConfiguration"),
    ],
    "s3-no-force-destroy": [put("raw", "forceDestroy", value=True)],
    "kms-rotation": [put("data-key", "enableKeyRotation", value=False), cut("data-key", "enableKeyRotation")],
    "kms-no-public-policy": [put("data-key", "policy", value=PUBLIC)],
    "kms-explicit-policy": [cut("data-key", "policy")],
    "kms-grants-for-services": [
        put(
            "data-key",
            "policy",
            value=allow("kms:CreateGrant", "*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/a"}),
        ),
        grants("kms:CreateGrant", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/one"),
        # Without a word on whom a grant is for, roles are named, in the key's policy and for nothing else.
        grants("kms:CreateGrant", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/one", Condition=by_roles(DEPLOYS)),
        granting("kms:CreateGrant", by_roles(f"arn:aws:iam::{ACCOUNT}:role/*")),
        granting("kms:CreateGrant", by_roles(DEPLOYS, f"arn:aws:iam::{ACCOUNT}:root")),
        granting("kms:CreateGrant", by_roles(DEPLOYS, "*")),
        granting("kms:CreateGrant", by_roles(DEPLOYS, operator="ArnEqualsIfExists")),
        granting("kms:CreateGrant", by_roles(DEPLOYS, operator="ArnNotEquals")),
        granting("kms:CreateGrant", by_roles(DEPLOYS), principal="*"),
        granting("kms:*", by_roles(DEPLOYS)),
        granting(["kms:CreateGrant", "kms:Decrypt"], by_roles(DEPLOYS)),
        granting("kms:CreateGrant", {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}),
    ],
    "kms-no-decrypt-all": [
        grants("kms:Decrypt", "*"),
        grants("kms:*", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*"),
        grants("kms:Decr?pt", "arn:aws:kms:*:*:key/*"),
    ],
    "kms-deletion-window": [
        put("data-key", "deletionWindowInDays", value=7),
        cut("data-key-copy", "deletionWindowInDays"),
    ],
    "kms-lockout-check": [put("data-key", "bypassPolicyLockoutSafetyCheck", value=True)],
    "kms-enabled": [put("data-key", "isEnabled", value=False)],
    "dynamodb-encrypted": [put("predictions", "serverSideEncryption", "enabled", value=False)],
    "dynamodb-own-key": [
        cut("predictions", "serverSideEncryption", "kmsKeyArn"),
        put("predictions", "replicas", value=[{"regionName": "eu-west-1", "pointInTimeRecovery": True}]),
    ],
    "dynamodb-replica-key": [put("predictions-copy", "kmsKeyArn", value="alias/aws/dynamodb")],
    "dynamodb-point-in-time": [
        put("predictions", "pointInTimeRecovery", "enabled", value=False),
        put("predictions", "replicas", value=[{"kmsKeyArn": KEY, "pointInTimeRecovery": False}]),
    ],
    "dynamodb-deletion-protection": [put("predictions", "deletionProtectionEnabled", value=False)],
    "dynamodb-backup-plan": [
        drop("stores"),
        drop("daily"),
        put("stores", "resources", value=["arn:aws:s3:::raw"]),
        put("stores", "notResources", value=["arn:aws:dynamodb:*"]),
    ],
    "dynamodb-scales": [put("predictions", "billingMode", value="PROVISIONED")],
    "rds-encrypted": [put("registry", "storageEncrypted", value=False)],
    "rds-own-key": [cut("registry", "kmsKeyId")],
    "rds-not-public": [
        put("registry", "publiclyAccessible", value=True),
        cut("registry", "publiclyAccessible"),
    ],
    "rds-deletion-protection": [put("registry", "deletionProtection", value=False)],
    "rds-backups": [put("registry", "backupRetentionPeriod", value=1)],
    "rds-multi-az": [put("registry", "multiAz", value=False)],
    "rds-tls": [drop("tls"), put("tls", "parameters", 0, "value", value="0")],
    "rds-iam-authentication": [put("registry", "iamDatabaseAuthenticationEnabled", value=False)],
    "rds-managed-password": [
        put("registry", "password", value="s3cret"),
        cut("registry", "manageMasterUserPassword"),
    ],
    "rds-password-key": [
        cut("registry", "masterUserSecretKmsKeyId"),
        put("registry", "masterUserSecretKmsKeyId", value="alias/aws/secretsmanager"),
    ],
    "rds-insights-key": [
        cut("registry", "performanceInsightsKmsKeyId"),
        put("registry", "performanceInsightsKmsKeyId", value="alias/aws/rds"),
    ],
    "rds-final-snapshot": [put("registry", "skipFinalSnapshot", value=True)],
    "iam-no-admin": [
        grants("*", "*"),
        put("serving-grants", "policy", value=PUBLIC.replace('"Principal": "*", ', "")),
    ],
    "iam-no-wildcard-action": [
        grants("s3:*", "arn:aws:s3:::raw"),
        grants("s3:Get*", "arn:aws:s3:::raw"),
        put(
            "serving-grants",
            "policy",
            value=policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::raw"}),
        ),
    ],
    "iam-no-wildcard-resource": [
        grants("s3:GetObject", "*"),
        grants("s3:GetObject", "arn:aws:s3:::*/models/*"),
        grants("dynamodb:GetItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/*"),
        grants("dynamodb:GetItem", f"arn:aws:dynamodb:*:{ACCOUNT}:table/predictions"),
        # A tag stands for a name only where the service gives the name itself, and only if it is exact.
        grants("ec2:DeleteSecurityGroup", GROUPS),
        grants("ec2:DeleteSecurityGroup", GROUPS, Condition={"StringLike": {TAG: "plinth"}}),
        grants("ec2:DeleteSecurityGroup", GROUPS, Condition={"StringEquals": {TAG: "*"}}),
        grants("ec2:DeleteSecurityGroup", "*", Condition={"StringEquals": {TAG: "plinth"}}),
        grants(
            "ec2:DeleteSecurityGroup", f"arn:aws:ec2:*:{ACCOUNT}:x/*", Condition={"StringEquals": {TAG: "p"}}
        ),
        grants(
            "kms:Decrypt",
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*",
            Condition={"StringEquals": {TAG: "plinth"}},
        ),
    ],
    "iam-no-escalation": [
        grants("iam:PassRole", "*"),
        grants("iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/serving"),
        grants("sts:AssumeRole", "*"),
        grants("iam:PutRolePoli*", "arn:aws:iam::1:role/x"),
    ],
    "iam-narrow-trust": [
        trust({"AWS": "*"}),
        trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        put("serving", "assumeRolePolicy", value=policy(UNLOCKED)),
        cut("serving", "assumeRolePolicy"),
    ],
    "iam-trust-conditions": [
        trust({"Federated": "arn:aws:iam::1:oidc-provider/x"}, action="sts:AssumeRoleWithWebIdentity"),
        trust(
            {"Federated": "arn:aws:iam::1:oidc-provider/x"},
            StringEquals={"x:aud": "sts.amazonaws.com"},
            StringLike={"x:sub": "system:serviceaccount:*"},
        ),
        trust({"Service": "backup.amazonaws.com"}),
        trust({"Service": "backup.amazonaws.com"}, StringLike={"aws:SourceAccount": "*"}),
    ],
    "iam-service-sources": [
        put("reviews-dead-policy", "policy", value=policy(FROM_EVENTS)),
        put("data-key", "policy", value=policy(FROM_EVENTS)),
        put(
            "reviews-dead-policy",
            "policy",
            value=policy({**FROM_EVENTS, "Condition": {"StringLike": {"aws:SourceAccount": "*"}}}),
        ),
    ],
    "iam-no-broad-managed-policy": [
        put("nodes-cni", "policyArn", value="arn:aws:iam::aws:policy/AdministratorAccess"),
        put("serving", "managedPolicyArns", value=["arn:aws:iam::aws:policy/AmazonS3FullAccess"]),
    ],
    "iam-no-users": [add(aws("iam:User"), name="someone")],
    "iam-no-static-keys": [add(aws("iam:AccessKey"), user="someone")],
    "eks-node-disks": [
        put("nodes-template", "blockDeviceMappings", 0, "ebs", "encrypted", value="false"),
        cut("nodes-template", "blockDeviceMappings", 0, "ebs", "kmsKeyId"),
        put("nodes-template", "blockDeviceMappings", 0, "ebs", "kmsKeyId", value="alias/aws/ebs"),
        cut("nodes-template", "blockDeviceMappings"),
    ],
    "eks-deletion-protection": [
        put("plinth", "deletionProtection", value=False),
        cut("plinth", "deletionProtection"),
    ],
    "eks-no-public-endpoint": [
        put("plinth", "vpcConfig", "endpointPublicAccess", value=True),
        cut("plinth", "vpcConfig", "endpointPublicAccess"),
    ],
    "eks-private-endpoint": [put("plinth", "vpcConfig", "endpointPrivateAccess", value=False)],
    "eks-supported-version": [put("plinth", "version", value="1.27"), cut("plinth", "version")],
    "eks-secrets-encrypted": [cut("plinth", "encryptionConfig")],
    "eks-logs": [put("plinth", "enabledClusterLogTypes", value=["api"])],
    "eks-api-authentication": [put("plinth", "accessConfig", "authenticationMode", value="CONFIG_MAP")],
    "eks-node-metadata": [
        put("nodes-template", "metadataOptions", "httpTokens", value="optional"),
        put("nodes-template", "metadataOptions", "httpPutResponseHopLimit", value=2),
        cut("nodes-template", "metadataOptions"),
    ],
    "eks-node-template": [
        cut("nodes", "launchTemplate"),
        put("nodes", "launchTemplate", "id", value="lt-other"),
    ],
    "eks-no-node-ssh": [put("nodes", "remoteAccess", value={"ec2SshKey": "mine"})],
    "eks-no-node-key": [put("nodes-template", "keyName", value="mine")],
    "ecr-scan-on-push": [put("serving-images", "imageScanningConfiguration", "scanOnPush", value=False)],
    "ecr-immutable-tags": [put("serving-images", "imageTagMutability", value="MUTABLE")],
    "ecr-lifecycle": [drop("serving-images-lifecycle")],
    "ecr-own-key": [
        put("serving-images", "encryptionConfigurations", value=[{"encryptionType": "AES256"}]),
        cut("serving-images", "encryptionConfigurations"),
    ],
    "ecr-not-public": [
        put("serving-images-policy", "policy", value=PUBLIC),
        add("aws:ecrpublic/repository:Repository", repositoryName="open"),
    ],
    "ecr-no-force-delete": [put("serving-images", "forceDelete", value=True)],
    "ecr-signing-profile": [
        drop("image-signing"),
        put("image-signing", "platformId", value="AWSLambda-SHA384-ECDSA"),
        cut("image-signing", "platformId"),
        put("image-signing", "status", value="Canceled"),
        put("image-signing", "status", value="Revoked"),
    ],
    "ecr-signers-named": [
        put("image-signer", "principal", value="210987654321"),
        put("image-signer", "principal", value="arn:aws:iam::210987654321:root"),
        put("image-signer", "principal", value="arn:aws:iam::210987654321:role/*"),
        put("image-signer", "principal", value="*"),
        cut("image-signer", "principal"),
    ],
    "ecr-signers-only-sign": [
        put("image-signer", "action", value="signer:RevokeSignature"),
        put("image-signer", "action", value="signer:*"),
        cut("image-signer", "action"),
    ],
    "network-default-group": [
        drop("default-group"),
        put("default-group", "ingress", value=[{"protocol": "-1", "self": True}]),
    ],
    "network-flow-logs": [drop("flow-log"), put("flow-log", "trafficType", value="REJECT")],
    "network-no-open-admin-ports": [
        together(OPENED, put("edge-https", "fromPort", value=22)),
        together(OPENED, put("edge-https", "ipProtocol", value="-1")),
        put(
            "edge-group",
            "ingress",
            value=[
                {
                    "protocol": "tcp",
                    "fromPort": 3389,
                    "toPort": 3389,
                    "ipv6CidrBlocks": ["::/0"],
                    "description": "x",
                }
            ],
        ),
        put(
            "edge-group",
            "ingress",
            value=[{"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["128.0.0.0/1"]}],
        ),
    ],
    "network-no-open-risky-ports": [together(OPENED, put("edge-https", "toPort", value=5432))],
    "network-only-allowed-ports": [
        OPENED,
        put("edge-https", "cidrIpv4", value="::/0"),
    ],
    "network-no-public-addresses": [
        put("private-a", "mapPublicIpOnLaunch", value=True),
        cut("private-a", "mapPublicIpOnLaunch"),
    ],
    "network-no-public-machines": [
        put("nodes-template", "networkInterfaces", 0, "associatePublicIpAddress", value="true")
    ],
    "network-described-rules": [
        cut("edge-https", "description"),
        put("edge-group", "description", value="Managed by Pulumi"),
    ],
    "network-endpoints": [drop("endpoint-kms"), drop("endpoint-s3")],
    "network-endpoint-names": [put("endpoint-kms", "privateDnsEnabled", value=False)],
    "messaging-queue-own-key": [put("reviews", "kmsMasterKeyId", value="alias/aws/sqs")],
    "messaging-topic-own-key": [cut("alarms", "kmsMasterKeyId")],
    "messaging-no-public-policy": [
        put("reviews", "policy", value=PUBLIC),
        put("alarms-policy", "policy", value=PUBLIC),
    ],
    "messaging-tls-only": [drop("alarms-policy"), cut("reviews", "policy"), drop("reviews-dead-policy")],
    "messaging-dead-letters": [
        cut("reviews", "redrivePolicy"),
        put("reviews", "redrivePolicy", value="not JSON"),
        put("reviews", "redrivePolicy", value=json.dumps({"deadLetterTargetArn": QUEUE})),
    ],
    "audit-trail": [drop("trail-of-all")],
    "audit-multi-region": [put("trail-of-all", "isMultiRegionTrail", value=False)],
    "audit-global-events": [put("trail-of-all", "includeGlobalServiceEvents", value=False)],
    "audit-enabled": [put("trail-of-all", "enableLogging", value=False)],
    "audit-validated": [cut("trail-of-all", "enableLogFileValidation")],
    "audit-own-key": [cut("trail-of-all", "kmsKeyId")],
    "audit-to-logs": [cut("trail-of-all", "cloudWatchLogsGroupArn")],
    "audit-private-bucket": [drop("trail-block"), put("trail-of-all", "s3BucketName", value="elsewhere")],
    "audit-logged-bucket": [drop("trail-logging")],
    "audit-data-events": [
        cut("trail-of-all", "eventSelectors"),
        put("trail-of-all", "eventSelectors", 0, "readWriteType", value="WriteOnly"),
        put("trail-of-all", "eventSelectors", 0, "dataResources", 0, "values", value=["arn:aws:s3:::trail/"]),
    ],
    "audit-log-retention": [
        put("trail-logs", "retentionInDays", value=0),
        cut("trail-logs", "retentionInDays"),
    ],
    "audit-log-own-key": [cut("trail-logs", "kmsKeyId")],
    "secrets-own-key": [put("token", "kmsKeyId", value="alias/aws/secretsmanager")],
    "secrets-rotation": [
        drop("token-rotation"),
        put("token-rotation", "rotationRules", "automaticallyAfterDays", value=365),
    ],
    "secrets-no-public-policy": [put("token-policy", "policy", value=PUBLIC)],
    "secrets-no-plain-environment": [
        main("env", value=[{"name": "DB_PASSWORD", "value": "hunter22"}]),
        main("env", value=[{"name": "LEVEL", "value": "AKIAIOSFODNN7EXAMPLE"}]),
        main("env", value=[{"name": "DATABASE_URL", "value": "postgresql://app:hunter22@db/x"}]),
        main("args", value=["--key", "-----BEGIN RSA PRIVATE KEY-----"]),
    ],
    "secrets-no-config-map": [
        put("settings", "data", value={"api-key": "abcdef"}),
        put("settings", "data", value={"app.properties": "level=info\npassword=hunter22\n"}),
    ],
    "secrets-parameters": [
        put("setting", "type", value="String"),
        cut("setting", "keyId"),
    ],
    "edge-https-only": [
        put("edge", "spec", "listeners", 0, "protocol", value="HTTP"),
        cut("edge", "spec", "listeners", 0, "tls"),
        drop("redirect"),
    ],
    "edge-tls-minimum": [
        drop("clients-policy"),
        put("clients-policy", "spec", "tls", "minVersion", value="1.1"),
        cut("clients-policy", "spec", "tls"),
    ],
    "edge-known-gateway": [put("api", "spec", "parentRefs", 0, "name", value="another")],
    "edge-authentication": [
        drop("callers-policy"),
        put("callers-policy", "spec", "jwt", "optional", value=True),
        put("callers-policy", "spec", "targetRefs", 0, "name", value="another"),
        cut("callers-policy", "spec", "jwt"),
    ],
    "edge-rate-limit": [drop("rates-policy"), cut("rates-policy", "spec", "rateLimit")],
    "edge-no-direct-service": [
        put("serving-service", "spec", "type", value="LoadBalancer"),
        put("serving-service", "spec", "externalIPs", value=["203.0.113.1"]),
    ],
    "edge-no-way-round": [add("kubernetes:networking.k8s.io/v1:Ingress", metadata={"name": "x"})],
    "edge-waf": [drop("front-firewall")],
    "edge-listener-tls": [
        put("front-https", "sslPolicy", value="ELBSecurityPolicy-2016-08"),
        put("front-https", "protocol", value="HTTP"),
    ],
    "edge-threat-protection": [put("callers", "userPoolAddOns", "advancedSecurityMode", value="AUDIT")],
    "edge-invited-users": [put("callers", "adminCreateUserConfig", "allowAdminCreateUserOnly", value=False)],
    "edge-no-guests": [put("browsers", "allowUnauthenticatedIdentities", value=True)],
    "backup-own-key": [cut("vault", "kmsKeyArn")],
    "backup-vault-lock": [
        drop("vault-lock"),
        put("vault-lock", "minRetentionDays", value=1),
        cut("vault-lock", "changeableForDays"),
        put("vault-lock", "changeableForDays", value=3650),
    ],
    "backup-no-force-destroy": [put("vault", "forceDestroy", value=True)],
    "backup-covers-stores": [
        put("stores", "resources", value=[f"arn:aws:rds:{REGION}:{ACCOUNT}:db:registry"])
    ],
    "backup-kept": [put("daily", "rules", 0, "lifecycle", "deleteAfter", value=7), cut("daily", "rules")],
    "backup-scheduled": [cut("daily", "rules", 0, "schedule")],
    "backup-copied": [
        cut("daily", "rules", 0, "copyActions"),
        put(
            "daily",
            "rules",
            0,
            "copyActions",
            value=[{"destinationVaultArn": f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:copy"}],
        ),
    ],
    "backup-restore-testing": [
        drop("drill"),
        drop("drill-tables"),
        cut("drill-rds", "restoreMetadataOverrides"),
        cut("drill-rds", "restoreMetadataOverrides", "dbSubnetGroupName"),
        cut("drill-rds", "restoreMetadataOverrides", "vpcSecurityGroupIds"),
        put("drill-rds", "restoreMetadataOverrides", "vpcSecurityGroupIds", value="[]"),
        put("drill-rds", "restoreMetadataOverrides", "vpcSecurityGroupIds", value="sg-0a1b2c3d"),
    ],
    "kubernetes-non-root": [
        pod("securityContext", "runAsNonRoot", value=False),
        security("runAsNonRoot", value=False),
        put("drift-job", "spec", "jobTemplate", "spec", "template", "spec", "securityContext", value={}),
    ],
    "kubernetes-run-as-user": [security("runAsUser", value=0), pod("securityContext", "runAsUser", value=0)],
    "kubernetes-no-privileged": [
        security("privileged", value=True),
        put("proxy", *ENVOY, "container", "securityContext", "privileged", value=True),
    ],
    "kubernetes-no-escalation": [
        security("allowPrivilegeEscalation", value=True),
        put(
            "training-job",
            *POD,
            "initContainers",
            value=[{"name": "prepare", "image": "x"}],
        ),
    ],
    "kubernetes-drop-all": [security("capabilities", "drop", value=["NET_RAW"])],
    "kubernetes-no-capabilities": [security("capabilities", "add", value=["SYS_ADMIN"])],
    "kubernetes-seccomp": [
        pod("securityContext", "seccompProfile", "type", value="Unconfined"),
        security("seccompProfile", value={"type": "Unconfined"}),
    ],
    "kubernetes-no-host-namespaces": [
        pod("hostNetwork", value=True),
        pod("hostPID", value=True),
        pod("hostIPC", value=True),
    ],
    "kubernetes-no-host-ports": [main("ports", 0, "hostPort", value=8080)],
    "kubernetes-no-host-probes": [main("livenessProbe", "httpGet", "host", value="169.254.169.254")],
    "kubernetes-no-host-paths": [
        pod("volumes", value=[{"name": "node", "hostPath": {"path": "/"}}]),
        pod("volumes", value=[{"name": "nothing"}]),
    ],
    "kubernetes-proc-mount": [security("procMount", value="Unmasked")],
    "kubernetes-selinux": [pod("securityContext", "seLinuxOptions", value={"type": "spc_t"})],
    "kubernetes-selinux-user": [security("seLinuxOptions", value={"user": "root"})],
    "kubernetes-apparmor": [security("appArmorProfile", value={"type": "Unconfined"})],
    "kubernetes-sysctls": [
        pod("securityContext", "sysctls", value=[{"name": "kernel.msgmax", "value": "1"}])
    ],
    "kubernetes-no-host-process": [security("windowsOptions", value={"hostProcess": True})],
    "kubernetes-read-only-root": [security("readOnlyRootFilesystem", value=False)],
    "kubernetes-no-token": [pod("automountServiceAccountToken", value=True)],
    "kubernetes-cpu-request": [main("resources", "requests", value={"memory": "1Gi"})],
    "kubernetes-memory-request": [main("resources", "requests", value={"cpu": "1"})],
    "kubernetes-memory-limit": [
        main("resources", "limits", value={}),
        main("resources", "limits", "memory", value="0"),
    ],
    "kubernetes-liveness": [main("livenessProbe", value={})],
    "kubernetes-readiness": [main("readinessProbe", value=REMOVED)],
    "kubernetes-image-digest": [
        put("proxy", *ENVOY, "container", "image", value="envoyproxy/envoy:v1.38"),
        main("image", value="registry.internal/serving:1.0"),
        put("envoy-gateway/controller", *MAIN, "image", value="envoy@sha256:abc"),
    ],
    "kubernetes-no-latest": [
        main("image", value="serving:latest"),
        main("image", value="registry:5000/serving"),
    ],
    "eks-named-access": [
        put("administrators", "principalArn", value=f"arn:aws:iam::{ACCOUNT}:role/*"),
        put("administrators", "principalArn", value=f"arn:aws:iam::{ACCOUNT}:user/someone"),
        put("administrators", "kubernetesGroups", 0, value="system:masters"),
        cut("administrators", "principalArn"),
    ],
    "backup-no-public-policy": [put("vault-policy", "policy", value=PUBLIC)],
    "network-endpoint-policy": [
        put("endpoint-s3", "policy", value=PUBLIC),
        cut("endpoint-dynamodb", "policy"),
        passing("sts", WEB_IDENTITY, "*"),
        passing("sts", WEB_IDENTITY, "*", Condition={"StringLike": {"aws:ResourceAccount": "*"}}),
        passing(
            "sts", WEB_IDENTITY, "*", Condition={"StringEqualsIfExists": {"aws:ResourceAccount": ACCOUNT}}
        ),
        passing("sts", WEB_IDENTITY, "*", Condition={"StringNotEquals": {"aws:ResourceAccount": ACCOUNT}}),
        # Layers of images are read, in the endpoint's own Region, and nothing else is done.
        passing("s3", ["s3:GetObject", "s3:PutObject"], f"{LAYERS}/*"),
        passing("s3", "s3:*", f"{LAYERS}/*"),
        passing("s3", "s3:GetObject", "*"),
        passing("s3", "s3:GetObject", [f"{LAYERS}/*", "arn:aws:s3:::theirs/*"]),
        passing("s3", "s3:GetObject", "arn:aws:s3:::prod-*-starport-layer-bucket/*"),
        passing("s3", "s3:GetObject", "arn:aws:s3:::prod-mine-starport-layer-bucket/*"),
        passing("dynamodb", "s3:GetObject", f"{LAYERS}/*"),
        put("endpoint-s3", "policy", value=policy({**ANYTHING, "NotAction": "s3:PutObject"})),
        put(
            "endpoint-s3",
            "policy",
            value=policy({**ANYTHING, "Action": "s3:GetObject", "NotResource": f"{LAYERS}/*"}),
        ),
    ],
    "kubernetes-network-policy": [
        drop("workloads"),
        put("workloads", "metadata", "namespace", value="another"),
        put("workloads", "spec", "podSelector", value={"matchLabels": {"app": "another"}}),
        drop("proxies"),
    ],
    "kubernetes-default-deny": [
        drop("deny-all"),
        put("serving-deployment", "metadata", "namespace", value="another"),
        put("deny-all", "spec", "policyTypes", value=["Ingress"]),
        put("deny-all", "spec", "egress", value=[{"to": []}]),
    ],
    "kubernetes-policy-peers": [
        cut("workloads", "spec", "ingress", 0, "from"),
        put("workloads", "spec", "ingress", 0, "from", value=[{"ipBlock": {"cidr": "0.0.0.0/0"}}]),
        put("workloads", "spec", "ingress", 0, "from", value=[{}]),
        put("workloads", "spec", "egress", value=[{}]),
    ],
    "kubernetes-policy-directions": [put("workloads", "spec", "policyTypes", value=["Ingress"])],
    "kubernetes-namespace-restricted": [
        put("namespace", "metadata", "labels", "pod-security.kubernetes.io/enforce", value="baseline"),
        cut("namespace", "metadata", "labels"),
    ],
    "kubernetes-disruption-budget": [
        drop("serving-budget"),
        put("serving-budget", "spec", "selector", value={"matchLabels": {"app": "another"}}),
        cut("proxy", *ENVOY[:-1], "envoyPDB"),
    ],
    "kubernetes-spread": [
        pod("topologySpreadConstraints", value=[]),
        cut("proxy", *ENVOY, "pod", "topologySpreadConstraints"),
        together(
            put("proxy", *ENVOY, "replicas", value=1),
            put("proxy", *ENVOY[:-1], "envoyHpa", "minReplicas", value=2),
            cut("proxy", *ENVOY, "pod", "topologySpreadConstraints"),
        ),
    ],
    "kubernetes-no-wildcard-rights": [
        put("reader", "rules", 0, "verbs", value=["*"]),
        add(f"{RBAC}:ClusterRole", rules=[{"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"]}]),
    ],
    "kubernetes-no-rights-to-rights": [put("reader", "rules", 0, "verbs", value=["bind"])],
    "kubernetes-no-almighty-binding": [
        put("reader-binding", "roleRef", "name", value="cluster-admin"),
        put("reader-binding", "subjects", 0, "name", value="system:unauthenticated"),
    ],
    "kubernetes-no-patches": [add("kubernetes:apps/v1:DeploymentPatch", metadata={"name": "serving"})],
    "kubernetes-charts-rendered": [
        drop("envoy-gateway/controller"),
        together(drop("envoy-gateway/controller"), put("envoy-gateway", "__recordedOnly", value=True)),
    ],
    "kubernetes-charts-pinned": [
        put("envoy-gateway", "version", value="~1.8"),
        cut("envoy-gateway", "version"),
    ],
    "kubernetes-proxy-patch": [
        put(
            "proxy", *ENVOY, "patch", value={"value": {"spec": {"template": {"spec": {"hostNetwork": True}}}}}
        ),
        put(
            "proxy",
            *ENVOY,
            "patch",
            value={
                "value": {
                    "spec": {"template": {"spec": {"containers": [{"name": "envoy", "securityContext": {}}]}}}
                }
            },
        ),
    ],
    "governance-tags": [
        cut("raw", "tags", "owner"),
        put("data-key", "tags", "cost-centre", value=" "),
        cut("nodes-template", "tagSpecifications", 1, "tags", "owner"),
    ],
    "governance-data-class": [put("raw", "tags", "data-classification", value="secret-ish")],
    "governance-protected": [
        option("raw", protect=False),
        option("data-key", protect=False),
        option("image-signing", protect=False),
    ],
    "governance-retained": [option("predictions", retain=False), option("raw-block", retain=False)],
    "governance-region": [
        put("default", "region", value="us-east-1"),
        put("predictions", "arn", value=f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/predictions"),
    ],
    "governance-release": [
        main("env", 1, "value", value=""),
        main("env", 2, "value", value=SHA256[:10]),
    ],
    "governance-release-file": [
        put("prod", "version", value="v2"),
        cut("prod", "artifact_sha256"),
        drop("prod"),
    ],
    "governance-model-card": [put("prod", "model_card", "characters", value=0), cut("prod", "model_card")],
}
