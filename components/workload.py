"""What every pod of ours has in common: restrictions, an identity in AWS, and a scratch folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import pulumi_kubernetes as kubernetes

from app import contract
from components.web_identity import TOKEN_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

    from components.identity import Identity

DIGEST_REFERENCE = re.compile(r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}")
"""An image by content, such as registry/name@sha256:...; a tag can be moved, a digest can't."""

TOKEN_FOLDER = "/var/run/secrets/aws"  # noqa: S105 - where a token is, not a token
TOKEN_FILE = "token"  # noqa: S105 - what it is called
TOKEN_SECONDS = 3600
"""The kubelet renews the token at 80 % of this."""

core = kubernetes.core.v1


class PullPolicy(StrEnum):
    """When a node fetches an image; with digests the content is the same either way."""

    NEVER = "Never"
    IF_NOT_PRESENT = "IfNotPresent"


@dataclass(frozen=True)
class Image:
    """A container image by its content.

    Attributes:
        reference: name and digest, `name@sha256:...`; a tag is refused.
        pull_policy: Never where images are loaded into the node beforehand; default IfNotPresent.
    """

    reference: str
    pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT

    def __post_init__(self) -> None:
        """Refuse what could change behind the release's back."""
        if not DIGEST_REFERENCE.fullmatch(self.reference):
            raise ValueError(
                f"The image {self.reference!r} is not given by digest (name@sha256: and 64 hexadecimal "
                "digits). What a tag names can change after it was tested; take the digest that "
                "the registry or the build reports."
            )

    @property
    def digest(self) -> str:
        """The content's own name, `sha256:...`."""
        return self.reference.partition("@")[2]


@dataclass(frozen=True)
class Resources:
    """What one container asks of its node.

    Attributes:
        cpu: CPU it is scheduled by and gets under contention, such as 250m. There is no CPU limit: a limit
            slows a container down on an idle node.
        memory: memory it is scheduled by and may use, such as 512Mi; beyond it the container is killed.
    """

    cpu: str
    memory: str

    def arguments(self) -> kubernetes.core.v1.ResourceRequirementsArgs:
        """Requests, and the memory limit."""
        return core.ResourceRequirementsArgs(
            requests={"cpu": self.cpu, "memory": self.memory}, limits={"memory": self.memory}
        )


@dataclass(frozen=True)
class AwsAccess:
    """How workloads reach AWS.

    Attributes:
        region: default Region of their clients.
        endpoint_url: one address for all services, default None: AWS's own. For emulators only.
    """

    region: str
    endpoint_url: str | None = None


@dataclass(frozen=True)
class Workload:
    """One container of the application, restricted.

    Attributes:
        name: of the container.
        image: what runs.
        command: how it is started.
        variables: its environment, besides AWS's own variables.
        resources: what it asks of its node.
        identity: its service account and role.
        aws: how it reaches AWS.
        scratch: size of the one writable folder, such as 256Mi; a pod that outgrows it is evicted.
    """

    name: str
    image: Image
    command: Sequence[str]
    variables: Mapping[str, pulumi.Input[str]]
    resources: Resources
    identity: Identity
    aws: AwsAccess
    scratch: str

    def container(
        self,
        *,
        ports: Sequence[kubernetes.core.v1.ContainerPortArgs] = (),
        startup_probe: kubernetes.core.v1.ProbeArgs | None = None,
        liveness_probe: kubernetes.core.v1.ProbeArgs | None = None,
        readiness_probe: kubernetes.core.v1.ProbeArgs | None = None,
        lifecycle: kubernetes.core.v1.LifecycleArgs | None = None,
    ) -> kubernetes.core.v1.ContainerArgs:
        """The container, with nothing but its scratch folder writable."""
        return core.ContainerArgs(
            name=self.name,
            image=self.image.reference,
            image_pull_policy=self.image.pull_policy.value,
            command=list(self.command),
            env=[core.EnvVarArgs(name=name, value=value) for name, value in self._environment().items()],
            ports=list(ports) or None,
            startup_probe=startup_probe,
            liveness_probe=liveness_probe,
            readiness_probe=readiness_probe,
            lifecycle=lifecycle,
            resources=self.resources.arguments(),
            security_context=container_security(),
            volume_mounts=[
                core.VolumeMountArgs(name="scratch", mount_path=contract.SCRATCH_PATH),
                core.VolumeMountArgs(name="aws-token", mount_path=TOKEN_FOLDER, read_only=True),
            ],
            # A crash's last words reach `kubectl describe`, and with it the engine's diagnostics.
            termination_message_policy="FallbackToLogsOnError",
        )

    def volumes(self) -> list[kubernetes.core.v1.VolumeArgs]:
        """The scratch folder, and the token by which AWS knows the workload."""
        token = core.ServiceAccountTokenProjectionArgs(
            path=TOKEN_FILE, audience=TOKEN_AUDIENCE, expiration_seconds=TOKEN_SECONDS
        )
        return [
            core.VolumeArgs(name="scratch", empty_dir=core.EmptyDirVolumeSourceArgs(size_limit=self.scratch)),
            core.VolumeArgs(
                name="aws-token",
                projected=core.ProjectedVolumeSourceArgs(
                    sources=[core.VolumeProjectionArgs(service_account_token=token)]
                ),
            ),
        ]

    def _environment(self) -> dict[str, pulumi.Input[str]]:
        endpoint: dict[str, pulumi.Input[str]] = (
            {"AWS_ENDPOINT_URL": self.aws.endpoint_url} if self.aws.endpoint_url else {}
        )
        return {
            **self.variables,
            "AWS_REGION": self.aws.region,
            "AWS_ROLE_ARN": self.identity.role_arn,
            "AWS_ROLE_SESSION_NAME": self.name,
            "AWS_WEB_IDENTITY_TOKEN_FILE": f"{TOKEN_FOLDER}/{TOKEN_FILE}",
            # The instance metadata service is no way to credentials here; not asking it fails fast.
            "AWS_EC2_METADATA_DISABLED": "true",
            **endpoint,
            # Libraries that write where they like find the one place where they can.
            "HOME": contract.SCRATCH_PATH,
            "TMPDIR": contract.SCRATCH_PATH,
        }


def pod_security() -> kubernetes.core.v1.PodSecurityContextArgs:
    """Pod Security Standard "restricted", and one user for all containers."""
    return core.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=contract.USER_ID,
        run_as_group=contract.USER_ID,
        fs_group=contract.USER_ID,
        seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
    )


def container_security() -> kubernetes.core.v1.SecurityContextArgs:
    """No privilege, no capability, no writable root."""
    return core.SecurityContextArgs(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        run_as_non_root=True,
        capabilities=core.CapabilitiesArgs(drop=["ALL"]),
        seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
    )
