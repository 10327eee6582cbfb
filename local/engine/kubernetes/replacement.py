"""Which changes the API server can't make to an existing object.

The table is the official provider's (`provider/pkg/provider/diff.go`, `forceNew`), so that a plan is the same
with either; what it doesn't know is asked of the server by a dry run, whose refusals are read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from local.engine.kubernetes.comparison import Path, parse, touches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.engine.kubernetes.errors import ApiError
    from local.engine.kubernetes.kinds import Kind
    from local.engine.kubernetes.objects import Object

_SELECTOR: Final = ("spec.selector",)
_CONTAINER_FIELDS: Final = """
    args command env image imagePullPolicy lifecycle livenessProbe ports readinessProbe resources
    securityContext stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices
    volumeMounts workingDir
"""
_POD_FIELDS: Final = """
    affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC
    hostNetwork hostPID hostname imagePullSecrets nodeName nodeSelector overhead preemptionPolicy
    priority priorityClassName readinessGates restartPolicy runtimeClassName schedulerName
    securityContext serviceAccount serviceAccountName shareProcessNamespace subdomain
    terminationGracePeriodSeconds volumes
"""
_VOLUME_FIELDS: Final = """
    awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk
    glusterfs hostPath iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO
    storageos vsphereVolume
"""


def _under(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names.split())


_CONTAINERS: Final = _under("spec.containers[*]", _CONTAINER_FIELDS) + _under(
    "spec.initContainers[*]", _CONTAINER_FIELDS
)
_JOB: Final = ("spec.completions", "spec.parallelism", "spec.selector", "spec.template")
_STATEFUL_SET: Final = (
    "spec.podManagementPolicy",
    "spec.revisionHistoryLimit",
    "spec.selector",
    "spec.serviceName",
    "spec.volumeClaimTemplates",
)

FORCE_NEW: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("apps", "DaemonSet"): _SELECTOR,
    ("apps", "Deployment"): _SELECTOR,
    ("apps", "StatefulSet"): _STATEFUL_SET,
    ("batch", "Job"): _JOB,
    ("", "PersistentVolume"): _under("spec", _VOLUME_FIELDS),
    ("", "PersistentVolumeClaim"): (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeName",
    ),
    ("", "Pod"): _under("spec", _POD_FIELDS) + _CONTAINERS,
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Service"): ("spec.clusterIP",),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
}
"""Properties by API group and kind; any version of the group."""

IDENTITY: Final = ("metadata.name", "metadata.namespace", "kind")

_REFUSALS: Final = re.compile(
    r"immutable|updates to .* forbidden|may not (?:be )?change"
    r"|(?:may|can|must) ?not be (?:changed|updated|modified)"
)
"""How the API server and the validation rules of CRDs say that a field can't be changed."""


@dataclass(frozen=True, slots=True)
class Mutability:
    """Whether the content of ConfigMaps and Secrets may change in place.

    The official provider replaces them, so that what depends on an automatic name is rolled; its settings
    `enableConfigMapMutable` and `enableSecretMutable` turn that off.
    """

    config_maps: bool = False
    secrets: bool = False


def force_new(kind: Kind, thing: Object, mutability: Mutability) -> tuple[Path, ...]:
    """The paths whose change demands a new object."""
    fixed = bool(thing.get("immutable"))
    names: tuple[str, ...] = FORCE_NEW.get((kind.group, kind.name), ())
    if kind.group == "" and kind.name == "Secret":
        names = ("type",) if mutability.secrets and not fixed else ("type", "stringData", "data")
    elif kind.group == "" and kind.name == "ConfigMap" and (fixed or not mutability.config_maps):
        names = ("binaryData", "data")
    return tuple(parse(name) for name in (*IDENTITY, *names))


def replaced(changed: Iterable[Path], patterns: Iterable[Path]) -> set[Path]:
    """Those of the changed paths that a pattern is touched by."""
    wanted = list(patterns)
    return {path for path in changed if any(touches(pattern, path) for pattern in wanted)}


def is_refusal(error: ApiError) -> bool:
    """Whether the API server says that an existing object can't be changed so."""
    return error.is_invalid and bool(_REFUSALS.search(str(error)))


def refused(changed: Iterable[Path], error: ApiError) -> set[Path]:
    """Those of the changed paths that a refusal is about; all but metadata if it doesn't say which."""
    paths = set(changed)
    named = [parse(cause.field) for cause in error.causes if cause.field and _REFUSALS.search(cause.message)]
    # A refusal of "spec" as a whole lists which parts may change; what it meant is everything below.
    return replaced(paths, named) or {path for path in paths if path[0] != "metadata"} or paths
