"""Valid arguments of every component; a test overrides the one property that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from components.audit import Audit, AuditArgs
from components.bucket import Bucket, BucketArgs
from components.budget import Budget, BudgetArgs
from components.chart_release import Chart
from components.cluster import Cluster, ClusterArgs
from components.controllers import Balanced, Controller, Controllers, ControllersArgs
from components.data_stores import DataStores, DataStoresArgs
from components.database import Machine
from components.durability import Durability
from components.edge import Authentication, Edge, EdgeArgs
from components.encryption import DataKey, Encryption, EncryptionArgs, KeyDomain
from components.feature_store import FeatureStore, FeatureStoreArgs
from components.grants import Grant, Statement
from components.identity import Identity, IdentityArgs
from components.inference_service import InferenceService, InferenceServiceArgs
from components.model_registry import ModelRegistry, ModelRegistryArgs
from components.monitoring import Monitoring, MonitoringArgs
from components.network import Network, NetworkArgs
from components.node_group import Nodes
from components.oversight import Oversight, OversightArgs
from components.platform import Platform, PlatformArgs
from components.proxies import Exposure, Proxies
from components.queue import Queue, QueueArgs
from components.recovery import Recovery, RecoveryArgs, Schedule
from components.replication import Replication, ReplicationArgs, Source, Twin
from components.signing_profile import SigningProfile, SigningProfileArgs
from components.table import Table, TableArgs
from components.tags import DataClass, Tags
from components.topic import Topic, TopicArgs
from components.traffic import Egress
from components.training_pipeline import Dataset, TrainingPipeline, TrainingPipelineArgs
from components.web_identity import WebIdentity, WebIdentityArgs
from components.workload import AwsAccess, Image

if TYPE_CHECKING:
    from pathlib import Path

REGION = "eu-central-1"
ACCOUNT = "123456789012"
DIGEST = "sha256:" + "a" * 64
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"
ISSUER = "oidc.example.org/id/1"
TWIN_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/t"
THROW_AWAY = Durability(protect=False, retain=False, force_destroy=True)


def tags(**overrides: Any) -> Tags:
    return Tags(**{"owner": "ml@example.org", "cost_centre": "cc-1", "environment": "test", **overrides})


def image(**overrides: Any) -> Image:
    return Image(**{"reference": f"registry.example.org/plinth@{DIGEST}", **overrides})


def key() -> DataKey:
    return DataKey(arn=pulumi.Output.from_input(KEY_ARN), region=REGION)


def bucket(**overrides: Any) -> Bucket:
    defaults = {
        "bucket_name": "plinth-test-raw",
        "key": key(),
        "tags": tags().aws("data-stores", DataClass.CONFIDENTIAL),
        "access_logs": "plinth-test-logs",
    }
    return Bucket("raw", BucketArgs(**{**defaults, **overrides}))


def encryption(**overrides: Any) -> Encryption:
    defaults = {
        "tags": tags(),
        "account_id": ACCOUNT,
        "region": REGION,
        "domains": dict.fromkeys(KeyDomain, DataClass.CONFIDENTIAL),
    }
    return Encryption("encryption", EncryptionArgs(**{**defaults, **overrides}))


def data_stores(**overrides: Any) -> DataStores:
    defaults = {
        "tags": tags(),
        "account_id": ACCOUNT,
        "encryption": encryption(),
        "data_class": DataClass.RESTRICTED,
    }
    return DataStores("data", DataStoresArgs(**{**defaults, **overrides}))


def web_identity(**overrides: Any) -> WebIdentity:
    defaults = {"tags": tags(), "issuer_url": f"https://{ISSUER}"}
    return WebIdentity("web-identity", WebIdentityArgs(**{**defaults, **overrides}))


def grant() -> Grant:
    return Grant("read one file", (Statement(("s3:GetObject",), ("arn:aws:s3:::plinth-test-raw/file",)),))


def identity(**overrides: Any) -> Identity:
    defaults = {
        "tags": tags(),
        "workload": "serving",
        "namespace": "plinth",
        "web_identity": web_identity(),
        "grants": [grant()],
    }
    return Identity("identity", IdentityArgs(**{**defaults, **overrides}))


def platform(**overrides: Any) -> Platform:
    defaults = {
        "tags": tags(),
        "gateway_chart": Chart("oci://registry.example.org/gateway-helm", "v1.8.0"),
        "gateway_image": image(),
    }
    return Platform("platform", PlatformArgs(**{**defaults, **overrides}))


def proxies(**overrides: Any) -> Proxies:
    defaults = {"image": image(), "exposure": Exposure.NODE_PORT, "node_port": 30080}
    return Proxies(**{**defaults, **overrides})


def edge(**overrides: Any) -> Edge:
    defaults = {
        "tags": tags(),
        "gateway_namespace": "envoy-gateway-system",
        "routes_namespace": "plinth",
        "monitoring_namespace": "monitoring",
        "proxies": proxies(),
        "certificate_secret": "edge-certificate",
        "authentication": Authentication(
            "https://login.example.org", ["plinth"], "https://login.example.org/jwks.json"
        ),
    }
    return Edge("edge", EdgeArgs(**{**defaults, **overrides}))


def inference_service(**overrides: Any) -> InferenceService:
    defaults = {
        "tags": tags(),
        "namespace": "plinth",
        "edge": edge(),
        "image": image(),
        "identity": identity(),
        "aws": AwsAccess(REGION),
        "egress": Egress(),
        "model": "support2-mortality",
        "version": "0123456789ab",
        "artifact_sha256": "b" * 64,
        "artifact_bucket": "plinth-test-artifacts",
        "monitoring_namespace": "monitoring",
    }
    return InferenceService("serving", InferenceServiceArgs(**{**defaults, **overrides}))


def training_args(dataset: Path, **overrides: Any) -> TrainingPipelineArgs:
    defaults = {
        "tags": tags(),
        "namespace": "plinth",
        "web_identity": web_identity(),
        "raw_bucket": bucket(),
        "raw_key": key(),
        "artifact_bucket": Bucket(
            "artifacts", BucketArgs("plinth-test-artifacts", key(), tags().aws("x", DataClass.INTERNAL), None)
        ),
        "image": image(),
        "aws": AwsAccess(REGION),
        "egress": Egress(),
        "dataset": Dataset("support2", dataset, DataClass.CONFIDENTIAL),
        "model": "support2-mortality",
    }
    return TrainingPipelineArgs(**{**defaults, **overrides})


def training_pipeline(dataset: Path, **overrides: Any) -> TrainingPipeline:
    return TrainingPipeline("training", training_args(dataset, **overrides))


def network_args(**overrides: Any) -> NetworkArgs:
    defaults = {
        "tags": tags(),
        "account_id": ACCOUNT,
        "region": REGION,
        "key": None,  # an output needs a running program; what is refused is refused without one
        "cidr": "10.20.0.0/16",
        "zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
        "services": ["sts", "kms"],
    }
    return NetworkArgs(**{**defaults, **overrides})


def network(**overrides: Any) -> Network:
    return Network("network", network_args(key=key(), **overrides))


def audit(**overrides: Any) -> Audit:
    defaults = {
        "tags": tags(),
        "account_id": ACCOUNT,
        "region": REGION,
        "key": key(),
        "access_logs": "plinth-test-access-logs",
        "data_event_buckets": ["arn:aws:s3:::plinth-test-raw"],
    }
    return Audit("audit", AuditArgs(**{**defaults, **overrides}))


def topic(**overrides: Any) -> Topic:
    defaults = {
        "topic_name": "plinth-test-escalation",
        "account_id": ACCOUNT,
        "key": key(),
        "tags": tags().aws("oversight", DataClass.RESTRICTED),
    }
    return Topic("topic", TopicArgs(**{**defaults, **overrides}))


def queue(**overrides: Any) -> Queue:
    defaults = {
        "queue_name": "plinth-test-review",
        "key": key(),
        "tags": tags().aws("oversight", DataClass.RESTRICTED),
    }
    return Queue("queue", QueueArgs(**{**defaults, **overrides}))


def table() -> Table:
    labels = tags().aws("data-stores", DataClass.RESTRICTED)
    return Table("reviews", TableArgs("plinth-test-reviews", key(), "review_id", labels))


def oversight(**overrides: Any) -> Oversight:
    defaults = {
        "tags": tags(),
        "account_id": ACCOUNT,
        "key": key(),
        "reviews": table(),
        "data_class": DataClass.RESTRICTED,
        "escalation_emails": ["oncall@example.org"],
    }
    return Oversight("oversight", OversightArgs(**{**defaults, **overrides}))


def budget(**overrides: Any) -> Budget:
    defaults = {"tags": tags(), "monthly_usd": 1200.0, "emails": ["owner@example.org"]}
    return Budget("budget", BudgetArgs(**{**defaults, **overrides}))


def recovery(**overrides: Any) -> Recovery:
    defaults = {
        "tags": tags(),
        "account_id": ACCOUNT,
        "key": key(),
        "resources": {"DynamoDB": [table().arn], "S3": [bucket().arn]},
        "schedules": {"daily": Schedule("cron(0 1 * * ? *)", 35)},
    }
    return Recovery("recovery", RecoveryArgs(**{**defaults, **overrides}))


def monitoring(**overrides: Any) -> Monitoring:
    defaults = {
        "tags": tags(),
        "account_id": ACCOUNT,
        "region": REGION,
        "log_key": key(),
        "message_key": key(),
        "tables": {role.value: table for role, table in data_stores().tables.items()},
        "trail_log_group": "/plinth/test/audit",
        "emails": ["oncall@example.org"],
        "log_days": 365,
        "durability": Durability(),
    }
    return Monitoring("monitoring", MonitoringArgs(**{**defaults, **overrides}))


NODES = Nodes(["m6i.large", "m6a.large"])


def cluster_args(**overrides: Any) -> ClusterArgs:
    defaults = {
        "tags": tags(),
        "account_id": ACCOUNT,
        "region": REGION,
        "version": "1.35",
        "vpc_id": "vpc-1",
        "subnet_ids": ["subnet-a", "subnet-b"],
        "key": None,  # an output needs a running program; what is refused is refused without one
        "log_key": None,
        "node_groups": {"general": NODES},
        "administrators": [f"arn:aws:iam::{ACCOUNT}:role/deploy"],
    }
    return ClusterArgs(**{**defaults, **overrides})


def cluster(**overrides: Any) -> Cluster:
    return Cluster("cluster", cluster_args(key=key(), log_key=key(), **overrides))


def feature_store(**overrides: Any) -> FeatureStore:
    defaults = {
        "tags": tags(),
        "account_id": ACCOUNT,
        "key": key(),
        "data_class": DataClass.RESTRICTED,
        "access_logs": "plinth-test-access-logs",
        "views": ["patient"],
    }
    return FeatureStore("features", FeatureStoreArgs(**{**defaults, **overrides}))


def model_registry(**overrides: Any) -> ModelRegistry:
    defaults = {
        "tags": tags(),
        "account_id": ACCOUNT,
        "region": REGION,
        "key": key(),
        "log_key": key(),
        "artifact_bucket": bucket(bucket_name="plinth-test-artifacts"),
        "machine": Machine("db.t4g.medium"),
        "engine_version": "17",
        "vpc_id": "vpc-1",
        "subnet_ids": ["subnet-a", "subnet-b"],
        "client_networks": ["10.20.0.0/16"],
    }
    return ModelRegistry("registry", ModelRegistryArgs(**{**defaults, **overrides}))


def signing_profile(**overrides: Any) -> SigningProfile:
    defaults = {"prefix": "plinth-test-images", "tags": {"environment": "test"}}
    return SigningProfile("signing", SigningProfileArgs(**{**defaults, **overrides}))


def controllers_args(**overrides: Any) -> ControllersArgs:
    defaults = {
        "tags": tags(),
        "charts": {
            controller: Chart(controller.value, "1.0.0", "https://charts.example.org")
            for controller in Controller
        },
        "cluster_networks": ["10.20.0.0/16"],
        "api_networks": ["10.20.0.0/16", "172.20.0.1/32"],
        "monitoring_namespace": "monitoring",
    }
    return ControllersArgs(**{**defaults, **overrides})


def controllers(**overrides: Any) -> Controllers:
    balanced = Balanced("plinth-test", ACCOUNT, REGION, "vpc-1", "sg-plinth-test", web_identity())
    return Controllers("controllers", controllers_args(**{"balanced": balanced, **overrides}))


def replication_args(**overrides: Any) -> ReplicationArgs:
    defaults = {
        "tags": tags(),
        "account_id": ACCOUNT,
        "sources": {},
        "twin": Twin("recovery", "eu-west-1", {KeyDomain.DATA: TWIN_KEY}),
        "durability": Durability(),
    }
    return ReplicationArgs(**{**defaults, **overrides})


def replication(**overrides: Any) -> Replication:
    source = Source(bucket(), "plinth-test-raw", KeyDomain.DATA, key())
    return Replication("replication", replication_args(sources={"raw": source}, **overrides))
