"""The emulator's memory itself: moto's backends, turned into bytes and back."""

from __future__ import annotations

import importlib
import pickle
import sys
import types
from dataclasses import dataclass
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.model_instances import model_data

from local.emulator.pickling import dump

OWN_ATTRIBUTES = frozenset(
    {"backend", "service_name", "_use_boto3_regions", "_additional_regions", "_id"},
)
"""What a registry of backends has from its construction; everything else on it is memory (S3 keeps the
owner of each bucket there)."""


@dataclass(frozen=True)
class Kept:
    """A memory as bytes.

    Attributes:
        payload: the pickle.
        services: names of the services in it.
        excluded: services that could not be kept, with the reason.
    """

    payload: bytes
    services: tuple[str, ...]
    excluded: dict[str, str]


def _registries() -> list[BackendDict[Any]]:
    """Those in use, by moto's own list; it has no public one."""
    return list(BackendDict._instances)  # type: ignore[misc]  # noqa: SLF001 - as said


def _checked(value: object) -> bytes:
    """Bytes that were also read back once: what can't be restored must not be called kept."""
    payload = dump(value)
    pickle.loads(payload)  # noqa: S301 - the bytes were made in the line above
    return payload


def _address(registry: BackendDict[Any]) -> str | None:
    """Where the code finds this registry: `module:attribute`."""
    name = registry.backend.__module__
    while name:
        for attribute, value in vars(sys.modules.get(name, types.ModuleType(""))).items():
            if value is registry:
                return f"{name}:{attribute}"
        name = name.rpartition(".")[0]
    return None


def _content(registry: BackendDict[Any]) -> dict[str, Any]:
    accounts = {account: dict(regions.items()) for account, regions in registry.items()}
    attributes = {key: value for key, value in vars(registry).items() if key not in OWN_ATTRIBUTES}
    return {"accounts": accounts, "attributes": attributes}


def keep() -> Kept:
    """Turn every backend in use into bytes, leaving out (and naming) the services that refuse.

    All services go into one pickle, so that what they share stays shared.
    """
    contents: dict[str, dict[str, Any]] = {}
    excluded: dict[str, str] = {}
    for registry in _registries():
        address = _address(registry)
        if address is None:
            excluded[registry.service_name] = "its registry is not at a place that can be found again"
        else:
            contents[address] = _content(registry)
    try:
        payload = _checked(contents)
    except Exception:  # noqa: BLE001 - any object of any service may refuse in its own way; find out which
        for address in list(contents):
            try:
                _checked(contents[address])
            except Exception as error:  # noqa: BLE001 - as above; the reason is reported, not swallowed
                excluded[address] = f"{type(error).__name__}: {error}"
                del contents[address]
        payload = _checked(contents)
    services = tuple(sorted(_name(address) for address in contents))
    return Kept(payload, services, {_name(address): why for address, why in excluded.items()})


def restore(payload: bytes) -> tuple[str, ...]:
    """Put back what `keep` took; the names of the services that now remember.

    Raises:
        Exception: whatever a service's own classes raise; nothing was put back then.
    """
    contents: dict[str, dict[str, Any]] = pickle.loads(payload)  # noqa: S301 - see local.emulator.snapshot
    found = []
    for address, content in contents.items():
        module, _, attribute = address.partition(":")
        found.append((getattr(importlib.import_module(module), attribute), content))
    for registry, content in found:
        for account, regions in content["accounts"].items():
            for region, backend in regions.items():
                registry[account][region] = backend
        vars(registry).update(content["attributes"])
    return tuple(sorted(_name(address) for address in contents))


def materialised() -> int:
    """How many backends exist. A first look at a region creates one, default VPC and ids and all."""
    return sum(len(regions) for registry in _registries() for regions in registry.values())


class _Untracked(list[object]):
    """A list that forgets: moto appends every model ever made, deleted ones too, to one such list a class."""

    def append(self, _: object) -> None:
        """Keep nothing."""


def stop_tracking() -> None:
    """Let deleted models be freed; without this a long-lived emulator only grows."""
    for models in list(model_data.values()):
        for model in list(models.values()):
            if not isinstance(model.instances_tracked, _Untracked):  # type: ignore[attr-defined]
                model.instances_tracked = _Untracked()  # type: ignore[attr-defined]


def _name(address: str) -> str:
    """`moto.s3.models:s3_backends` is `s3` to a person."""
    return address.removeprefix("moto.").partition(".")[0].partition(":")[0]
