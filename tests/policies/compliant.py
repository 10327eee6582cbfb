"""One environment in which every rule has something to judge and nothing to find."""

from __future__ import annotations

import json
from typing import Any

REGION = "eu-central-1"
ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/2f6c9a1e-0000-4000-8000-000000000001"
LAYERS = f"arn:aws:s3:::prod-{REGION}-starport-layer-bucket"
"""Where ECR keeps the layers of images."""
DIGEST = "sha256:" + "ab" * 32
SHA256 = "cd" * 32
IMAGE = f"registry.internal/serving@{DIGEST}"
TAGS = {
    "owner": "ml-platform",
    "data-classification": "restricted",
    "cost-centre": "4711",
    "environment": "prod",
}
INTERNAL = {**TAGS, "data-classification": "internal"}

Properties = dict[str, Any]


KEPT = (
    "aws:s3/bucket",
    "aws:backup/vault:",
    "aws:backup/vaultLock",
    "aws:cloudwatch/logGroup:",
    "aws:ecr/repository:",
    "aws:signer/",
)
"""Types whose resources stay when they leave the program."""


def entry(token: str, name: str, outputs: Properties, **fields: Any) -> Properties:
    """A resource as `pulumi stack export` writes it."""
    urn = f"urn:pulumi:prod::plinth::{token}::{name}"
    kept = {"retainOnDelete": token.startswith(KEPT)}
    return {"urn": urn, "type": token, "id": name, "inputs": {}, "outputs": outputs, **kept, **fields}


def policy(*statements: Properties) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def deny_plain(action: str, *resources: str) -> Properties:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def deny_old(version: str, name: str) -> Properties:
    """Refusal of TLS before a version on a bucket."""
    arn = f"arn:aws:s3:::{name}"
    plain = deny_plain("s3:*", arn, f"{arn}/*")
    return {**plain, "Condition": {"NumericLessThan": {"s3:TlsVersion": version}}}


def bucket(name: str, *, lock: bool = False, logs: bool = False, copied: bool = False) -> list[Properties]:
    """A bucket and everything that makes it safe."""
    arn = f"arn:aws:s3:::{name}"
    default = {"sseAlgorithm": "AES256"} if logs else {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
    tags = TAGS if copied else INTERNAL
    s3 = "aws:s3"
    parts = [
        entry(
            f"{s3}/bucket:Bucket",
            name,
            {"bucket": name, "arn": arn, "tags": tags, "objectLockEnabled": lock, "forceDestroy": False},
            protect=True,
            retainOnDelete=True,
        ),
        entry(
            f"{s3}/bucketPublicAccessBlock:BucketPublicAccessBlock",
            f"{name}-block",
            {
                "bucket": name,
                "blockPublicAcls": True,
                "blockPublicPolicy": True,
                "ignorePublicAcls": True,
                "restrictPublicBuckets": True,
            },
        ),
        entry(
            f"{s3}/bucketOwnershipControls:BucketOwnershipControls",
            f"{name}-ownership",
            {"bucket": name, "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        ),
        entry(
            f"{s3}/bucketPolicy:BucketPolicy",
            f"{name}-policy",
            {"bucket": name, "policy": policy(deny_plain("s3:*", arn, f"{arn}/*"), deny_old("1.2", name))},
        ),
        entry(
            f"{s3}/bucketVersioning:BucketVersioning",
            f"{name}-versioning",
            {"bucket": name, "versioningConfiguration": {"status": "Enabled"}},
        ),
        entry(
            f"{s3}/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            f"{name}-encryption",
            {
                "bucket": name,
                "rules": [{"applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": not logs}],
            },
        ),
        entry(
            f"{s3}/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            f"{name}-lifecycle",
            {
                "bucket": name,
                "rules": [
                    {
                        "status": "Enabled",
                        "noncurrentVersionExpiration": {"noncurrentDays": 90},
                        **({"expiration": {"days": 400}} if logs else {}),
                        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
                    }
                ],
            },
        ),
    ]
    if not logs:
        parts.append(
            entry(
                f"{s3}/bucketLogging:BucketLogging",
                f"{name}-logging",
                {"bucket": name, "targetBucket": "access-logs", "targetPrefix": f"{name}/"},
            )
        )
    if lock:
        parts.append(
            entry(
                f"{s3}/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
                f"{name}-lock",
                {
                    "bucket": name,
                    "objectLockEnabled": "Enabled",
                    "rule": {"defaultRetention": {"mode": "COMPLIANCE", "days": 400}},
                },
            )
        )
    if copied:
        parts.append(
            entry(
                f"{s3}/bucketReplicationConfig:BucketReplicationConfig",
                f"{name}-replication",
                {
                    "bucket": name,
                    "rules": [
                        {
                            "status": "Enabled",
                            "filter": {"prefix": ""},
                            "sourceSelectionCriteria": {"sseKmsEncryptedObjects": {"status": "Enabled"}},
                            "destination": {
                                "bucket": "arn:aws:s3:::elsewhere",
                                "encryptionConfiguration": {"replicaKmsKeyId": KEY},
                            },
                        }
                    ],
                },
            )
        )
    return parts


def stores() -> list[Properties]:
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    key_policy = policy(
        {"Effect": "Allow", "Principal": root, "Action": "kms:Describe*", "Resource": "*"},
        {
            "Effect": "Allow",
            "Principal": root,
            "Action": "kms:CreateGrant",
            "Resource": "*",
            "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
        {
            "Effect": "Allow",
            "Principal": root,
            "Action": "kms:CreateGrant",
            "Resource": "*",
            "Condition": {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/deploy"}},
        },
    )
    kept = {"protect": True, "retainOnDelete": True}
    key = {
        "arn": KEY,
        "enableKeyRotation": True,
        "isEnabled": True,
        "deletionWindowInDays": 30,
        "policy": key_policy,
        "tags": TAGS,
    }
    return [
        *bucket("raw", copied=True),
        *bucket("trail", lock=True),
        *bucket("access-logs", logs=True),
        entry(
            "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
            "account",
            {
                "blockPublicAcls": True,
                "blockPublicPolicy": True,
                "ignorePublicAcls": True,
                "restrictPublicBuckets": True,
            },
        ),
        entry("aws:s3/bucketObjectv2:BucketObjectv2", "dataset", {"bucket": "raw", "key": "datasets/a.csv"}),
        entry("aws:kms/key:Key", "data-key", key, **kept),
        entry(
            "aws:kms/replicaKey:ReplicaKey",
            "data-key-copy",
            {"deletionWindowInDays": 30, "policy": key_policy, "tags": TAGS},
        ),
        entry(
            "aws:dynamodb/table:Table",
            "predictions",
            {
                "name": "predictions",
                "arn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/predictions",
                "billingMode": "PAY_PER_REQUEST",
                "deletionProtectionEnabled": True,
                "pointInTimeRecovery": {"enabled": True},
                "serverSideEncryption": {"enabled": True, "kmsKeyArn": KEY},
                "tags": TAGS,
            },
            **kept,
        ),
        entry(
            "aws:dynamodb/tableReplica:TableReplica",
            "predictions-copy",
            {"kmsKeyArn": KEY, "tags": TAGS},
        ),
        entry(
            "aws:rds/instance:Instance",
            "registry",
            {
                "identifier": "registry",
                "arn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:registry",
                "storageEncrypted": True,
                "kmsKeyId": KEY,
                "publiclyAccessible": False,
                "deletionProtection": True,
                "backupRetentionPeriod": 14,
                "multiAz": True,
                "parameterGroupName": "tls",
                "iamDatabaseAuthenticationEnabled": True,
                "manageMasterUserPassword": True,
                "masterUserSecretKmsKeyId": KEY,
                "performanceInsightsEnabled": True,
                "performanceInsightsKmsKeyId": KEY,
                "skipFinalSnapshot": False,
                "tags": TAGS,
            },
            **kept,
        ),
        entry(
            "aws:rds/parameterGroup:ParameterGroup",
            "tls",
            {"name": "tls", "parameters": [{"name": "rds.force_ssl", "value": "1"}], "tags": INTERNAL},
        ),
        entry(
            "aws:secretsmanager/secret:Secret",
            "token",
            {
                "arn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:token-abc",
                "kmsKeyId": KEY,
                "tags": TAGS,
            },
        ),
        entry(
            "aws:secretsmanager/secretRotation:SecretRotation",
            "token-rotation",
            {"secretId": "token", "rotationRules": {"automaticallyAfterDays": 30}},
        ),
        entry(
            "aws:secretsmanager/secretPolicy:SecretPolicy",
            "token-policy",
            {
                "secretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:token-abc",
                "policy": policy(
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/serving"},
                        "Action": "secretsmanager:GetSecretValue",
                        "Resource": "*",
                    }
                ),
            },
        ),
        entry(
            "aws:ssm/parameter:Parameter",
            "setting",
            {"name": "/plinth/api-token", "type": "SecureString", "keyId": KEY, "tags": INTERNAL},
        ),
    ]


def identities() -> list[Properties]:
    issuer = "oidc.eks.eu-central-1.amazonaws.com/id/ABC"
    trust = policy(
        {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{issuer}:sub": "system:serviceaccount:plinth:serving",
                    f"{issuer}:aud": "sts.amazonaws.com",
                }
            },
        }
    )
    grants = policy(
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::raw/models/*"]},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY},
        {"Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*"},
    )
    return [
        entry(
            "aws:iam/role:Role", "serving", {"name": "serving", "assumeRolePolicy": trust, "tags": INTERNAL}
        ),
        entry("aws:iam/rolePolicy:RolePolicy", "serving-grants", {"role": "serving", "policy": grants}),
        entry(
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            "nodes-cni",
            {"role": "serving", "policyArn": "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"},
        ),
    ]


def cluster() -> list[Properties]:
    return [
        entry(
            "aws:eks/cluster:Cluster",
            "plinth",
            {
                "name": "plinth",
                "version": "1.35",
                "vpcConfig": {"endpointPublicAccess": False, "endpointPrivateAccess": True},
                "encryptionConfig": {"resources": ["secrets"], "provider": {"keyArn": KEY}},
                "enabledClusterLogTypes": ["api", "audit", "authenticator", "controllerManager", "scheduler"],
                "accessConfig": {"authenticationMode": "API"},
                "deletionProtection": True,
                "tags": INTERNAL,
            },
        ),
        entry(
            "aws:ec2/launchTemplate:LaunchTemplate",
            "nodes-template",
            {
                "name": "nodes",
                "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
                "networkInterfaces": [{"associatePublicIpAddress": "false"}],
                "blockDeviceMappings": [
                    {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "kmsKeyId": KEY}}
                ],
                "tagSpecifications": [
                    {"resourceType": kind, "tags": INTERNAL} for kind in ("instance", "volume")
                ],
                "tags": INTERNAL,
            },
        ),
        entry(
            "aws:eks/accessEntry:AccessEntry",
            "administrators",
            {
                "principalArn": f"arn:aws:iam::{ACCOUNT}:role/administrators",
                "kubernetesGroups": ["platform"],
                "tags": INTERNAL,
            },
        ),
        entry(
            "aws:eks/nodeGroup:NodeGroup",
            "nodes",
            {"clusterName": "plinth", "launchTemplate": {"id": "nodes-template"}, "tags": INTERNAL},
        ),
        entry(
            "aws:ecr/repository:Repository",
            "serving-images",
            {
                "name": "serving-images",
                "imageScanningConfiguration": {"scanOnPush": True},
                "imageTagMutability": "IMMUTABLE",
                "encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": KEY}],
                "forceDelete": False,
                "tags": INTERNAL,
            },
            protect=True,
        ),
        entry(
            "aws:ecr/lifecyclePolicy:LifecyclePolicy",
            "serving-images-lifecycle",
            {"repository": "serving-images", "policy": '{"rules": []}'},
        ),
        entry(
            "aws:ecr/repositoryPolicy:RepositoryPolicy",
            "serving-images-policy",
            {
                "repository": "serving-images",
                "policy": policy(
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/nodes"},
                        "Action": "ecr:BatchGetImage",
                    }
                ),
            },
        ),
        entry(
            "aws:signer/signingProfile:SigningProfile",
            "image-signing",
            {
                "name": "images_1",
                "platformId": "Notation-OCI-SHA384-ECDSA",
                "signatureValidityPeriod": {"type": "MONTHS", "value": 135},
                "status": "Active",
                "tags": INTERNAL,
            },
            protect=True,
        ),
        entry(
            "aws:signer/signingProfilePermission:SigningProfilePermission",
            "image-signer",
            {
                "profileName": "images_1",
                "action": "signer:SignPayload",
                "principal": "arn:aws:iam::210987654321:role/release",
                "statementId": "sign-release",
            },
        ),
    ]


def network() -> list[Properties]:
    services = ("ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "sqs", "sts")
    ours = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    everybody = {"Effect": "Allow", "Principal": "*", "Resource": "*"}
    own = {**everybody, "Action": "*", "Condition": ours}
    unsigned = {
        "sts": {
            **everybody,
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {"aws:ResourceAccount": ACCOUNT}},
        },
        "s3": {**everybody, "Action": "s3:GetObject", "Resource": f"{LAYERS}/*"},
    }
    policies = {service: policy(own, statement) for service, statement in unsigned.items()}
    common = {"vpcId": "vpc", "policy": policy(own), "tags": INTERNAL}
    interface = {**common, "vpcEndpointType": "Interface", "privateDnsEnabled": True}
    gateway = {**common, "vpcEndpointType": "Gateway"}
    endpoints = [
        entry(
            "aws:ec2/vpcEndpoint:VpcEndpoint",
            f"endpoint-{service}",
            {
                **interface,
                "serviceName": f"com.amazonaws.{REGION}.{service}",
                "policy": policies.get(service, common["policy"]),
            },
        )
        for service in services
    ]
    endpoints += [
        entry(
            "aws:ec2/vpcEndpoint:VpcEndpoint",
            f"endpoint-{service}",
            {
                **gateway,
                "serviceName": f"com.amazonaws.{REGION}.{service}",
                "policy": policies.get(service, common["policy"]),
            },
        )
        for service in ("s3", "dynamodb")
    ]
    rule = {"securityGroupId": "edge-group", "ipProtocol": "tcp", "tags": INTERNAL}
    return [
        entry("aws:ec2/vpc:Vpc", "vpc", {"cidrBlock": "10.0.0.0/16", "tags": INTERNAL}),
        entry(
            "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
            "default-group",
            {"vpcId": "vpc", "ingress": [], "egress": [], "tags": INTERNAL},
        ),
        entry(
            "aws:ec2/flowLog:FlowLog", "flow-log", {"vpcId": "vpc", "trafficType": "ALL", "tags": INTERNAL}
        ),
        entry(
            "aws:ec2/subnet:Subnet",
            "private-a",
            {"vpcId": "vpc", "mapPublicIpOnLaunch": False, "tags": INTERNAL},
        ),
        entry(
            "aws:ec2/securityGroup:SecurityGroup",
            "edge-group",
            {"vpcId": "vpc", "description": "the load balancer of the edge", "ingress": [], "tags": INTERNAL},
        ),
        entry(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "edge-https",
            {**rule, "cidrIpv4": "10.0.0.0/8", "fromPort": 443, "toPort": 443, "description": "callers"},
        ),
        *endpoints,
        entry(
            "aws:lb/loadBalancer:LoadBalancer",
            "front",
            {
                "arn": "front-arn",
                "loadBalancerType": "application",
                "internal": False,
                "tags": INTERNAL,
            },
        ),
        entry(
            "aws:wafv2/webAclAssociation:WebAclAssociation", "front-firewall", {"resourceArn": "front-arn"}
        ),
        entry(
            "aws:lb/listener:Listener",
            "front-https",
            {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06", "tags": INTERNAL},
        ),
        entry(
            "aws:cognito/userPool:UserPool",
            "callers",
            {
                "userPoolAddOns": {"advancedSecurityMode": "ENFORCED"},
                "adminCreateUserConfig": {"allowAdminCreateUserOnly": True},
                "tags": INTERNAL,
            },
            protect=True,
            retainOnDelete=True,
        ),
        entry(
            "aws:cognito/identityPool:IdentityPool",
            "browsers",
            {"allowUnauthenticatedIdentities": False, "tags": INTERNAL},
        ),
    ]


def operations() -> list[Properties]:
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:reviews"
    dead = f"{queue}-dead"
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 5})
    own = {"kmsMasterKeyId": KEY, "tags": INTERNAL}
    return [
        entry(
            "aws:sqs/queue:Queue",
            "reviews",
            {
                **own,
                "arn": queue,
                "url": "https://reviews",
                "policy": policy(deny_plain("sqs:*", queue)),
                "redrivePolicy": redrive,
            },
        ),
        entry("aws:sqs/queue:Queue", "reviews-dead", {**own, "arn": dead, "url": "https://dead"}),
        entry(
            "aws:sqs/queuePolicy:QueuePolicy",
            "reviews-dead-policy",
            {"queueUrl": "https://dead", "policy": policy(deny_plain("sqs:*", dead))},
        ),
        entry("aws:sns/topic:Topic", "alarms", {**own, "arn": topic}),
        entry(
            "aws:sns/topicPolicy:TopicPolicy",
            "alarms-policy",
            {"arn": topic, "policy": policy(deny_plain("sns:Publish", topic))},
        ),
        entry(
            "aws:cloudtrail/trail:Trail",
            "trail-of-all",
            {
                "isMultiRegionTrail": True,
                "includeGlobalServiceEvents": True,
                "enableLogging": True,
                "enableLogFileValidation": True,
                "kmsKeyId": KEY,
                "cloudWatchLogsGroupArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:trail:*",
                "s3BucketName": "trail",
                "eventSelectors": [
                    {
                        "readWriteType": "All",
                        "dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3"]}],
                    }
                ],
                "tags": INTERNAL,
            },
        ),
        entry(
            "aws:cloudwatch/logGroup:LogGroup",
            "trail-logs",
            {"retentionInDays": 400, "kmsKeyId": KEY, "tags": INTERNAL},
            protect=True,
        ),
        entry(
            "aws:backup/vaultPolicy:VaultPolicy",
            "vault-policy",
            {
                "backupVaultName": "vault",
                "policy": policy(
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "backup:DeleteRecoveryPoint",
                        "Resource": "*",
                    }
                ),
            },
        ),
        entry(
            "aws:backup/vault:Vault",
            "vault",
            {
                "name": "vault",
                "arn": f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:vault",
                "kmsKeyArn": KEY,
                "forceDestroy": False,
                "tags": TAGS,
            },
            protect=True,
            retainOnDelete=True,
        ),
        entry(
            "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
            "vault-lock",
            {"backupVaultName": "vault", "minRetentionDays": 35, "changeableForDays": 3},
        ),
        entry(
            "aws:backup/plan:Plan",
            "daily",
            {
                "arn": f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-plan:daily",
                "rules": [
                    {
                        "schedule": "cron(0 3 * * ? *)",
                        "lifecycle": {"deleteAfter": 35},
                        "copyActions": [
                            {"destinationVaultArn": f"arn:aws:backup:eu-west-1:{ACCOUNT}:backup-vault:copy"}
                        ],
                    }
                ],
                "tags": TAGS,
            },
        ),
        entry(
            "aws:backup/selection:Selection",
            "stores",
            {
                "planId": "daily",
                "resources": [
                    "arn:aws:s3:::raw",
                    f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/predictions",
                    f"arn:aws:rds:{REGION}:{ACCOUNT}:db:registry",
                ],
            },
        ),
        entry(
            "aws:backup/restoreTestingPlan:RestoreTestingPlan",
            "drill",
            {"name": "drill", "scheduleExpression": "cron(0 5 ? * SUN *)", "tags": INTERNAL},
        ),
        entry(
            "aws:backup/restoreTestingSelection:RestoreTestingSelection",
            "drill-tables",
            {"restoreTestingPlanName": "drill", "protectedResourceType": "DynamoDB"},
        ),
        entry(
            "aws:backup/restoreTestingSelection:RestoreTestingSelection",
            "drill-s3",
            {"restoreTestingPlanName": "drill", "protectedResourceType": "S3"},
        ),
        entry(
            "aws:backup/restoreTestingSelection:RestoreTestingSelection",
            "drill-rds",
            {
                "restoreTestingPlanName": "drill",
                "protectedResourceType": "RDS",
                "restoreMetadataOverrides": {
                    "dbSubnetGroupName": "registry",
                    "vpcSecurityGroupIds": '["sg-0a1b2c3d"]',
                },
            },
        ),
    ]


def state() -> Properties:
    """The whole environment, as an export."""
    from tests.policies.compliant_kubernetes import workloads  # noqa: PLC0415 - the two halves share constants

    root = {"urn": "urn:pulumi:prod::plinth::pulumi:pulumi:Stack::plinth-prod", "type": "pulumi:pulumi:Stack"}
    provider = entry("pulumi:providers:aws", "default", {"region": REGION})
    resources = [
        root,
        provider,
        *stores(),
        *identities(),
        *cluster(),
        *network(),
        *operations(),
        *workloads(),
    ]
    return {"version": 3, "deployment": {"resources": resources}}
