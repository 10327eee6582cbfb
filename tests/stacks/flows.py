"""The application's own flows on the emulator, under the very policies that the program declares.

Every call to AWS passes a gate that writes down who did what to which resource and, as AWS would, refuses
what the caller's policies do not allow. What AWS does in the caller's name with a key (S3 encrypts and
decrypts under the bucket's) is part of the call.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from iam import Request, allowed, applies
from moto import mock_aws

from app.contract import artifact_key
from app.serve.loader import Loader
from app.serve.readiness import Readiness
from app.serve.settings import ServingSettings
from app.storage import BucketStore
from app.train import __main__ as training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pytest
    from recording import Recording

REGION = "eu-central-1"
RELEASED = "released"
ROLLED_BACK = "before"

KEY_USE = {"GetObject": "kms:Decrypt", "PutObject": "kms:GenerateDataKey"}
"""What S3 does with the bucket's key in the caller's name (Protecting data with SSE-KMS, S3 User Guide)."""


HEADERS = {
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
}
"""What a writer says of encryption, by boto3's name and by the header that bucket policies read."""


@dataclass(frozen=True)
class Use:
    """One thing that one role did."""

    role: str
    request: Request


@dataclass
class Gate:
    """Between the application and AWS.

    Attributes:
        policies: statements by role.
        keys: ARN of each bucket's key.
        buckets: statements of each bucket's own policy.
        uses: everything that was asked for.
    """

    policies: Mapping[str, list[dict[str, Any]]]
    keys: Mapping[str, str]
    buckets: Mapping[str, list[dict[str, Any]]]
    uses: list[Use] = field(default_factory=list)
    role: str = ""

    def requests(self, operation: str, parameters: Mapping[str, Any]) -> list[Request]:
        """What a call asks of IAM.

        Raises:
            LookupError: a flow makes a call that nobody has said the meaning of.
        """
        if operation not in KEY_USE:
            raise LookupError(f"A flow calls s3:{operation}; say in flows.py what it asks for.")
        bucket = f"arn:aws:s3:::{parameters['Bucket']}"
        context = {
            "kms:ViaService": f"s3.{REGION}.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": bucket,
        }
        return [
            Request(f"s3:{operation}", f"{bucket}/{parameters['Key']}"),
            Request(KEY_USE[operation], self.keys[parameters["Bucket"]], context),
        ]

    def judge(self, params: Mapping[str, Any], model: Any, **_: Any) -> tuple[Any, Any] | None:
        """Botocore's `before-call` hook: an answer given here is taken for AWS's."""
        if not self.role:
            return None
        wanted = self.requests(model.name, params["context"]["asked"])
        self.uses += [Use(self.role, request) for request in wanted]
        refused = [request for request in wanted if not allowed(self.policies[self.role], request)]
        refused += [request for request in wanted if self._denied(request, params["context"]["asked"])]
        if not refused:
            return None
        message = f"{self.role} is not allowed {refused[0].action} on {refused[0].resource}"
        answer = {"Error": {"Code": "AccessDenied", "Message": message}, "ResponseMetadata": {}}
        return SimpleNamespace(status_code=403), answer

    def _denied(self, request: Request, asked: Mapping[str, Any]) -> bool:
        """Whether the bucket's own policy refuses a request, over TLS as boto3 makes it."""
        sent = {f"s3:{header}": asked[name] for name, header in HEADERS.items() if name in asked}
        told = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3", **sent, **request.context}
        return any(
            statement["Effect"] == "Deny" and applies(statement, replace(request, context=told))
            for statement in self.buckets[asked["Bucket"]]
        )

    def note(self, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        """Botocore's `before-parameter-build` hook: the call in the caller's own words."""
        context["asked"] = dict(params)


def statements_of(recording: Recording, role: str) -> list[dict[str, Any]]:
    """What the program declares that a role may do."""
    return [
        statement
        for policy in recording.of("aws:iam/rolePolicy:RolePolicy")
        if policy.inputs["role"] == role
        for statement in json.loads(policy.inputs["policy"])["Statement"]
    ]


def variables_of(recording: Recording, kind: str) -> dict[str, str]:
    """Environment that the program gives a workload's container."""
    (container,) = recording.one(kind).inputs["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: str(variable["value"]) for variable in container["env"]}


def keys_of(recording: Recording) -> dict[str, str]:
    """The key that each bucket encrypts under."""
    named = {b.name: b.inputs["bucket"] for b in recording.of("aws:s3/bucket:Bucket")}
    found = {}
    for encryption in recording.of("BucketServerSideEncryptionConfiguration"):
        default = encryption.inputs["rules"][0]["applyServerSideEncryptionByDefault"]
        if default.get("kmsMasterKeyId"):
            bucket = encryption.name.removesuffix("-encryption") + "-bucket"
            found[named[bucket]] = default["kmsMasterKeyId"]
    return found


def buckets_of(recording: Recording) -> dict[str, list[dict[str, Any]]]:
    """What each bucket's own policy says."""
    named = {b.name: b.inputs["bucket"] for b in recording.of("aws:s3/bucket:Bucket")}
    return {
        named[policy.name.removesuffix("-policy") + "-bucket"]: json.loads(policy.inputs["policy"])[
            "Statement"
        ]
        for policy in recording.of("aws:s3/bucketPolicy:BucketPolicy")
    }


@dataclass(frozen=True)
class Stage:
    """Where flows are played.

    Attributes:
        recording: what the program declares.
        dataset: a small one, in place of the declared one, under its name.
        artifact: a model that loads.
        scratch: a folder for local copies.
        patch: for environment variables.
    """

    recording: Recording
    dataset: bytes
    artifact: bytes
    scratch: Path
    patch: pytest.MonkeyPatch

    def play(self, name: str, gate: Gate) -> bool:
        """Play one flow to its end on fresh buckets; give whether it succeeded."""
        with self._world(gate) as s3:
            return FLOWS[name](self, s3, gate)

    @contextmanager
    def _world(self, gate: Gate) -> Iterator[Any]:
        session = boto3.Session("test", "test", region_name=REGION)
        session.events.register("before-parameter-build.s3.*", gate.note)
        session.events.register("before-call.s3.*", gate.judge)
        with mock_aws():
            self.patch.setattr(boto3, "DEFAULT_SESSION", session)
            s3 = session.client("s3")
            for bucket in gate.keys:
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            yield s3
            gate.role = ""

    def train(self, s3: Any, gate: Gate) -> bool:
        """The Job, as the program starts it."""
        variables = variables_of(self.recording, "kubernetes:batch/v1:Job")
        changed = {
            "PLINTH_DATASET_SHA256": hashlib.sha256(self.dataset).hexdigest(),
            "PLINTH_HYPERPARAMETERS": '{"trees": 5, "folds": 2, "bootstrap_samples": 100}',
        }
        for name, value in {**variables, **changed}.items():
            if name.startswith("PLINTH_"):
                self.patch.setenv(name, value)
        gate.role = ""
        bucket, key = variables["PLINTH_RAW_BUCKET"], variables["PLINTH_DATASET_KEY"]
        s3.put_object(Bucket=bucket, Key=key, Body=self.dataset)
        gate.role = variables["AWS_ROLE_ARN"].rpartition("/")[2]
        return training.main([]) == 0

    def train_again(self, s3: Any, gate: Gate) -> bool:
        """The Job once more, on what it left."""
        return self.train(s3, gate) and self.train(s3, gate)

    def serve(self, s3: Any, gate: Gate, version: str = RELEASED) -> bool:
        """A pod of the inference service, until it is ready."""
        variables = variables_of(self.recording, "kubernetes:apps/v1:Deployment")
        model, bucket = variables["PLINTH_MODEL"], variables["PLINTH_ARTIFACT_BUCKET"]
        gate.role = ""
        s3.put_object(Bucket=bucket, Key=artifact_key(model, version), Body=self.artifact)
        gate.role = variables["AWS_ROLE_ARN"].rpartition("/")[2]
        settings = ServingSettings(
            model=model,
            model_version=version,
            artifact_bucket=bucket,
            artifact_sha256=hashlib.sha256(self.artifact).hexdigest(),
            scratch=self.scratch,
        )
        readiness = Readiness()
        loader = Loader(settings, BucketStore(bucket), readiness)
        loader.local_copy.unlink(missing_ok=True)
        try:
            loader._load()
        except Exception:  # noqa: BLE001 - whatever keeps it from serving
            return False
        return readiness.ready

    def roll_back(self, s3: Any, gate: Gate) -> bool:
        """A pod of the version before."""
        return self.serve(s3, gate, ROLLED_BACK)


FLOWS: dict[str, Callable[[Stage, Any, Gate], bool]] = {
    "train": Stage.train,
    "train again": Stage.train_again,
    "serve": Stage.serve,
    "roll back": Stage.roll_back,
}
