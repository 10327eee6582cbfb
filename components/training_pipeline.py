"""Training as a Job whose name says what went in, so that the same inputs train once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from app import contract
from components.identity import Identity, IdentityArgs
from components.workload import AwsAccess, Image, Resources, Workload, pod_security

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.bucket import Bucket
    from components.encryption import DataKey
    from components.tags import DataClass, Tags
    from components.traffic import Egress
    from components.web_identity import WebIdentity

COMPONENT = "training-pipeline"

VERSION_DIGITS = 12
"""Hexadecimal digits of a run's digest: 48 bits, and short enough for every name it becomes part of."""

DEFAULT_RESOURCES = Resources(cpu="500m", memory="2Gi")

Hyperparameter = str | int | float | bool | None


@dataclass(frozen=True)
class Dataset:
    """A file of records beside the program.

    Attributes:
        name: of the dataset, lower case; its folder in the raw bucket.
        path: of the file.
        data_class: how sensitive its records are.
    """

    name: str
    path: Path
    data_class: DataClass

    def sha256(self) -> str:
        """Hash of the file's content, 64 hexadecimal digits.

        Raises:
            ValueError: the file isn't there.
        """
        try:
            return hashlib.sha256(self.path.read_bytes()).hexdigest()
        except FileNotFoundError as error:
            raise ValueError(
                f"The dataset {self.path} does not exist. Put it there, or change dataset in plinth:training."
            ) from error

    @property
    def suffix(self) -> str:
        """All of the file's extensions, such as `.csv.gz`."""
        return "".join(self.path.suffixes)


@dataclass(frozen=True)
class TrainingPipelineArgs:
    """What training needs to know.

    Attributes:
        tags: ownership.
        namespace: where it runs.
        web_identity: the cluster's token issuer.
        raw_bucket: where the dataset goes, and is read from.
        raw_key: the key that it is encrypted with there.
        artifact_bucket: where models and manifests go; what older runs wrote stays.
        image: the pipeline image; its digest is the code version of the run.
        aws: how the Job reaches AWS.
        egress: where it may connect to.
        dataset: what is trained on.
        model: name of the model.
        hyperparameters: JSON values by name, default none: the application's own defaults.
        resources: of the Job. Too little memory ends the run.
        scratch: room for the dataset and the artifact on their way, default 1Gi.
        deadline_seconds: how long a run may take, attempts included, default 1800; then it has failed.
        attempts_again: how often a failed run is tried again, default 2.
    """

    tags: Tags
    namespace: pulumi.Input[str]
    web_identity: WebIdentity
    raw_bucket: Bucket
    raw_key: DataKey
    artifact_bucket: Bucket
    image: Image
    aws: AwsAccess
    egress: Egress
    dataset: Dataset
    model: str
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    resources: Resources = DEFAULT_RESOURCES
    scratch: str = "1Gi"
    deadline_seconds: int = 1800
    attempts_again: int = 2


class TrainingPipeline(pulumi.ComponentResource):
    """The dataset in the raw bucket, and the Job that trains on it.

    Attributes:
        dataset_key: where the dataset is in the raw bucket.
        job_name: the Job; known only when it has succeeded.
        version: name of the run, and so of the model version it writes; likewise.
    """

    dataset_key: pulumi.Output[str]
    job_name: pulumi.Output[str]
    version: pulumi.Output[str]

    def __init__(
        self, name: str, args: TrainingPipelineArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("plinth:index:TrainingPipeline", name, None, opts)
        self._prefix = name
        self._args = args
        self._dataset_sha256 = args.dataset.sha256()
        self._run = run_version(args, self._dataset_sha256)
        self._dataset_key = f"datasets/{args.dataset.name}/{self._dataset_sha256}{args.dataset.suffix}"
        self._selector = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": COMPONENT}
        dataset = self._create_dataset()
        identity = self._create_identity()
        network_policy = self._create_network_policy()
        job = self._create_job(identity, dataset, network_policy)
        self.dataset_key = dataset.key
        self.job_name = job.metadata.name
        self.version = job.id.apply(lambda _: self._run)
        self.register_outputs(
            {"dataset_key": self.dataset_key, "job_name": self.job_name, "version": self.version}
        )

    def _metadata(self, name: str) -> kubernetes.meta.v1.ObjectMetaArgs:
        return kubernetes.meta.v1.ObjectMetaArgs(
            name=name,
            namespace=self._args.namespace,
            labels={**self._args.tags.kubernetes(COMPONENT), **self._selector},
        )

    def _create_dataset(self) -> aws.s3.BucketObjectv2:
        args = self._args
        return aws.s3.BucketObjectv2(
            f"{self._prefix}-dataset",
            bucket=args.raw_bucket.bucket_name,
            key=self._dataset_key,
            source=pulumi.FileAsset(str(args.dataset.path)),
            source_hash=self._dataset_sha256,
            server_side_encryption="aws:kms",
            kms_key_id=args.raw_key.arn,
            bucket_key_enabled=True,
            tags=args.tags.aws(COMPONENT, args.dataset.data_class),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_identity(self) -> Identity:
        args = self._args
        run = str(Path(contract.manifest_key(args.model, self._run)).parent)
        return Identity(
            f"{self._prefix}-identity",
            IdentityArgs(
                tags=args.tags,
                workload="training",
                namespace=args.namespace,
                web_identity=args.web_identity,
                grants=[
                    args.raw_bucket.grant_read("read the dataset", self._dataset_key),
                    # Of this run only: what was released from an older one can't be overwritten.
                    args.artifact_bucket.grant_write("write the run", f"{run}/*"),
                    args.artifact_bucket.grant_read("find a run that is complete", f"{run}/*"),
                ],
            ),
            pulumi.ResourceOptions(parent=self),
        )

    def _create_network_policy(self) -> kubernetes.networking.v1.NetworkPolicy:
        return kubernetes.networking.v1.NetworkPolicy(
            f"{self._prefix}-network-policy",
            metadata=self._metadata(self._prefix),
            spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
                pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=self._selector),
                policy_types=["Ingress", "Egress"],
                egress=self._args.egress.rules(),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_job(
        self,
        identity: Identity,
        dataset: aws.s3.BucketObjectv2,
        network_policy: kubernetes.networking.v1.NetworkPolicy,
    ) -> kubernetes.batch.v1.Job:
        args = self._args
        return kubernetes.batch.v1.Job(
            f"{self._prefix}-job",
            metadata=self._metadata(f"train-{self._run}"),
            spec=kubernetes.batch.v1.JobSpecArgs(
                backoff_limit=args.attempts_again,
                active_deadline_seconds=args.deadline_seconds,
                # No time to live: a Job that vanished would look like one that has to run again.
                template=self._pod_template(identity, dataset),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[dataset, identity, network_policy],
                # Its name says what it runs on, so one that has to run again bears the name of the first.
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create=f"{args.deadline_seconds + 60}s"),
            ),
        )

    def _pod_template(
        self, identity: Identity, dataset: aws.s3.BucketObjectv2
    ) -> kubernetes.core.v1.PodTemplateSpecArgs:
        args = self._args
        variable = contract.TrainingVariable
        workload = Workload(
            name="training",
            image=args.image,
            command=contract.TRAINING_COMMAND,
            variables={
                variable.MODEL.value: args.model,
                variable.MODEL_VERSION.value: self._run,
                variable.RAW_BUCKET.value: args.raw_bucket.bucket_name,
                variable.DATASET_KEY.value: dataset.key,
                variable.DATASET_SHA256.value: self._dataset_sha256,
                variable.ARTIFACT_BUCKET.value: args.artifact_bucket.bucket_name,
                variable.CODE_VERSION.value: args.image.digest,
                variable.HYPERPARAMETERS.value: json.dumps(dict(args.hyperparameters), sort_keys=True),
            },
            resources=args.resources,
            identity=identity,
            aws=args.aws,
            scratch=args.scratch,
        )
        return kubernetes.core.v1.PodTemplateSpecArgs(
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                labels={**args.tags.kubernetes(COMPONENT), **self._selector}
            ),
            spec=kubernetes.core.v1.PodSpecArgs(
                service_account_name=identity.service_account_name,
                automount_service_account_token=False,
                enable_service_links=False,
                restart_policy="Never",
                security_context=pod_security(),
                containers=[workload.container()],
                volumes=workload.volumes(),
            ),
        )


def run_version(args: TrainingPipelineArgs, dataset_sha256: str) -> str:
    """Name of a run: a digest of everything that decides its result, 12 hexadecimal digits.

    Where it runs and with how much memory doesn't decide it, and isn't part of it.
    """
    inputs = {
        "model": args.model,
        "dataset": dataset_sha256,
        "image": args.image.digest,
        "hyperparameters": dict(args.hyperparameters),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:VERSION_DIGITS]
