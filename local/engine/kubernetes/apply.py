"""One object put into a cluster by server-side apply: conflicts, what isn't there yet, adoption."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from local.engine.kubernetes.errors import ApiError, UnknownKindError
from local.engine.kubernetes.objects import (
    PATCH_FORCE_ANNOTATION,
    URN_ANNOTATION,
    Object,
    describe,
    is_true,
    namespace_of,
    notes_of,
)
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.engine.kubernetes.client import Client, Resource
    from local.engine.kubernetes.kinds import Kind

ARRIVAL_SECONDS: Final = 30.0
"""How long a namespace, a kind or a webhook that was just made may take until the API server knows it."""

ARRIVAL_PAUSE_SECONDS: Final = 0.5

_MANAGER: Final = re.compile(
    r'conflict with "(?P<manager>[^"]+)"(?: with subresource "[^"]+")?(?P<using> using)?'
)
_CONTROLLERS: Final = re.compile(r"^kube-|controller|operator|flagger|keda|argo|kustomize|^helm|autoscaler")
"""Field managers that are programs which mean it; taking their fields would start a fight nobody wins."""

_PERSON: Final = "kubectl"
"""Prefix of what people edit with (`kubectl-edit`, `kubectl-patch`); the official provider takes these
back too."""


class Applier:
    """Applies objects to one cluster.

    Args:
        client: the cluster.
        pause: sleeps; raises when the engine asks to stop.
        patch_force: take every field without asking.
    """

    def __init__(self, client: Client, pause: Callable[[float], None], *, patch_force: bool) -> None:
        self._client = client
        self._pause = pause
        self._patch_force = patch_force

    def apply(self, resource: Resource, thing: Object, *, dry_run: bool) -> Object:
        """Apply; fields that a person or a script changed behind our back are taken back.

        Raises:
            ProviderError: another controller owns a field that is declared.
            ApiError: the server refused.
        """
        force = self._patch_force or is_true(thing, PATCH_FORCE_ANNOTATION)
        try:
            return self._client.apply(resource, thing, dry_run=dry_run, force=force)
        except ApiError as error:
            if not error.is_conflict or force:
                raise
            self._refuse_to_fight(thing, error)
        return self._client.apply(resource, thing, dry_run=dry_run, force=True)

    def _refuse_to_fight(self, thing: Object, error: ApiError) -> None:
        owners: dict[str, list[str]] = {}
        for cause in error.causes:
            match = _MANAGER.search(cause.message)
            if match is None or match["manager"].startswith(_PERSON):
                continue
            applied = not match["using"]
            if applied or _CONTROLLERS.search(match["manager"]):
                owners.setdefault(match["manager"], []).append(cause.field.lstrip("."))
        if owners or not error.causes:
            told = "; ".join(f"{manager} owns {', '.join(fields)}" for manager, fields in owners.items())
            raise ProviderError(
                f"{describe(thing)}: {told or error}. Leave these fields out of the program, or take them "
                f'for good with the annotation {PATCH_FORCE_ANNOTATION}: "true".'
            ) from error

    def apply_when_possible(self, kind: Kind, thing: Object, *, timeout: float) -> Object:
        """Apply for the first time; waits a while for a namespace, a kind or a webhook that is on its way."""
        deadline = time.monotonic() + min(timeout, ARRIVAL_SECONDS)
        while True:
            try:
                resource = self._client.resource(kind)
                return self.apply(resource, placed(resource, thing), dry_run=False)
            except UnknownKindError:
                if time.monotonic() >= deadline:
                    raise
            except ApiError as error:
                if time.monotonic() >= deadline or not error.will_pass:
                    raise
            self._pause(ARRIVAL_PAUSE_SECONDS)

    def objection(self, live: Object, urn: str, *, upsert: bool) -> str | None:
        """Why an object that exists already can't become the resource; None if it can.

        It can if it was made for this very resource by a create whose answer was lost. One that is
        nobody's is taken only with `upsertExistingObjects`, as in the official provider since 4.29.
        """
        owner = notes_of(live).get(URN_ANNOTATION)
        what = describe(live)
        if owner == urn or (owner is None and upsert):
            return None
        if owner is not None:
            return (
                f"{what} exists and belongs to {owner}. If the resource was renamed, give it that name as an "
                "alias; else choose another metadata.name."
            )
        return (
            f"{what} exists and was not made by this program. Take it over with `pulumi import` or with the "
            "provider's `upsertExistingObjects` (PULUMI_K8S_UPSERT_EXISTING_OBJECTS=true), choose another "
            "metadata.name, or delete it."
        )


def placed(resource: Resource, thing: Object) -> Object:
    """The object without a namespace if its kind turned out to have none."""
    if resource.namespaced or not namespace_of(thing):
        return thing
    metadata = {name: value for name, value in thing["metadata"].items() if name != "namespace"}
    return {**thing, "metadata": metadata}
