"""From the SDK's type tokens to Kubernetes kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping

RELEASE_TOKEN: Final = "kubernetes:helm.sh/v3:Release"  # noqa: S105 - a type token

_COMPONENTS: Final = {
    "kubernetes:helm.sh/v4:Chart": "a helm.sh/v3 Release or Chart",
    "kubernetes:yaml/v2:ConfigFile": "a yaml.ConfigFile",
    "kubernetes:yaml/v2:ConfigGroup": "a yaml.ConfigGroup",
    "kubernetes:kustomize/v2:Directory": "a yaml.ConfigGroup of the rendered manifests",
}


WITHOUT_NAMESPACE: Final = frozenset(
    [
        "APIService",
        "CSIDriver",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "GatewayClass",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    ]
)
"""Kinds that live in no namespace, for as long as no server can be asked."""


@dataclass(frozen=True, slots=True)
class Kind:
    """An API kind.

    Attributes:
        api_version: as a manifest has it, such as `v1` or `apps/v1`.
        name: such as `Deployment`.
    """

    api_version: str
    name: str

    @property
    def group(self) -> str:
        """The API group; empty for the core one."""
        return self.api_version.rpartition("/")[0]

    @property
    def path(self) -> str:
        """Where the API server serves the group's version."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"

    def __str__(self) -> str:
        return f"{self.api_version} {self.name}"


def kind_of(token: str, inputs: Mapping[str, Any]) -> Kind:
    """The kind that a type token stands for; what the inputs say comes first.

    Raises:
        ProviderError: the token is of a sort that can't be managed, with what to use instead.
    """
    _, _, rest = token.partition(":")
    group_version, _, name = rest.rpartition(":")
    if token in _COMPONENTS:
        raise ProviderError(
            f"{token} is built inside the official provider and has no stand-in. "
            f"Use {_COMPONENTS[token]} instead."
        )
    if not group_version or not name:
        raise ProviderError(
            f"{token!r} is not a Kubernetes type: expected kubernetes:<group>/<version>:<Kind>, "
            "such as kubernetes:apps/v1:Deployment."
        )
    _, slash, version = group_version.partition("/")
    from_token = version if slash and group_version.startswith("core/") else group_version
    api_version = inputs.get("apiVersion")
    kind_name = inputs.get("kind")
    kind = Kind(
        api_version if isinstance(api_version, str) else from_token,
        kind_name if isinstance(kind_name, str) else name,
    )
    _refuse_what_is_no_object(token, name, kind, built_in=_is_built_in(group_version))
    return kind


def _is_built_in(group_version: str) -> bool:
    group = group_version.partition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def _refuse_what_is_no_object(token: str, name: str, kind: Kind, *, built_in: bool) -> None:
    if name.endswith("Patch") and (built_in or kind.name == name.removesuffix("Patch")):
        raise ProviderError(
            f"{token} patches an object that somebody else owns; the stand-in has no patches. Declare "
            f"the {name.removesuffix('Patch')} itself (import it if it exists), or leave it to its owner."
        )
    if name.endswith("List") and built_in:
        raise ProviderError(
            f"{token} is a list, which exists in the API's answers only. "
            f"Declare each {name.removesuffix('List')} by itself."
        )


def identity_of(namespace: str, name: str) -> str:
    """The id in the engine's state: `namespace/name`, or `name` for what has no namespace."""
    return f"{namespace}/{name}" if namespace else name


def parse_identity(identity: str) -> tuple[str, str]:
    """Namespace (may be empty) and name of an id.

    Raises:
        ProviderError: the id is empty or has too many parts.
    """
    namespace, _, name = identity.rpartition("/")
    if not name or "/" in namespace:
        raise ProviderError(
            f"{identity!r} is not an id of a Kubernetes object: expected NAMESPACE/NAME, or NAME "
            "for a kind without a namespace."
        )
    return namespace, name
