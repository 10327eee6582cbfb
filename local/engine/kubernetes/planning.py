"""What a change would do to an object, as far as it can be told without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local.engine.kubernetes import ownership
from local.engine.kubernetes.apply import placed
from local.engine.kubernetes.comparison import Path, changes, covers, lookup, parse, show
from local.engine.kubernetes.errors import ApiError, UnknownKindError, UnreachableError
from local.engine.kubernetes.kinds import Kind, kind_of, parse_identity
from local.engine.kubernetes.objects import (
    AUTONAMED_ANNOTATION,
    REPLACE_UNREADY_ANNOTATION,
    Object,
    comparable,
    describe,
    is_true,
    manifest,
    name_of,
    namespace_of,
    notes_of,
    outputs_of,
)
from local.engine.kubernetes.readiness.rules import judge, rule_for
from local.engine.kubernetes.readiness.verdict import State
from local.engine.kubernetes.readiness.waiting import ClusterSurroundings
from local.engine.kubernetes.replacement import force_new, is_refusal, refused, replaced
from local.engine.provider import Change, ChangeKind, Diff, ProviderError, Severity, UpdateCall
from local.engine.values import Properties, has_unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.engine.kubernetes.apply import Applier
    from local.engine.kubernetes.client import Client, Resource
    from local.engine.kubernetes.settings import Settings
    from local.engine.provider import Reporter

_SUBSTITUTE_NAMESPACE: Final = "default"
"""Where an object is tried out in a preview while its own namespace doesn't exist."""


class Planner:
    """Compares declarations and forecasts results, with dry runs on the cluster.

    Args:
        client: the cluster.
        applier: applies to it.
        settings: the provider's configuration.
        report: shows a line to the person.
    """

    def __init__(self, client: Client, applier: Applier, settings: Settings, report: Reporter) -> None:
        self._client = client
        self._applier = applier
        self._settings = settings
        self._report = report
        self._warned = False

    def warn_once(self, error: UnreachableError) -> None:
        """Say that previews are made without the server."""
        if not self._warned:
            self._warned = True
            self._report(Severity.WARNING, f"{error} What the server would say is left out of the preview.")

    # Comparison

    def diff(self, call: UpdateCall) -> Diff:
        """Compare the declarations; where they differ, ask the server whether that makes a difference."""
        old, new = manifest(call.old_inputs), manifest(call.inputs)
        changed = _not_ignored(changes(old, new), call.ignore_changes)
        kind = kind_of(call.resource.type, new)
        must = replaced(changed, force_new(kind, new, self._settings.mutability))
        rendering = self._settings.render_directory is not None
        if changed and not must and not rendering and not has_unknown(call.inputs):
            changed, must = self._ask(kind, old, new, changed)
        detailed = {show(path): Change(change, replaces=path in must) for path, change in changed.items()}
        if self._is_unready(kind, new, call):
            detailed[show(("metadata", "annotations", REPLACE_UNREADY_ANNOTATION))] = Change(
                ChangeKind.UPDATE, replaces=True, of_inputs=False
            )
        if rendering and self._settings.always_render and not detailed:
            detailed["metadata"] = Change(ChangeKind.UPDATE, of_inputs=False)
        return Diff(detailed, delete_before_replace=_is_same_name(old, new))

    def _ask(
        self, kind: Kind, old: Object, new: Object, changed: dict[Path, ChangeKind]
    ) -> tuple[dict[Path, ChangeKind], set[Path]]:
        try:
            resource = self._client.resource(kind)
            live = self._client.get(resource, namespace_of(new), name_of(new))
            if live is None:
                return changed, set()
            then = self._applier.apply(resource, new, dry_run=True)
        except ApiError as error:
            # Any other refusal is the update's to tell; the plan has to show what it is about.
            return changed, refused(changed, error) if is_refusal(error) else set()
        except ProviderError:
            return changed, set()
        if comparable(then) != comparable(live):
            return changed, set()
        # The server takes both for the same (`1000m` and `1`); what remains is fields we gain or give up.
        ours = ownership.fields_of(live, ownership.FIELD_MANAGER)
        return {
            path: change
            for path, change in changed.items()
            if change is ChangeKind.ADD or (change is ChangeKind.DELETE and ownership.owns(ours, old, path))
        }, set()

    def _is_unready(self, kind: Kind, new: Object, call: UpdateCall) -> bool:
        if not is_true(new, REPLACE_UNREADY_ANNOTATION) or kind.name != "Job":
            return False
        try:
            live = self._client.get(self._client.resource(kind), *parse_identity(call.identity))
        except ProviderError:
            return False
        if live is None:
            return False
        return judge(rule_for(kind, new), live, ClusterSurroundings(self._client)).state is State.FAILED

    # Forecast

    def creation(self, kind: Kind, inputs: Properties) -> Properties:
        """What a new object would be; the inputs themselves where that can't be told yet."""
        if has_unknown(inputs):
            return inputs
        try:
            resource = self._client.resource(kind)
            thing = placed(resource, manifest(inputs))
            if self._client.get(resource, namespace_of(thing), name_of(thing)) is not None:
                return inputs  # being replaced, or taken over: a dry run would be of the old one
            then = self._try(resource, thing)
        except UnknownKindError:
            return inputs
        except UnreachableError as error:
            self.warn_once(error)
            return inputs
        then.pop("status", None)
        return outputs_of(then)

    def _try(self, resource: Resource, thing: Object) -> Object:
        try:
            return self._applier.apply(resource, thing, dry_run=True)
        except ApiError as error:
            if not error.is_missing_namespace:
                raise refusal(thing, error) from error
        elsewhere = {**thing, "metadata": {**thing["metadata"], "namespace": _SUBSTITUTE_NAMESPACE}}
        try:
            then = self._applier.apply(resource, elsewhere, dry_run=True)
        except ApiError as error:
            raise refusal(thing, error) from error
        then["metadata"]["namespace"] = namespace_of(thing)
        return then

    def update(self, call: UpdateCall) -> Properties:
        """What an object would become; the inputs themselves where that can't be told yet."""
        if has_unknown(call.inputs):
            return call.inputs
        try:
            resource, thing = self.next_manifest(call)
            return outputs_of(self._applier.apply(resource, thing, dry_run=True))
        except UnknownKindError:
            return call.inputs
        except UnreachableError as error:
            self.warn_once(error)
            return call.inputs
        except ApiError as error:
            raise refusal(manifest(call.inputs), error) from error

    def next_manifest(self, call: UpdateCall) -> tuple[Resource, Object]:
        """What an update sends: ignored fields keep their live value, or stay out if they are another's."""
        thing = manifest(call.inputs)
        resource = self._client.resource(kind_of(call.resource.type, thing))
        thing = placed(resource, thing)
        if not call.ignore_changes:
            return resource, thing
        live = self._client.get(resource, *parse_identity(call.identity)) or {}
        ours = ownership.fields_of(live, ownership.FIELD_MANAGER)
        for text in call.ignore_changes:
            path = parse(text)
            now = lookup(live, path)
            holder = lookup(thing, path[:-1])
            if now is None or not isinstance(holder, dict) or path[-1] not in holder:
                continue
            if ownership.owns(ours, live, path):
                holder[path[-1]] = now
            else:
                del holder[path[-1]]
        return resource, thing


def refusal(thing: Object, error: ApiError) -> ProviderError:
    """The server's objection, with the object that it is about."""
    return ProviderError(f"The API server refuses {describe(thing)}: {error}")


def _not_ignored(changed: dict[Path, ChangeKind], ignored: Sequence[str]) -> dict[Path, ChangeKind]:
    patterns = [parse(text) for text in ignored]
    return {
        path: change
        for path, change in changed.items()
        if not any(covers(pattern, path) for pattern in patterns)
    }


def _is_same_name(old: Object, new: Object) -> bool:
    return (
        notes_of(new).get(AUTONAMED_ANNOTATION) != "true"
        and name_of(old) == name_of(new)
        and namespace_of(old) == namespace_of(new)
    )
