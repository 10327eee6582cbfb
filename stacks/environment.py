"""The composition root: what an environment consists of, and what depends on what."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from components.chart_release import Chart
from components.controllers import Balanced, ControllersArgs
from components.data_stores import BucketRole
from components.durability import Durability
from components.edge import Authentication, Edge, EdgeArgs
from components.encryption import KeyDomain
from components.identity import Identity, IdentityArgs
from components.inference_service import Autoscaling, InferenceService, InferenceServiceArgs
from components.platform import Platform, PlatformArgs
from components.proxies import Proxies
from components.route import RouteLimits
from components.tags import Tags
from components.traffic import Egress
from components.training_pipeline import Dataset, TrainingPipeline, TrainingPipelineArgs
from components.workload import AwsAccess, Image, Resources
from components.workspace import Workspace, WorkspaceArgs
from stacks.foundation import Foundation
from stacks.operations import Operations

if TYPE_CHECKING:
    import pulumi

    from stacks.release import Images, Release
    from stacks.schema import Settings
    from stacks.section import Size

SERVING = "serving"


class Environment:
    """Everything of one environment; without a release, everything but the inference service.

    Attributes:
        foundation: keys, network, stores, cluster.
        operations: how it is watched, reviewed, backed up and paid for.
        workspace: the namespace of the application.
        platform: the cluster's add-ons.
        edge: the way in.
        training: the dataset and the Job that trains on it.
        serving: the model that is released, None if none is.
    """

    def __init__(self, settings: Settings, images: Images, release: Release | None) -> None:
        self._settings = settings
        self._images = images
        self.foundation = Foundation(settings, self._tags, self._durability)
        self.operations = Operations(settings, self._tags, self._durability, self.foundation)
        self.workspace = self._set_apart()
        self.platform = self._equip()
        self.edge = self._let_in()
        self.training = self._train()
        self.serving = self._serve(release) if release else None

    def exports(self) -> dict[str, pulumi.Input[str] | pulumi.Input[int] | None]:
        """What commands and other stacks may rely on, by name."""
        foundation = self.foundation
        raw = foundation.data_stores.buckets[BucketRole.RAW]
        artifacts = foundation.data_stores.buckets[BucketRole.ARTIFACTS]
        cluster, registry, recovery = foundation.cluster, foundation.model_registry, self.operations.recovery
        return {
            "namespace": self.workspace.namespace,
            "raw_bucket": raw.bucket_name,
            "raw_bucket_arn": raw.arn,
            "artifact_bucket": artifacts.bucket_name,
            "artifact_bucket_arn": artifacts.arn,
            **{f"{domain}_key_arn": key.arn for domain, key in foundation.encryption.keys.items()},
            "cluster_name": cluster.cluster_name if cluster else None,
            "cluster_access_group": cluster.access_group_id if cluster else None,
            "kubeconfig": cluster.kubeconfig if cluster else None,
            **{
                f"{image}_repository": url
                for image, url in (registry.repository_urls if registry else {}).items()
            },
            "signing_profile_arn": registry.signing_profile_arn if registry else None,
            "signing_profile_version_arn": registry.signing_profile_version_arn if registry else None,
            "backup_vault_arn": recovery.vault_arn if recovery else None,
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

    def _set_apart(self) -> Workspace:
        return Workspace(
            "workspace",
            WorkspaceArgs(self._tags, self._settings.workloads.namespace),
            self.foundation.in_cluster,
        )

    def _controllers(self) -> ControllersArgs | None:
        settings, cluster, network = self._settings, self.foundation.cluster, self.foundation.network
        wanted = settings.platform.controllers
        if not wanted:
            return None
        balanced = (
            Balanced(
                cluster_name=cluster.cluster_name,
                account_id=settings.account_id,
                region=settings.region,
                vpc_id=network.vpc_id,
                group_id=cluster.group_id,
                web_identity=cluster.web_identity,
            )
            if cluster and network
            else None
        )
        return ControllersArgs(
            tags=self._tags,
            charts={controller: source.source() for controller, source in wanted.items()},
            cluster_networks=settings.cluster_networks,
            api_networks=settings.api_networks,
            monitoring_namespace=settings.workloads.monitoring_namespace,
            images={
                name: self._image(image)
                for source in wanted.values()
                for name, image in source.images.items()
            },
            replicas=settings.platform.controller_replicas,
            balanced=balanced,
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
                api_networks=self._settings.api_networks,
                monitoring_namespace=self._settings.workloads.monitoring_namespace,
                controllers=self._controllers(),
            ),
            self.foundation.in_cluster,
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
                authentication=(
                    Authentication(callers.issuer, callers.audiences, callers.keys_url)
                    if (callers := edge.authentication)
                    else None
                ),
                allow_unknown_callers=edge.allow_unknown_callers,
            ),
            self.foundation.in_cluster,
        )

    def _train(self) -> TrainingPipeline:
        settings = self._settings
        training = settings.training
        return TrainingPipeline(
            "training",
            TrainingPipelineArgs(
                tags=self._tags,
                namespace=self.workspace.namespace,
                web_identity=self.foundation.web_identity,
                raw_bucket=self.foundation.data_stores.buckets[BucketRole.RAW],
                raw_key=self.foundation.encryption.keys[KeyDomain.DATA],
                artifact_bucket=self.foundation.data_stores.buckets[BucketRole.ARTIFACTS],
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
            self.foundation.in_cluster,
        )

    def _serve(self, release: Release) -> InferenceService:
        settings = self._settings
        serving = settings.serving
        artifacts = self.foundation.data_stores.buckets[BucketRole.ARTIFACTS]
        # Any version of the model: while a rollout lasts, pods of two versions read theirs.
        identity = Identity(
            f"{SERVING}-identity",
            IdentityArgs(
                tags=self._tags,
                workload=SERVING,
                namespace=self.workspace.namespace,
                web_identity=self.foundation.web_identity,
                grants=[artifacts.grant_read("read the model", f"models/{release.model}/*")],
            ),
            self.foundation.in_cluster,
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
                autoscaling=(
                    Autoscaling(serving.most_replicas, serving.cpu_percent) if serving.most_replicas else None
                ),
                resources=_resources(serving.size),
                scratch=serving.scratch,
                rollout_seconds=serving.rollout_seconds,
                limits=RouteLimits(
                    request_seconds=serving.request_seconds,
                    maximum_body=serving.maximum_body,
                    maximum_connections=serving.maximum_connections,
                    requests_per_second=serving.requests_per_second,
                ),
            ),
            self.foundation.in_cluster,
        )


def _resources(size: Size) -> Resources:
    return Resources(cpu=size.cpu, memory=size.memory)
