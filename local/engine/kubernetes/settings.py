"""The provider's configuration, as the SDK's Provider arguments and their environment variables have it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine.kubernetes.kubeconfig import is_emulated
from local.engine.kubernetes.replacement import Mutability
from local.engine.values import has_unknown

if TYPE_CHECKING:
    from local.engine.values import Properties


@dataclass(frozen=True)
class Settings:
    """What the program or the stack's config chose.

    Attributes:
        kubeconfig: text, path or content of a kubeconfig; None takes the ambient one.
        context: a context's name; None takes the current one.
        cluster: a cluster's name; None takes the context's.
        namespace: where objects go that name none; None takes the context's own.
        render_directory: manifests are written here and no cluster is touched.
        always_render: manifests are written even if nothing changed.
        patch_force: fields that others own are taken without asking.
        upsert: an object that exists already, and is nobody's, is taken over by a create.
        delete_unreachable: resources of a cluster that doesn't answer are dropped from the state.
        mutability: whether ConfigMaps and Secrets are changed in place.
        helm: the SDK's `helmReleaseSettings`.
    """

    kubeconfig: str | Mapping[str, Any] | None = None
    context: str | None = None
    cluster: str | None = None
    namespace: str | None = None
    render_directory: Path | None = None
    always_render: bool = False
    patch_force: bool = False
    upsert: bool = False
    delete_unreachable: bool = False
    mutability: Mutability = field(default_factory=Mutability)
    helm: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, variables: Properties, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the decoded configuration; what it doesn't say may stand in the environment."""
        surroundings = os.environ if environment is None else environment

        def flag(name: str, variable: str) -> bool:
            value = variables.get(name, surroundings.get(f"PULUMI_K8S_{variable}", ""))
            return str(value).lower() in {"true", "1"}

        directory = variables.get("renderYamlToDirectory") or surroundings.get(
            "PULUMI_K8S_RENDER_YAML_TO_DIRECTORY"
        )
        helm = variables.get("helmReleaseSettings")
        return cls(
            kubeconfig=None if _is_at_hand(variables.get("kubeconfig")) else variables.get("kubeconfig"),
            context=variables.get("context"),
            cluster=variables.get("cluster"),
            namespace=variables.get("namespace"),
            render_directory=Path(directory) if directory else None,
            always_render=flag("alwaysRender", "ALWAYS_RENDER"),
            patch_force=flag("enablePatchForce", "ENABLE_PATCH_FORCE"),
            upsert=flag("upsertExistingObjects", "UPSERT_EXISTING_OBJECTS"),
            delete_unreachable=flag("deleteUnreachable", "DELETE_UNREACHABLE"),
            mutability=Mutability(
                config_maps=flag("enableConfigMapMutable", "ENABLE_CONFIGMAP_MUTABLE"),
                secrets=flag("enableSecretMutable", "ENABLE_SECRET_MUTABLE"),
            ),
            helm=helm if isinstance(helm, Mapping) else {},
        )


def _is_at_hand(kubeconfig: Any) -> bool:  # noqa: ANN401 - text, a mapping, or not known yet
    """Whether the ambient cluster stands for this one: it is emulated, or at a preview still to be made."""
    return has_unknown(kubeconfig) or is_emulated(kubeconfig)
