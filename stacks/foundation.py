"""What workloads stand on: keys, network, stores and the cluster; parts of it only if they are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from components import audit, feature_store
from components.cluster import Cluster, ClusterArgs
from components.data_stores import KEY_OF_BUCKET, BucketRole, DataStores, DataStoresArgs, bucket_name
from components.encryption import Encryption, EncryptionArgs, KeyDomain
from components.feature_store import FeatureStore, FeatureStoreArgs
from components.model_registry import ModelRegistry, ModelRegistryArgs
from components.network import Network, NetworkArgs
from components.replication import Replication, ReplicationArgs, Source
from components.web_identity import WebIdentity, WebIdentityArgs
from stacks.keys import grantors, key_domains, service_uses

if TYPE_CHECKING:
    from components.bucket import Bucket
    from components.durability import Durability
    from components.table import Table
    from components.tags import Tags
    from stacks.schema import Settings


class Foundation:
    """The lower half of an environment.

    Attributes:
        encryption: a key for each domain of data.
        network: a network of its own, None where the cluster's is used.
        data_stores: buckets and tables under those keys.
        feature_store: features of training and serving, None if none are kept.
        model_registry: runs, versions and images, None if they are kept elsewhere.
        replication: copies of every object in the recovery Region, None if there are none.
        cluster: an EKS cluster of its own, None where the kubeconfig names one.
        web_identity: the cluster's token issuer, as AWS knows it.
    """

    def __init__(self, settings: Settings, tags: Tags, durability: Durability) -> None:
        self._settings = settings
        self._tags = tags
        self._durability = durability
        self.encryption = self._encrypt()
        self.network = self._close_off()
        self.data_stores = self._store()
        self.feature_store = self._keep_features()
        self.model_registry = self._keep_models()
        self.replication = self._copy()
        self.cluster = self._run()
        self.web_identity = self.cluster.web_identity if self.cluster else self._know_the_cluster()

    @property
    def buckets(self) -> list[Bucket]:
        """Every bucket that holds data."""
        features = [self.feature_store.bucket] if self.feature_store else []
        return [*self.data_stores.buckets.values(), *features]

    @property
    def tables(self) -> dict[str, Table]:
        """Every table that holds data, by a name for people."""
        features = self.feature_store.tables if self.feature_store else {}
        return {
            **{role.value: table for role, table in self.data_stores.tables.items()},
            **{f"features-{view}": table for view, table in features.items()},
        }

    @property
    def databases(self) -> list[pulumi.Output[str]]:
        """ARNs of every database that holds data."""
        return [self.model_registry.database.arn] if self.model_registry else []

    @property
    def in_cluster(self) -> pulumi.ResourceOptions | None:
        """Options of every component that has resources in the cluster."""
        return pulumi.ResourceOptions(providers=[self.cluster.provider]) if self.cluster else None

    def _encrypt(self) -> Encryption:
        settings = self._settings
        return Encryption(
            "encryption",
            EncryptionArgs(
                tags=self._tags,
                account_id=settings.account_id,
                region=settings.region,
                domains=key_domains(settings),
                service_uses=service_uses(settings, self._tags),
                grantors=grantors(settings),
                deletion_window_days=settings.data.key_deletion_window_days,
                multi_region=settings.data.multi_region_keys,
                durability=self._durability,
            ),
        )

    def _close_off(self) -> Network | None:
        settings, network = self._settings, self._settings.network
        if network is None:
            return None
        return Network(
            "network",
            NetworkArgs(
                tags=self._tags,
                account_id=settings.account_id,
                region=settings.region,
                key=self.encryption.keys[KeyDomain.LOGS],
                cidr=network.cidr,
                zones=network.zones,
                taken=network.taken,
                services=network.services,
                nat=network.nat,
                flow_log_days=network.flow_log_days,
                single_zone=network.single_zone,
                durability=self._durability,
            ),
        )

    def _store(self) -> DataStores:
        settings = self._settings
        others = {
            audit.archive_name(self._tags, settings.account_id): settings.audit,
            feature_store.bucket_name(self._tags, settings.account_id): settings.feature_store,
        }
        return DataStores(
            "data",
            DataStoresArgs(
                tags=self._tags,
                account_id=settings.account_id,
                encryption=self.encryption,
                data_class=settings.data.classification,
                noncurrent_days=settings.data.noncurrent_days,
                quarantine_days=settings.data.quarantine_days,
                access_log_days=settings.data.access_log_days,
                also_logged=[name for name, section in others.items() if section],
                durability=self._durability,
            ),
        )

    def _keep_features(self) -> FeatureStore | None:
        settings, features = self._settings, self._settings.feature_store
        if features is None:
            return None
        return FeatureStore(
            "features",
            FeatureStoreArgs(
                tags=self._tags,
                account_id=settings.account_id,
                key=self.encryption.keys[KeyDomain.DATA],
                data_class=settings.data.classification,
                access_logs=self.data_stores.access_logs.bucket_name,
                views=features.views,
                noncurrent_days=settings.data.noncurrent_days,
                durability=self._durability,
            ),
        )

    def _keep_models(self) -> ModelRegistry | None:
        settings, registry, network = self._settings, self._settings.model_registry, self.network
        if registry is None or network is None:
            return None
        return ModelRegistry(
            "registry",
            ModelRegistryArgs(
                tags=self._tags,
                account_id=settings.account_id,
                region=settings.region,
                key=self.encryption.keys[KeyDomain.REGISTRY],
                log_key=self.encryption.keys[KeyDomain.LOGS],
                artifact_bucket=self.data_stores.buckets[BucketRole.ARTIFACTS],
                machine=registry.machine(),
                engine_version=registry.engine_version,
                vpc_id=network.vpc_id,
                subnet_ids=network.private_subnet_ids,
                client_networks=settings.cluster_networks,
                backup_days=registry.backup_days,
                log_days=registry.log_days,
                untagged_days=registry.untagged_days,
                signature_months=registry.signature_months,
                signers=registry.signers,
                durability=self._durability,
            ),
        )

    def _copy(self) -> Replication | None:
        settings, wanted = self._settings, self._settings.data.replicate_to
        if wanted is None:
            return None
        keys, account = self.encryption.keys, settings.account_id
        sources = {
            role.value: Source(
                bucket,
                bucket_name(self._tags, role, account),
                KEY_OF_BUCKET[role],
                keys[KEY_OF_BUCKET[role]],
            )
            for role, bucket in self.data_stores.buckets.items()
        }
        if self.feature_store:
            name = feature_store.bucket_name(self._tags, account)
            sources["features"] = Source(
                self.feature_store.bucket, name, KeyDomain.DATA, keys[KeyDomain.DATA]
            )
        return Replication(
            "replication",
            ReplicationArgs(self._tags, account, sources, wanted.twin(), self._durability),
        )

    def _run(self) -> Cluster | None:
        settings, cluster, network = self._settings, self._settings.cluster, self.network
        if cluster is None or network is None:
            return None
        return Cluster(
            "cluster",
            ClusterArgs(
                tags=self._tags,
                account_id=settings.account_id,
                region=settings.region,
                version=cluster.version,
                vpc_id=network.vpc_id,
                subnet_ids=network.private_subnet_ids,
                key=self.encryption.keys[KeyDomain.CLUSTER],
                log_key=self.encryption.keys[KeyDomain.LOGS],
                node_groups={name: group.nodes() for name, group in cluster.node_groups.items()},
                administrators=cluster.administrators,
                access_networks=cluster.access_networks,
                log_days=cluster.log_days,
                service_cidr=cluster.service_cidr,
                add_on_versions=cluster.add_on_versions,
                durability=self._durability,
            ),
        )

    def _know_the_cluster(self) -> WebIdentity:
        identity = self._settings.identity
        return WebIdentity(
            "web-identity",
            WebIdentityArgs(
                tags=self._tags,
                issuer_url=identity.issuer_url or "",
                provider_arn=identity.provider_arn,
                thumbprints=tuple(identity.thumbprints),
            ),
        )
