"""Resources from `pulumi stack export` and from rendered Kubernetes manifests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import yaml

from policies.core import yaml_reader
from policies.core.errors import PolicyInputError
from policies.core.resources import RELEASE_TYPE, Resource, canonical_type
from policies.core.values import UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
"""Marks secrets, assets and outputs inside the engine's JSON."""
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the engine's public marker, no secret
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_VALUES: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""How the engine writes values that it doesn't know yet."""
MANIFEST_TYPE_PREFIX: Final = "kubernetes:"


def read_state(path: Path) -> tuple[str, list[Resource]]:
    """The stack's name and its resources, from an export.

    Raises:
        PolicyInputError: it is no export, or an operation on it is pending, so that it may not be the truth.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise PolicyInputError(
            f"{path}: no readable JSON: {error}. Write it by `pulumi stack export --show-secrets`."
        ) from error
    deployment = held.get("deployment") if isinstance(held, dict) else None
    resources = deployment.get("resources") if isinstance(deployment, dict) else None
    if not isinstance(deployment, dict) or not isinstance(resources, list) or not resources:
        raise PolicyInputError(
            f"{path}: holds no deployment with resources. Write it by `pulumi stack export --show-secrets`."
        )
    if deployment.get("pending_operations") or deployment.get("pendingOperations"):
        raise PolicyInputError(
            f"{path}: operations are pending, the state may not be the truth. Run `pulumi up` first."
        )
    found = [_resource(path, entry) for entry in resources if not _is_leaving(entry)]
    return _stack_name(found), found


def _is_leaving(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("delete") is True


def _resource(path: Path, entry: object) -> Resource:
    urn = entry.get("urn") if isinstance(entry, dict) else None
    token = entry.get("type") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(urn, str) or not isinstance(token, str):
        raise PolicyInputError(
            f"{path}: a resource has no URN or no type. Write the file by `pulumi stack export`."
        )
    _refuse_hidden(path, urn, entry)
    inputs, outputs = (_object(entry.get(key)) for key in ("inputs", "outputs"))
    # Providers write "" for a text that nobody set, such as the policy of a queue that has none.
    told = {key: value for key, value in outputs.items() if value != "" or key in inputs}
    properties = {**inputs, **told}
    depends = entry.get("propertyDependencies") or {}
    return Resource(
        type=canonical_type(token),
        name=urn.rpartition("::")[2],
        urn=urn,
        props=properties,
        id=str(entry.get("id") or ""),
        depends={key: tuple(urns or ()) for key, urns in depends.items()}
        if isinstance(depends, dict)
        else {},
        parent=str(entry.get("parent") or ""),
        protect=entry.get("protect") is True,
        retain=entry.get("retainOnDelete") is True,
        inputs=inputs,
    )


def _object(held: object) -> dict[str, object]:
    value = plain(held or {})
    return value if isinstance(value, dict) else {}


def _refuse_hidden(path: Path, urn: str, entry: Mapping[str, object]) -> None:
    """Rules read secrets, as the values of a chart may be one as a whole; what is hidden can't be judged."""
    for key in ("inputs", "outputs"):
        hidden = next(_hidden(entry.get(key), key), None)
        if hidden is not None:
            raise PolicyInputError(
                f"{path}: {hidden} of {urn} is encrypted, so that no rule can judge it. "
                "Write the file by `pulumi stack export --show-secrets`, and delete it afterwards."
            )


def _hidden(value: object, where: str) -> Iterator[str]:
    """Paths of secrets of which only the ciphertext is there."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE_KEY) == SECRET_SIGNATURE:
            if "plaintext" not in value and "value" not in value:
                yield where
            return
        for key, inner in value.items():
            yield from _hidden(inner, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _hidden(inner, f"{where}[{index}]")


def _stack_name(resources: Iterable[Resource]) -> str:
    for resource in resources:
        parts = resource.urn.split(":")
        if resource.urn.startswith("urn:pulumi:") and len(parts) > 2:  # noqa: PLR2004 - urn:pulumi:<stack>::...
            return parts[2]
    return ""


def plain(value: object) -> object:
    """A value of the engine's JSON without its markers; secrets opened if shown, else unknown."""
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWN_VALUES else value
    if isinstance(value, Mapping):
        signature = value.get(SIGNATURE_KEY)
        if signature == SECRET_SIGNATURE:
            return _secret(value)
        if signature == OUTPUT_SIGNATURE:
            return plain(value["value"]) if "value" in value else UNKNOWN
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def _secret(value: Mapping[str, object]) -> object:
    if "plaintext" in value:
        try:
            return plain(json.loads(str(value["plaintext"])))
        except ValueError:
            return UNKNOWN
    return plain(value["value"]) if "value" in value else UNKNOWN


def read_manifests(path: Path, namespace: str = "") -> list[Resource]:
    """Resources of a rendered chart; the file's stem is the name of its Helm release.

    Args:
        path: what `helm template` wrote.
        namespace: where the release is installed, for objects that name none.

    Raises:
        PolicyInputError: it is no YAML of Kubernetes objects, or holds none.
    """
    try:
        documents = yaml_reader.documents(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PolicyInputError(f"{path}: no readable YAML: {error}. Write it by `helm template`.") from error
    found = [
        _manifest(path, held, namespace)
        for document in documents
        if document is not None
        for held in _objects(document)
    ]
    if not found:
        raise PolicyInputError(f"{path}: holds no Kubernetes object. Write it by `helm template`.")
    return found


def read_release(path: Path, model_card: Path | None) -> Resource:
    """The release file as a resource that rules can judge, with the size of its model card.

    Raises:
        PolicyInputError: it is no YAML object.
    """
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PolicyInputError(
            f"{path}: no readable YAML: {error}. Name the environment's release file."
        ) from error
    if not isinstance(held, dict):
        raise PolicyInputError(
            f"{path}: holds no object. A release names model, version and artifact_sha256."
        )
    properties = dict(held)
    if model_card is not None:
        text = model_card.read_text(encoding="utf-8") if model_card.is_file() else ""
        properties["model_card"] = {"path": str(model_card), "characters": len(text.strip())}
    return Resource(type=RELEASE_TYPE, name=path.stem, urn=f"release:{path.stem}", props=properties)


def _objects(document: object) -> Iterator[object]:
    if isinstance(document, dict) and document.get("kind") == "List":
        yield from document.get("items") or []
    else:
        yield document


def _manifest(path: Path, held: object, namespace: str) -> Resource:
    version = held.get("apiVersion") if isinstance(held, dict) else None
    kind = held.get("kind") if isinstance(held, dict) else None
    if not isinstance(held, dict) or not isinstance(version, str) or not isinstance(kind, str):
        raise PolicyInputError(
            f"{path}: an object has no apiVersion or no kind. Write the file by `helm template`."
        )
    metadata = held.get("metadata")
    if isinstance(metadata, dict) and namespace:
        metadata.setdefault("namespace", namespace)
    name = str(metadata.get("name", "")) if isinstance(metadata, dict) else ""
    token = f"{MANIFEST_TYPE_PREFIX}{version if '/' in version else 'core/' + version}:{kind}"
    resource = f"{path.stem}/{name}"
    return Resource(type=token, name=resource, urn=f"manifest:{path.stem}::{token}::{resource}", props=held)
