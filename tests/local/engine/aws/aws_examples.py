"""One compliant example of each realised type, with a change that updates it and one that replaces it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_driver import Engine

ACCOUNT = "123456789012"
Needs = Callable[["Engine"], Mapping[str, Any]]


@dataclass(frozen=True)
class Example:
    """How one type is driven through its life.

    Attributes:
        token: the type.
        inputs: what it is made with.
        update: inputs that change it in place; empty if nothing can.
        replace: inputs that need a new one; empty if nothing does.
        needs: makes what it stands on; the result is formatted into `{name}` texts of the inputs.
        import_ignores: inputs that can't be read back, and so differ after an import.
    """

    token: str
    inputs: Mapping[str, Any]
    update: Mapping[str, Any] = field(default_factory=dict)
    replace: Mapping[str, Any] = field(default_factory=dict)
    needs: Needs = lambda _engine: {}
    import_ignores: frozenset[str] = frozenset()


def statement(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::a/*"], **more}


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


TRUST = policy(
    {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": ["sts:AssumeRole"]}
)
OTHER_TRUST = policy(
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole"]}
)
KEY_POLICY = policy(
    {
        "Sid": "Root",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
)
OTHER_KEY_POLICY = KEY_POLICY.replace("Root", "Owner")


def key(engine: Engine) -> Mapping[str, Any]:
    made = engine.client("kms").create_key()["KeyMetadata"]
    other = engine.client("kms").create_key()["KeyMetadata"]
    return {
        "key": made["KeyId"],
        "key_arn": made["Arn"],
        "other_key": other["KeyId"],
        "other_key_arn": other["Arn"],
    }


def buckets(*, lock: bool = False) -> Needs:
    def make(engine: Engine) -> Mapping[str, Any]:
        s3 = engine.client("s3")
        names = {}
        for name in ("bucket", "other_bucket"):
            names[name] = f"{name.replace('_', '-')}-{len(s3.list_buckets()['Buckets'])}"
            s3.create_bucket(
                Bucket=names[name],
                CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
                ObjectLockEnabledForBucket=lock,
            )
        return names

    return make


def logged_buckets(engine: Engine) -> Mapping[str, Any]:
    made = dict(buckets()(engine))
    for name in made.values():
        engine.client("s3").put_bucket_policy(
            Bucket=name,
            Policy=policy(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "logging.s3.amazonaws.com"},
                    "Action": ["s3:PutObject"],
                    "Resource": f"arn:aws:s3:::{name}/*",
                }
            ),
        )
    return made


def roles(engine: Engine) -> Mapping[str, Any]:
    iam = engine.client("iam")
    names = {}
    for name in ("role", "other_role"):
        names[name] = f"{name}-{len(iam.list_roles(MaxItems=1000)['Roles'])}"
        iam.create_role(RoleName=names[name], AssumeRolePolicyDocument=TRUST)
    made = iam.create_policy(PolicyName=f"policy-{names['role']}", PolicyDocument=policy(statement()))
    return {**names, "policy_arn": made["Policy"]["Arn"]}


S3 = [
    Example(
        "aws:s3/bucket:Bucket",
        {"tags": {"owner": "data"}},
        {"tags": {"owner": "audit", "class": "secret"}, "forceDestroy": True},
        {"objectLockEnabled": True},
        import_ignores=frozenset({"forceDestroy"}),
    ),
    Example(
        "aws:s3/bucketVersioning:BucketVersioning",
        {"bucket": "{bucket}", "versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": {"status": "Suspended"}},
        {"bucket": "{other_bucket}"},
        buckets(),
    ),
    Example(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        {
            "bucket": "{bucket}",
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {
                        "sseAlgorithm": "aws:kms",
                        "kmsMasterKeyId": "{key_arn}",
                    },
                    "bucketKeyEnabled": True,
                }
            ],
        },
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]},
        {"bucket": "{other_bucket}"},
        lambda engine: {**key(engine), **buckets()(engine)},
    ),
    Example(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        {
            "bucket": "{bucket}",
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        {"restrictPublicBuckets": False},
        {"bucket": "{other_bucket}"},
        buckets(),
    ),
    Example(
        "aws:s3/bucketPolicy:BucketPolicy",
        {"bucket": "{bucket}", "policy": policy(statement(Principal="*", Effect="Deny"))},
        {"policy": policy(statement(Principal="*", Effect="Deny", Action=["s3:PutObject"]))},
        {"bucket": "{other_bucket}"},
        buckets(),
    ),
    Example(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {"bucket": "{bucket}", "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
        {"bucket": "{other_bucket}"},
        buckets(),
    ),
    Example(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        {
            "bucket": "{bucket}",
            "rules": [
                {
                    "id": "old",
                    "status": "Enabled",
                    "filter": {"prefix": "raw/"},
                    "transitions": [{"days": 30, "storageClass": "STANDARD_IA"}],
                    "noncurrentVersionExpiration": {"noncurrentDays": 90},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
                },
                {
                    "id": "tagged",
                    "status": "Enabled",
                    "filter": {"and": {"prefix": "tmp/", "tags": {"keep": "no"}}},
                    "expiration": {"days": 10},
                },
            ],
        },
        {"rules": [{"id": "old", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 99}}]},
        {"bucket": "{other_bucket}"},
        buckets(),
    ),
    Example(
        "aws:s3/bucketLogging:BucketLogging",
        {"bucket": "{bucket}", "targetBucket": "{other_bucket}", "targetPrefix": "a/"},
        {"targetPrefix": "b/"},
        {"bucket": "{other_bucket}"},
        logged_buckets,
    ),
    Example(
        "aws:s3/bucketNotification:BucketNotification",
        {
            "bucket": "{bucket}",
            "queues": [
                {
                    "queueArn": "{queue_arn}",
                    "events": ["s3:ObjectCreated:*"],
                    "filterPrefix": "raw/",
                    "id": "q",
                }
            ],
        },
        {"eventbridge": True},
        {"bucket": "{other_bucket}"},
        lambda engine: {
            **buckets()(engine),
            "queue_arn": engine.client("sqs").get_queue_attributes(
                QueueUrl=engine.client("sqs").create_queue(QueueName="notified")["QueueUrl"],
                AttributeNames=["QueueArn"],
            )["Attributes"]["QueueArn"],
        },
    ),
    Example(
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        {"bucket": "{bucket}", "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 30}}},
        {"rule": {"defaultRetention": {"mode": "GOVERNANCE", "years": 1}}},
        {"bucket": "{other_bucket}"},
        buckets(lock=True),
    ),
    Example(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        {
            "bucket": "{bucket}",
            "key": "datasets/a.txt",
            "content": "one",
            "contentType": "text/plain",
            "serverSideEncryption": "aws:kms",
            "kmsKeyId": "{key_arn}",
            "metadata": {"sha256": "abc"},
            "tags": {"owner": "data"},
        },
        {"content": "two", "tags": {"owner": "audit"}},
        {"key": "datasets/b.txt"},
        lambda engine: {**key(engine), **buckets()(engine)},
        frozenset({"content"}),
    ),
]

KMS = [
    Example(
        "aws:kms/key:Key",
        {
            "description": "raw data",
            "enableKeyRotation": True,
            "deletionWindowInDays": 7,
            "policy": KEY_POLICY,
            "tags": {"owner": "data"},
        },
        {
            "description": "raw",
            "enableKeyRotation": False,
            "isEnabled": False,
            "policy": OTHER_KEY_POLICY,
            "tags": {"class": "secret"},
        },
        {"multiRegion": True},
        import_ignores=frozenset({"deletionWindowInDays"}),
    ),
    Example(
        "aws:kms/alias:Alias",
        {"targetKeyId": "{key}"},
        {"targetKeyId": "{other_key_arn}"},
        {"name": "alias/other"},
        key,
    ),
    Example(
        "aws:kms/keyPolicy:KeyPolicy",
        {"keyId": "{key}", "policy": KEY_POLICY},
        {"policy": OTHER_KEY_POLICY},
        {"keyId": "{other_key}"},
        key,
    ),
]

DYNAMODB = [
    Example(
        "aws:dynamodb/table:Table",
        {
            "billingMode": "PAY_PER_REQUEST",
            "hashKey": "id",
            "rangeKey": "at",
            "attributes": [
                {"name": "id", "type": "S"},
                {"name": "at", "type": "N"},
                {"name": "who", "type": "S"},
            ],
            "globalSecondaryIndexes": [{"name": "by-who", "hashKey": "who", "projectionType": "ALL"}],
            "serverSideEncryption": {"enabled": True, "kmsKeyArn": "{key_arn}"},
            "pointInTimeRecovery": {"enabled": True},
            "ttl": {"attributeName": "expires", "enabled": True},
            "streamEnabled": True,
            "streamViewType": "NEW_AND_OLD_IMAGES",
            "tags": {"owner": "data"},
        },
        {
            "pointInTimeRecovery": {"enabled": False},
            "ttl": {"attributeName": "", "enabled": False},
            "streamEnabled": False,
            "deletionProtectionEnabled": False,
            "billingMode": "PROVISIONED",
            "readCapacity": 2,
            "writeCapacity": 3,
            "attributes": [
                {"name": "id", "type": "S"},
                {"name": "at", "type": "N"},
                {"name": "when", "type": "S"},
            ],
            "globalSecondaryIndexes": [
                {
                    "name": "by-when",
                    "hashKey": "when",
                    "projectionType": "KEYS_ONLY",
                    "readCapacity": 1,
                    "writeCapacity": 1,
                }
            ],
            "tags": {"owner": "audit"},
        },
        {
            "hashKey": "key",
            "attributes": [
                {"name": "key", "type": "S"},
                {"name": "at", "type": "N"},
                {"name": "who", "type": "S"},
            ],
        },
        key,
    ),
]

IAM = [
    Example(
        "aws:iam/role:Role",
        {"assumeRolePolicy": TRUST, "description": "serves", "tags": {"owner": "ml"}},
        {
            "assumeRolePolicy": OTHER_TRUST,
            "description": "trains",
            "maxSessionDuration": 7200,
            "tags": {},
            "inlinePolicies": [{"name": "own", "policy": policy(statement())}],
        },
        {"path": "/plinth/"},
    ),
    Example(
        "aws:iam/policy:Policy",
        {"policy": policy(statement()), "description": "reads", "tags": {"owner": "ml"}},
        {"policy": policy(statement(Action=["s3:ListBucket"])), "tags": {"owner": "data"}},
        {"description": "lists"},
    ),
    Example(
        "aws:iam/rolePolicy:RolePolicy",
        {"role": "{role}", "policy": policy(statement())},
        {"policy": policy(statement(Action=["s3:ListBucket"]))},
        {"role": "{other_role}"},
        roles,
    ),
    Example(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        {"role": "{role}", "policyArn": "{policy_arn}"},
        {},
        {"role": "{other_role}"},
        roles,
    ),
    Example(
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        {
            "url": "https://issuer.example/one",
            "clientIdLists": ["sts.amazonaws.com"],
            "thumbprintLists": ["a" * 40],
            "tags": {"owner": "ml"},
        },
        {"clientIdLists": ["sts.amazonaws.com", "other"], "thumbprintLists": ["b" * 40]},
        {"url": "https://issuer.example/two"},
    ),
]


def queue(engine: Engine) -> Mapping[str, Any]:
    sqs = engine.client("sqs")
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("needed", "other-needed")]
    arns = [f"arn:aws:sqs:eu-central-1:{ACCOUNT}:{name}" for name in ("needed", "other-needed")]
    return {"queue": urls[0], "other_queue": urls[1], "queue_arn": arns[0], "other_queue_arn": arns[1]}


def topic(engine: Engine) -> Mapping[str, Any]:
    sns = engine.client("sns")
    return {
        **queue(engine),
        "topic": sns.create_topic(Name="needed")["TopicArn"],
        "other_topic": sns.create_topic(Name="other-needed")["TopicArn"],
    }


QUEUE_POLICY = policy(statement(Principal="*", Effect="Deny", Action=["sqs:SendMessage"], Resource="*"))
OTHER_QUEUE_POLICY = policy(statement(Principal="*", Effect="Deny", Action=["sqs:*"], Resource="*"))
TOPIC_POLICY = policy(statement(Principal="*", Effect="Deny", Action=["SNS:Publish"], Resource="*"))
OTHER_TOPIC_POLICY = policy(statement(Principal="*", Effect="Deny", Action=["SNS:Subscribe"], Resource="*"))

SQS = [
    Example(
        "aws:sqs/queue:Queue",
        {
            "kmsMasterKeyId": "{key}",
            "messageRetentionSeconds": 86400,
            "redrivePolicy": json.dumps({"deadLetterTargetArn": "{queue_arn}", "maxReceiveCount": 3}),
            "tags": {"owner": "oversight"},
        },
        {"visibilityTimeoutSeconds": 120, "messageRetentionSeconds": 3600, "tags": {"owner": "data"}},
        {"fifoQueue": True, "name": "ordered.fifo", "redrivePolicy": None},
        lambda engine: {**key(engine), **queue(engine)},
    ),
    Example(
        "aws:sqs/queuePolicy:QueuePolicy",
        {"queueUrl": "{queue}", "policy": QUEUE_POLICY},
        {"policy": OTHER_QUEUE_POLICY},
        {"queueUrl": "{other_queue}"},
        queue,
    ),
    Example(
        "aws:sqs/redrivePolicy:RedrivePolicy",
        {
            "queueUrl": "{queue}",
            "redrivePolicy": json.dumps({"deadLetterTargetArn": "{other_queue_arn}", "maxReceiveCount": 3}),
        },
        {"redrivePolicy": json.dumps({"deadLetterTargetArn": "{other_queue_arn}", "maxReceiveCount": 5})},
        {
            "queueUrl": "{other_queue}",
            "redrivePolicy": json.dumps({"deadLetterTargetArn": "{queue_arn}", "maxReceiveCount": 3}),
        },
        queue,
    ),
    Example(
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
        {"queueUrl": "{queue}", "redriveAllowPolicy": json.dumps({"redrivePermission": "allowAll"})},
        {"redriveAllowPolicy": json.dumps({"redrivePermission": "denyAll"})},
        {"queueUrl": "{other_queue}"},
        queue,
    ),
]

SNS = [
    Example(
        "aws:sns/topic:Topic",
        {"kmsMasterKeyId": "{key}", "displayName": "Alerts", "tags": {"owner": "ops"}},
        {"displayName": "Alarms", "kmsMasterKeyId": "{other_key}", "tags": {"owner": "data"}},
        {"name": "other-name"},
        key,
    ),
    Example(
        "aws:sns/topicPolicy:TopicPolicy",
        {"arn": "{topic}", "policy": TOPIC_POLICY},
        {"policy": OTHER_TOPIC_POLICY},
        {"arn": "{other_topic}"},
        topic,
    ),
    Example(
        "aws:sns/topicSubscription:TopicSubscription",
        {
            "topic": "{topic}",
            "protocol": "sqs",
            "endpoint": "{queue_arn}",
            "filterPolicy": json.dumps({"kind": ["drift"]}),
        },
        {"rawMessageDelivery": True, "filterPolicy": json.dumps({"kind": ["quality"]})},
        {"topic": "{other_topic}"},
        topic,
    ),
]

CLOUDWATCH = [
    Example(
        "aws:cloudwatch/logGroup:LogGroup",
        {"retentionInDays": 365, "kmsKeyId": "{key_arn}", "tags": {"owner": "ops"}},
        {"retentionInDays": 30, "tags": {"owner": "data"}},
        {"name": "/plinth/other"},
        key,
    ),
    Example(
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        {
            "logGroupName": "{group}",
            "pattern": '{ $.level = "error" }',
            "metricTransformation": {
                "name": "errors",
                "namespace": "plinth",
                "value": "1",
                "defaultValue": "0",
            },
        },
        {"pattern": "error"},
        {"logGroupName": "{other_group}"},
        lambda engine: {
            name: engine.client("logs").create_log_group(logGroupName=f"/needed/{name}") and f"/needed/{name}"
            for name in ("group", "other_group")
        },
    ),
    Example(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {
            "comparisonOperator": "GreaterThanThreshold",
            "evaluationPeriods": 2,
            "metricName": "Errors",
            "namespace": "plinth",
            "period": 60,
            "statistic": "Sum",
            "threshold": 3,
            "dimensions": {"Service": "inference"},
            "alarmActions": ["arn:aws:sns:eu-central-1:123456789012:alerts"],
            "tags": {"owner": "ops"},
        },
        {
            "threshold": 4.5,
            "treatMissingData": "breaching",
            "actionsEnabled": False,
            "tags": {"owner": "data"},
        },
        {"name": "other-alarm"},
    ),
    Example(
        "aws:cloudwatch/dashboard:Dashboard",
        {"dashboardName": "plinth", "dashboardBody": json.dumps({"widgets": []})},
        {"dashboardBody": json.dumps({"widgets": [{"type": "text", "properties": {"markdown": "x"}}]})},
        {"dashboardName": "other"},
    ),
]


def repository(engine: Engine) -> Mapping[str, Any]:
    ecr = engine.client("ecr")
    for name in ("needed", "other-needed"):
        ecr.create_repository(repositoryName=name)
    return {"repository": "needed", "other_repository": "other-needed"}


def lifecycle(count: int) -> str:
    rule = {
        "rulePriority": 1,
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count},
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [rule]})


ECR = [
    Example(
        "aws:ecr/repository:Repository",
        {
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": {"scanOnPush": True},
            "encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": "{key_arn}"}],
            "tags": {"owner": "ml"},
        },
        {
            "imageTagMutability": "MUTABLE",
            "imageScanningConfiguration": {"scanOnPush": False},
            "tags": {"owner": "data"},
        },
        {"encryptionConfigurations": [{"encryptionType": "AES256"}]},
        key,
    ),
    Example(
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        {"repository": "{repository}", "policy": lifecycle(10)},
        {"policy": lifecycle(20)},
        {"repository": "{other_repository}"},
        repository,
    ),
    Example(
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        {
            "repository": "{repository}",
            "policy": policy({"Effect": "Deny", "Principal": "*", "Action": ["ecr:DeleteRepository"]}),
        },
        {"policy": policy({"Effect": "Deny", "Principal": "*", "Action": ["ecr:*"]})},
        {"repository": "{other_repository}"},
        repository,
    ),
]


def secret(engine: Engine) -> Mapping[str, Any]:
    client = engine.client("secretsmanager")
    return {
        "secret": client.create_secret(Name="needed")["ARN"],
        "other_secret": client.create_secret(Name="other-needed")["ARN"],
    }


SECRETS = [
    Example(
        "aws:secretsmanager/secret:Secret",
        {
            "description": "database",
            "kmsKeyId": "{key_arn}",
            "recoveryWindowInDays": 0,
            "tags": {"owner": "data"},
        },
        {"description": "registry", "kmsKeyId": "{other_key_arn}", "tags": {"owner": "ml"}},
        {"name": "other-name"},
        key,
        frozenset({"recoveryWindowInDays"}),
    ),
    Example(
        "aws:secretsmanager/secretVersion:SecretVersion",
        {"secretId": "{secret}", "secretString": "hunter2"},
        {},
        {"secretString": "hunter3"},
        secret,
    ),
    Example(
        "aws:ssm/parameter:Parameter",
        {"type": "SecureString", "value": "hunter2", "keyId": "{key}", "tags": {"owner": "data"}},
        {"value": "hunter3", "description": "a word", "tags": {"owner": "ml"}},
        {"name": "/plinth/other"},
        key,
    ),
]


def trail_bucket(engine: Engine) -> Mapping[str, Any]:
    made = dict(buckets()(engine))
    for name in made.values():
        document = statement(
            Principal={"Service": "cloudtrail.amazonaws.com"},
            Action=["s3:*"],
            Resource=f"arn:aws:s3:::{name}/*",
        )
        engine.client("s3").put_bucket_policy(Bucket=name, Policy=policy(document))
    return {**made, **key(engine)}


def data_events(kind: str) -> list[dict[str, Any]]:
    fields = [
        {"field": "eventCategory", "equals": ["Data"]},
        {"field": "resources.type", "equals": [kind]},
    ]
    return [{"name": "data", "fieldSelectors": fields}]


AUDIT = [
    Example(
        "aws:cloudtrail/trail:Trail",
        {
            "s3BucketName": "{bucket}",
            "isMultiRegionTrail": True,
            "enableLogFileValidation": True,
            "kmsKeyId": "{key_arn}",
            "advancedEventSelectors": data_events("AWS::S3::Object"),
            "tags": {"owner": "audit"},
        },
        {
            "s3BucketName": "{other_bucket}",
            "advancedEventSelectors": data_events("AWS::DynamoDB::Table"),
            "tags": {"owner": "ops"},
        },
        {"name": "other-trail"},
        trail_bucket,
    ),
    Example(
        "aws:glue/catalogDatabase:CatalogDatabase",
        {"description": "features", "tags": {"owner": "data"}},
        {"description": "offline features", "tags": {"owner": "ml"}},
        {"name": "other_database"},
    ),
    Example(
        "aws:glue/catalogTable:CatalogTable",
        {
            "databaseName": "{database}",
            "tableType": "EXTERNAL_TABLE",
            "parameters": {"classification": "parquet"},
            "storageDescriptor": {
                "location": "s3://a/b/",
                "inputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "columns": [{"name": "age", "type": "double"}],
                "serDeInfo": {"serializationLibrary": "parquet", "parameters": {"a": "b"}},
            },
            "partitionKeys": [{"name": "day", "type": "string"}],
        },
        {"description": "patients", "parameters": {"classification": "parquet", "owner": "ml"}},
        {"name": "other_table"},
        lambda engine: (
            engine.client("glue").create_database(DatabaseInput={"Name": "needed"}) and {"database": "needed"}
        ),
    ),
    Example(
        "aws:budgets/budget:Budget",
        {
            "budgetType": "COST",
            "timeUnit": "MONTHLY",
            "limitAmount": "100",
            "limitUnit": "USD",
            "costFilters": [{"name": "TagKeyValue", "values": ["user:project$plinth"]}],
            "notifications": [
                {
                    "comparisonOperator": "GREATER_THAN",
                    "notificationType": "ACTUAL",
                    "threshold": 80,
                    "thresholdType": "PERCENTAGE",
                    "subscriberEmailAddresses": ["ops@example.org"],
                }
            ],
        },
        {"limitAmount": "200.5"},
        {"name": "other-budget"},
        import_ignores=frozenset({"notifications"}),  # moto doesn't tell the subscribers
    ),
    Example(
        "aws:backup/vault:Vault",
        {"kmsKeyArn": "{key_arn}", "tags": {"owner": "ops"}},
        {"tags": {"owner": "data"}},
        {"name": "other-vault"},
        key,
    ),
    Example(
        "aws:backup/plan:Plan",
        {
            "rules": [
                {
                    "ruleName": "daily",
                    "targetVaultName": "vault",
                    "schedule": "cron(0 3 * * ? *)",
                    "lifecycle": {"deleteAfter": 35},
                    "copyActions": [
                        {
                            "destinationVaultArn": "arn:aws:backup:eu-west-1:123456789012:backup-vault:v",
                            "lifecycle": {"deleteAfter": 35},
                        }
                    ],
                }
            ],
            "tags": {"owner": "ops"},
        },
        {"tags": {"owner": "data"}},
        {
            "rules": [
                {"ruleName": "weekly", "targetVaultName": "vault", "schedule": "cron(0 3 ? * SUN *)"},
            ]
        },
    ),
]


def network(engine: Engine) -> Mapping[str, Any]:
    ec2 = engine.client("ec2")
    vpcs = [ec2.create_vpc(CidrBlock=f"10.{index}.0.0/16")["Vpc"]["VpcId"] for index in (8, 9)]
    subnets = [
        ec2.create_subnet(VpcId=vpcs[0], CidrBlock=f"10.8.{index}.0/24")["Subnet"]["SubnetId"]
        for index in (1, 2)
    ]
    gateways = [ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"] for _ in range(2)]
    ec2.attach_internet_gateway(InternetGatewayId=gateways[0], VpcId=vpcs[0])
    tables = [ec2.create_route_table(VpcId=vpcs[0])["RouteTable"]["RouteTableId"] for _ in range(2)]
    groups = [
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpcs[0])["GroupId"]
        for name in ("needed", "other-needed")
    ]
    addresses = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(2)]
    nat = ec2.create_nat_gateway(SubnetId=subnets[1], AllocationId=addresses[1])["NatGateway"]["NatGatewayId"]
    iam = engine.client("iam")
    role = iam.create_role(RoleName="flow", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    names = ("vpc", "subnet", "table", "group", "gateway", "address")
    pairs_ = zip(names, (vpcs, subnets, tables, groups, gateways, addresses), strict=True)
    found = {
        f"{prefix}{name}": ids[index] for name, ids in pairs_ for index, prefix in ((0, ""), (1, "other_"))
    }
    return {**found, "nat": nat, "role_arn": role}


INGRESS = {
    "protocol": "tcp",
    "fromPort": 443,
    "toPort": 443,
    "cidrBlocks": ["10.8.0.0/16"],
    "description": "api",
}
EGRESS = {
    "protocol": "-1",
    "fromPort": 0,
    "toPort": 0,
    "cidrBlocks": ["10.8.0.0/16"],
    "description": "inside",
}

EC2 = [
    Example(
        "aws:ec2/vpc:Vpc",
        {"cidrBlock": "10.1.0.0/16", "enableDnsHostnames": True, "tags": {"owner": "ops"}},
        {"enableDnsSupport": True, "enableDnsHostnames": False, "tags": {"owner": "data"}},
        {"cidrBlock": "10.2.0.0/16"},
    ),
    Example(
        "aws:ec2/subnet:Subnet",
        {
            "vpcId": "{vpc}",
            "cidrBlock": "10.8.10.0/24",
            "availabilityZone": "eu-central-1a",
            "tags": {"owner": "ops"},
        },
        {"mapPublicIpOnLaunch": True, "tags": {"owner": "data"}},
        {"cidrBlock": "10.8.11.0/24"},
        network,
    ),
    Example(
        "aws:ec2/internetGateway:InternetGateway",
        {"vpcId": "{other_vpc}", "tags": {"owner": "ops"}},
        {"tags": {"owner": "data"}},
        {},
        network,
    ),
    Example("aws:ec2/eip:Eip", {"domain": "vpc", "tags": {"owner": "ops"}}, {"tags": {"owner": "data"}}),
    Example(
        "aws:ec2/natGateway:NatGateway",
        {"subnetId": "{subnet}", "allocationId": "{address}", "tags": {"owner": "ops"}},
        {"tags": {"owner": "data"}},
        {"subnetId": "{other_subnet}"},
        network,
    ),
    Example(
        "aws:ec2/routeTable:RouteTable",
        {
            "vpcId": "{vpc}",
            "routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": "{gateway}"}],
            "tags": {"owner": "ops"},
        },
        {"routes": [{"cidrBlock": "0.0.0.0/0", "natGatewayId": "{nat}"}], "tags": {"owner": "data"}},
        {"vpcId": "{other_vpc}", "routes": []},
        network,
    ),
    Example(
        "aws:ec2/route:Route",
        {"routeTableId": "{table}", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "{gateway}"},
        {"gatewayId": None, "natGatewayId": "{nat}"},
        {"destinationCidrBlock": "10.99.0.0/16"},
        network,
    ),
    Example(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        {"routeTableId": "{table}", "subnetId": "{subnet}"},
        {},
        {"routeTableId": "{other_table}"},
        network,
    ),
    Example(
        "aws:ec2/securityGroup:SecurityGroup",
        {
            "vpcId": "{vpc}",
            "description": "serving",
            "ingress": [INGRESS, {**INGRESS, "cidrBlocks": None, "self": True, "description": "peers"}],
            "egress": [EGRESS],
            "tags": {"owner": "ops"},
        },
        {"ingress": [{**INGRESS, "fromPort": 8443, "toPort": 8443}], "tags": {"owner": "data"}},
        {"description": "training"},
        network,
    ),
    Example(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        {"vpcId": "{vpc}", "tags": {"owner": "ops"}},
        {"ingress": [INGRESS], "tags": {"owner": "data"}},
        {"vpcId": "{other_vpc}"},
        network,
    ),
    *(
        Example(
            f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule",
            {
                "securityGroupId": "{group}",
                "ipProtocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
                "cidrIpv4": "10.8.0.0/16",
                "description": "api",
                "tags": {"owner": "ops"},
            },
            {"tags": {"owner": "data"}},
            {"fromPort": 8443, "toPort": 8443},
            network,
        )
        for direction in ("Ingress", "Egress")
    ),
    Example(
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        {
            "type": "ingress",
            "securityGroupId": "{group}",
            "protocol": "tcp",
            "fromPort": 443,
            "toPort": 443,
            "sourceSecurityGroupId": "{other_group}",
        },
        {},
        {"fromPort": 80, "toPort": 80},
        network,
    ),
    Example(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        {
            "vpcId": "{vpc}",
            "serviceName": "com.amazonaws.eu-central-1.s3",
            "vpcEndpointType": "Gateway",
            "routeTableIds": ["{table}"],
            "tags": {"owner": "ops"},
        },
        {"routeTableIds": ["{table}", "{other_table}"], "tags": {"owner": "data"}},
        {"serviceName": "com.amazonaws.eu-central-1.dynamodb"},
        network,
    ),
    Example(
        "aws:ec2/flowLog:FlowLog",
        {
            "vpcId": "{vpc}",
            "trafficType": "ALL",
            "logDestination": "arn:aws:logs:eu-central-1:123456789012:log-group:flows",
            "iamRoleArn": "{role_arn}",
            "tags": {"owner": "ops"},
        },
        {"tags": {"owner": "data"}},
        {"trafficType": "REJECT"},
        network,
    ),
]


def cluster(engine: Engine) -> Mapping[str, Any]:
    made = dict(network(engine))
    engine.client("eks").create_cluster(
        name="needed",
        roleArn=made["role_arn"],
        resourcesVpcConfig={"subnetIds": [made["subnet"], made["other_subnet"]]},
    )
    return {**made, **key(engine), "cluster": "needed"}


EKS = [
    Example(
        "aws:eks/cluster:Cluster",
        {
            "roleArn": "{role_arn}",
            "vpcConfig": {
                "subnetIds": ["{subnet}", "{other_subnet}"],
                "endpointPrivateAccess": True,
                "endpointPublicAccess": False,
            },
            "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.24.0.0/16"},
            "enabledClusterLogTypes": ["api", "audit"],
            "encryptionConfig": {"provider": {"keyArn": "{key_arn}"}, "resources": ["secrets"]},
            "tags": {"owner": "ops"},
        },
        {"enabledClusterLogTypes": ["api", "audit", "scheduler"], "tags": {"owner": "data"}},
        {"name": "other-cluster"},
        lambda engine: {**network(engine), **key(engine)},
    ),
    Example(
        "aws:eks/nodeGroup:NodeGroup",
        {
            "clusterName": "{cluster}",
            "nodeRoleArn": "{role_arn}",
            "subnetIds": ["{subnet}", "{other_subnet}"],
            "instanceTypes": ["m7g.large"],
            "scalingConfig": {"desiredSize": 2, "minSize": 2, "maxSize": 4},
            "labels": {"pool": "serving"},
        },
        {
            "scalingConfig": {"desiredSize": 3, "minSize": 2, "maxSize": 5},
            "labels": {"pool": "training"},
        },
        {"instanceTypes": ["m7g.xlarge"]},
        cluster,
    ),
]


def database(engine: Engine) -> Mapping[str, Any]:
    made = dict(network(engine))
    engine.client("rds").create_db_subnet_group(
        DBSubnetGroupName="needed",
        DBSubnetGroupDescription="needed",
        SubnetIds=[made["subnet"], made["other_subnet"]],
    )
    return {**made, **key(engine), "subnet_group": "needed"}


RDS = [
    Example(
        "aws:rds/instance:Instance",
        {
            "engine": "postgres",
            "engineVersion": "17.4",
            "instanceClass": "db.t4g.medium",
            "allocatedStorage": 20,
            "dbName": "mlflow",
            "username": "mlflow",
            "password": "hunter2hunter2",
            "storageEncrypted": True,
            "kmsKeyId": "{key_arn}",
            "backupRetentionPeriod": 7,
            "dbSubnetGroupName": "{subnet_group}",
            "vpcSecurityGroupIds": ["{group}"],
            "skipFinalSnapshot": True,
            "tags": {"owner": "ml"},
        },
        {"instanceClass": "db.t4g.large", "backupRetentionPeriod": 14, "tags": {"owner": "data"}},
        {"dbName": "other"},
        database,
        frozenset({"password", "skipFinalSnapshot"}),
    ),
    Example(
        "aws:rds/subnetGroup:SubnetGroup",
        {"subnetIds": ["{subnet}", "{other_subnet}"], "tags": {"owner": "ml"}},
        {"description": "private", "tags": {"owner": "data"}},
        {"name": "other-group"},
        network,
    ),
    Example(
        "aws:rds/parameterGroup:ParameterGroup",
        {
            "family": "postgres17",
            "parameters": [{"name": "rds.force_ssl", "value": "1", "applyMethod": "immediate"}],
            "tags": {"owner": "ml"},
        },
        {
            "parameters": [{"name": "rds.force_ssl", "value": "0", "applyMethod": "immediate"}],
            "tags": {"owner": "data"},
        },
        {"family": "postgres16"},
    ),
]


def pools(engine: Engine) -> Mapping[str, Any]:
    cognito = engine.client("cognito-idp")
    ids = [cognito.create_user_pool(PoolName=name)["UserPool"]["Id"] for name in ("needed", "other-needed")]
    return {"pool": ids[0], "other_pool": ids[1]}


COGNITO = [
    Example(
        "aws:cognito/userPool:UserPool",
        {
            "passwordPolicy": {
                "minimumLength": 14,
                "requireNumbers": True,
                "temporaryPasswordValidityDays": 3,
            },
            "adminCreateUserConfig": {"allowAdminCreateUserOnly": True},
            "accountRecoverySetting": {"recoveryMechanisms": [{"name": "verified_email", "priority": 1}]},
            "usernameAttributes": ["email"],
            "autoVerifiedAttributes": ["email"],
            "userPoolAddOns": {"advancedSecurityMode": "ENFORCED"},
            "tags": {"owner": "ops"},
        },
        {
            "passwordPolicy": {
                "minimumLength": 16,
                "requireNumbers": True,
                "temporaryPasswordValidityDays": 3,
            },
            "deletionProtection": "ACTIVE",
            "tags": {"owner": "data"},
        },
        {"usernameAttributes": ["phone_number"]},
    ),
    Example(
        "aws:cognito/userPoolClient:UserPoolClient",
        {
            "userPoolId": "{pool}",
            "generateSecret": True,
            "explicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            "accessTokenValidity": 60,
            "tokenValidityUnits": {"accessToken": "minutes"},
        },
        {"explicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"], "callbackUrls": ["https://example.org/back"]},
        {"userPoolId": "{other_pool}"},
        pools,
    ),
    Example(
        "aws:cognito/resourceServer:ResourceServer",
        {
            "userPoolId": "{pool}",
            "identifier": "plinth",
            "scopes": [{"scopeName": "predict", "scopeDescription": "ask for predictions"}],
        },
        {},
        {"userPoolId": "{other_pool}"},
        pools,
    ),
    Example(
        "aws:cognito/userGroup:UserGroup",
        {"userPoolId": "{pool}", "description": "clinicians", "precedence": 2},
        {"description": "reviewers", "precedence": 3},
        {"userPoolId": "{other_pool}"},
        pools,
    ),
    Example(
        "aws:cognito/userPoolDomain:UserPoolDomain",
        {"userPoolId": "{pool}", "domain": "plinth-test"},
        {},
        {"domain": "plinth-other"},
        pools,
    ),
]

EXAMPLES = [
    *EKS,
    *RDS,
    *COGNITO,
    *EC2,
    *KMS,
    *S3,
    *DYNAMODB,
    *IAM,
    *SQS,
    *SNS,
    *CLOUDWATCH,
    *ECR,
    *SECRETS,
    *AUDIT,
]
