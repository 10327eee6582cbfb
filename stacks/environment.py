"""The composition root: what an environment consists of, and what depends on what."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from components.audit import archive_name
from components.data_stores import BucketRole, DataStores, DataStoresArgs
from components.durability import Durability
from components.edge import Edge, EdgeArgs
from components.encryption import Encryption, EncryptionArgs, KeyDomain
from components.identity import Identity, IdentityArgs
from components.inference_service import InferenceService, InferenceServiceArgs
from components.platform import Chart, Platform, PlatformArgs
from components.proxies import Proxies
from components.route import RouteLimits
from components.tags import DataClass, Tags
from components.traffic import Egress
from components.training_pipeline import Dataset, TrainingPipeline, TrainingPipelineArgs
from components.web_identity import WebIdentity, WebIdentityArgs
from components.workload import AwsAccess, Image, Resources
from components.workspace import Workspace, WorkspaceArgs
from stacks.operations import Operations, key_domains, service_uses

if TYPE_CHECKING:
    import pulumi

    from stacks.release import Images, Release
    from stacks.schema import Settings
    from stacks.section import Size

SERVING = "serving"


class Environment:
    """Everything of one environment; without a release, everything but the inference service.

    Attributes:
        encryption: a key for each domain of data.
        data_stores: buckets and tables under those keys.
        operations: how it is closed off, watched, backed up and paid for.
        web_identity: the cluster's token issuer, as AWS knows it.
        workspace: the namespace of the application.
        platform: the cluster's add-ons.
        edge: the way in.
        training: the dataset and the Job that trains on it.
        serving: the model that is released, None if none is.
    """

    def __init__(self, settings: Settings, images: Images, release: Release | None) -> None:
        self._settings = settings
        self._images = images
        self.encryption = self._encrypt()
        self.data_stores = self._store()
        self.operations = Operations(
            settings, self._tags, self._durability, self.encryption, self.data_stores
        )
        self.web_identity = self._know_the_cluster()
        self.workspace = Workspace("workspace", WorkspaceArgs(self._tags, settings.workloads.namespace))
        self.platform = self._equip()
        self.edge = self._let_in()
        self.training = self._train()
        self.serving = self._serve(release) if release else None

    def exports(self) -> dict[str, pulumi.Input[str] | pulumi.Input[int] | None]:
        """What commands and other stacks may rely on, by name."""
        raw = self.data_stores.buckets[BucketRole.RAW]
        artifacts = self.data_stores.buckets[BucketRole.ARTIFACTS]
        return {
            "namespace": self.workspace.namespace,
            "raw_bucket": raw.bucket_name,
            "raw_bucket_arn": raw.arn,
            "artifact_bucket": artifacts.bucket_name,
            "artifact_bucket_arn": artifacts.arn,
            **{f"{domain}_key_arn": key.arn for domain, key in self.encryption.keys.items()},
            "dataset_key": self.training.dataset_key,
            "training_job": self.training.job_name,
            "training_version": self.training.version,
            "gateway_node_port": self.edge.node_port,
            "served_version": self.serving.version if self.serving else None,
            "served_artifact_sha256": self.serving.artifact_sha256 if self.serving else None,
        }

    @cached_property
    def _tags(self) -> Tags:
        owner = self._settings.tags
        return Tags(owner=owner.owner, cost_centre=owner.cost_centre, environment=self._settings.environment)

    @cached_property
    def _durability(self) -> Durability:
        data = self._settings.data
        return Durability(protect=data.protect, retain=data.retain, force_destroy=data.force_destroy)

    @cached_property
    def _aws(self) -> AwsAccess:
        return AwsAccess(self._settings.region, self._settings.workloads.emulator_url)

    @cached_property
    def _egress(self) -> Egress:
        workloads = self._settings.workloads
        return Egress(workloads.emulator_url, tuple(workloads.aws_networks))

    def _image(self, reference: str) -> Image:
        return Image(reference, self._settings.workloads.image_pull_policy)

    def _encrypt(self) -> Encryption:
        settings = self._settings
        records = settings.data.classification
        return Encryption(
            "encryption",
            EncryptionArgs(
                tags=self._tags,
                account_id=settings.account_id,
                region=settings.region,
                domains={
                    KeyDomain.DATA: records,
                    KeyDomain.ARTIFACTS: DataClass.CONFIDENTIAL,
                    KeyDomain.RECORDS: records,
                    **key_domains(settings),
                },
                service_uses=service_uses(settings, self._tags),
                deletion_window_days=settings.data.key_deletion_window_days,
                multi_region=settings.data.multi_region_keys,
                durability=self._durability,
            ),
        )

    def _store(self) -> DataStores:
        settings = self._settings
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
                also_logged=[archive_name(self._tags, settings.account_id)] if settings.audit else [],
                durability=self._durability,
            ),
        )

    def _know_the_cluster(self) -> WebIdentity:
        identity = self._settings.identity
        return WebIdentity(
            "web-identity",
            WebIdentityArgs(
                tags=self._tags,
                issuer_url=identity.issuer_url,
                provider_arn=identity.provider_arn,
                thumbprints=tuple(identity.thumbprints),
            ),
        )

    def _equip(self) -> Platform:
        platform = self._settings.platform
        return Platform(
            "platform",
            PlatformArgs(
                tags=self._tags,
                gateway_chart=Chart(platform.chart_reference, platform.gateway_chart_version),
                gateway_image=self._image(self._images.envoy_gateway),
                gateway_replicas=platform.gateway_replicas,
                gateway_resources=_resources(platform.gateway_size),
            ),
        )

    def _let_in(self) -> Edge:
        edge = self._settings.edge
        return Edge(
            "edge",
            EdgeArgs(
                tags=self._tags,
                gateway_namespace=self.platform.gateway_namespace,
                routes_namespace=self.workspace.namespace,
                monitoring_namespace=self._settings.workloads.monitoring_namespace,
                proxies=Proxies(
                    image=self._image(self._images.envoy),
                    exposure=edge.exposure,
                    node_port=edge.node_port,
                    service_annotations=edge.service_annotations,
                    replicas=edge.replicas,
                    resources=_resources(edge.size),
                ),
                certificate_secret=edge.certificate_secret,
                allow_plain_http=edge.allow_plain_http,
                hostname=edge.hostname,
            ),
        )

    def _train(self) -> TrainingPipeline:
        settings = self._settings
        training = settings.training
        return TrainingPipeline(
            "training",
            TrainingPipelineArgs(
                tags=self._tags,
                namespace=self.workspace.namespace,
                web_identity=self.web_identity,
                raw_bucket=self.data_stores.buckets[BucketRole.RAW],
                raw_key=self.encryption.keys[KeyDomain.DATA],
                artifact_bucket=self.data_stores.buckets[BucketRole.ARTIFACTS],
                image=self._image(self._images.pipeline),
                aws=self._aws,
                egress=self._egress,
                dataset=Dataset(training.dataset_name, training.dataset_path, settings.data.classification),
                model=training.model,
                hyperparameters=training.hyperparameters,
                resources=_resources(training.size),
                scratch=training.scratch,
                deadline_seconds=training.deadline_seconds,
            ),
        )

    def _serve(self, release: Release) -> InferenceService:
        settings = self._settings
        serving = settings.serving
        artifacts = self.data_stores.buckets[BucketRole.ARTIFACTS]
        # Any version of the model: while a rollout lasts, pods of two versions read theirs.
        identity = Identity(
            f"{SERVING}-identity",
            IdentityArgs(
                tags=self._tags,
                workload=SERVING,
                namespace=self.workspace.namespace,
                web_identity=self.web_identity,
                grants=[artifacts.grant_read("read the model", f"models/{release.model}/*")],
            ),
        )
        return InferenceService(
            SERVING,
            InferenceServiceArgs(
                tags=self._tags,
                namespace=self.workspace.namespace,
                edge=self.edge,
                image=self._image(release.image or self._images.serving),
                identity=identity,
                aws=self._aws,
                egress=self._egress,
                model=release.model,
                version=release.version,
                artifact_sha256=release.artifact_sha256,
                artifact_bucket=artifacts.bucket_name,
                monitoring_namespace=settings.workloads.monitoring_namespace,
                replicas=serving.replicas,
                resources=_resources(serving.size),
                scratch=serving.scratch,
                rollout_seconds=serving.rollout_seconds,
                limits=RouteLimits(
                    request_seconds=serving.request_seconds,
                    maximum_body=serving.maximum_body,
                    maximum_connections=serving.maximum_connections,
                ),
            ),
        )


def _resources(size: Size) -> Resources:
    return Resources(cpu=size.cpu, memory=size.memory)
