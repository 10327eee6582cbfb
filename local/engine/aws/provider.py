"""The `aws` provider on an emulator: what the table can realise is realised, the rest is recorded only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.engine.aws import functions, recorded, sdk, table
from local.engine.aws.adoption import Adoption
from local.engine.aws.comparison import DEFAULTS_KEY, changed, difference, undone
from local.engine.aws.connection import AwsError, Connection
from local.engine.aws.naming import with_name
from local.engine.aws.observation import (
    Observation,
    computed,
    forecast,
    is_only_kept,
    told,
    visible,
)
from local.engine.aws.resource_type import Aws, ResourceType, Wanted
from local.engine.aws.tagging import URN_TAG, urn_tag
from local.engine.provider import (
    Checked,
    CheckFailure,
    Diff,
    PartialFailureError,
    Provider,
    ProviderError,
    ReadResult,
    Resource,
    Severity,
    UpdateCall,
)
from local.engine.values import UNKNOWN, Properties, has_unknown, reveal

if TYPE_CHECKING:
    from collections.abc import Sequence


class AwsProvider(Provider):
    """Serves every `aws:*` type of the installed SDK."""

    name = "aws"
    accept_secrets = True

    def __init__(self) -> None:
        super().__init__()
        self.version = sdk.version()
        self._connection: Connection | None = None
        self._default_tags: dict[str, str] = {}
        self._adoption: Adoption | None = None

    # Configuration

    def check_configuration(self, variables: Properties) -> Sequence[CheckFailure]:
        """Refuse to work without an emulator."""
        try:
            Connection.from_environment(_text(variables.get("region")), self.wait)
        except ProviderError as error:
            return [CheckFailure("", str(error))]
        return ()

    def configure(self, variables: Properties) -> None:
        """Take region and default tags; everything else the emulator has no use for."""
        self._connection = Connection.from_environment(_text(variables.get("region")), self.wait)
        tags = (variables.get("defaultTags") or {}).get("tags") or {}
        self._default_tags = {str(name): str(value) for name, value in tags.items()}
        self._adoption = Adoption(self._connection)

    @property
    def connection(self) -> Connection:
        """The emulator.

        Raises:
            ProviderError: the provider has not been configured.
        """
        if self._connection is None:
            raise ProviderError("The aws stand-in was not configured before it was used.")
        return self._connection

    def _aws(self, properties: Properties) -> Aws:
        region = reveal(properties.get("region"))
        return Aws(self.connection, region if isinstance(region, str) else self.connection.region)

    # Resources

    def check(
        self, resource: Resource, inputs: Properties, old_inputs: Properties, random_seed: bytes
    ) -> Checked:
        """Fill in the name and all tags; refuse what the type can't take."""
        kind = self._kind(resource)
        described = sdk.describe(resource.type)
        if old_inputs and self._adoption:
            self._adoption.note_recorded(resource.urn)
        if described is None:
            reason = f"pulumi_aws {self.version} has no type {resource.type}."
            return Checked(inputs, [CheckFailure("", reason)])
        if kind is None:
            inputs = recorded.named(resource.type, inputs, old_inputs, random_seed)
            failures = recorded.check(self.connection, resource.type, reveal(inputs))
            return Checked(self._with_all_tags(inputs, takes_tags="tagsAll" in described.outputs), failures)
        known = old_inputs or self._left_behind(kind, resource, inputs)
        inputs = with_name(kind, resource.name, _documents_as_text(kind, inputs), known, random_seed)
        problems = kind.check(Wanted(reveal(inputs), {})) if kind.check else {}
        failures = [CheckFailure(name, reason) for name, reason in problems.items()]
        return Checked(self._with_all_tags(inputs, takes_tags=kind.tagging is not None), failures)

    def _left_behind(self, kind: ResourceType, resource: Resource, inputs: Properties) -> Properties:
        """The automatic name of what an interrupted update made and nobody recorded, as if it were recorded.

        The engine records the inputs that are checked here, so the name of what will be adopted has to be in
        them; a fresh one would be a difference at every later look.
        """
        adoption = self._adoption
        if (
            adoption is None
            or kind.name is None
            or kind.name in inputs
            or has_unknown(inputs.get("tags"))
            or not adoption.may_adopt(resource.urn)
        ):
            return {}
        aws = self._aws(inputs)
        found = adoption.find(kind, aws, self._wanted(resource, kind, inputs), resource.name)
        name = (kind.read(aws, found, {}) or {}).get(kind.name) if found else None
        return {kind.name: name, DEFAULTS_KEY: [kind.name]} if isinstance(name, str) else {}

    def _with_all_tags(self, inputs: Properties, *, takes_tags: bool) -> Properties:
        given = reveal(inputs.get("tags")) or {}
        if not takes_tags or not (self._default_tags or given):
            return inputs
        return {**inputs, "tagsAll": UNKNOWN if given is UNKNOWN else {**self._default_tags, **given}}

    def diff(self, call: UpdateCall) -> Diff:
        """Compare inputs by what they mean."""
        self._note(call.resource, call.identity)
        kind = self._kind(call.resource)
        if kind is None:
            return recorded.diff(call)
        return difference(kind, call.old_inputs, _ignoring(call), computed(kind))

    def create(
        self, resource: Resource, inputs: Properties, *, preview: bool, timeout: float
    ) -> tuple[str, Properties]:
        """Make it, or take over what an interrupted update made for the same URN."""
        del timeout  # the emulator answers at once; waits are bounded by each type
        kind = self._kind(resource)
        if preview:
            return "", self._forecast(resource, inputs, {})
        if kind is None:
            self.report(
                Severity.INFO,
                f"recorded only: the emulator can't realise {resource.type}",
                resource.urn,
            )
            return recorded.create(self._aws(inputs), resource, inputs)
        aws = self._aws(inputs)
        wanted = self._wanted(resource, kind, inputs)
        self._confess(kind, resource, inputs)
        identity, adopted = self._make_or_adopt(kind, aws, resource, wanted)
        observation = Observation(kind, aws, self._default_tags)
        try:
            differing = observation.differing(identity, inputs) if adopted else set()
            for part in kind.parts:
                given = part.at_creation and wanted.has(*part.properties)
                if (given and not adopted) or differing & set(part.properties):
                    part.put(aws, identity, wanted)
            if adopted:
                self._put_tags(kind, aws, identity, wanted)
            outputs = observation.settled(identity, inputs)
        except ProviderError as error:
            raise _half_made(observation, identity, inputs, error) from error
        return identity, outputs

    def _make_or_adopt(
        self, kind: ResourceType, aws: Aws, resource: Resource, wanted: Wanted
    ) -> tuple[str, bool]:
        """The id, and whether it was there already."""
        orphans = self._adoption if self._adoption and self._adoption.may_adopt(resource.urn) else None
        found = orphans.find(kind, aws, wanted, resource.name) if orphans else None
        if found is None:
            try:
                return kind.create(aws, wanted), False
            except AwsError as error:
                found = orphans.find_named(kind, aws, wanted) if orphans and error.conflict else None
                if found is None and error.conflict:
                    raise ProviderError(
                        f"{str(error).rstrip('.')}. It exists and does not belong to this resource. "
                        "Give another name, or bring it under this one: `pulumi import`."
                    ) from error
                if found is None:
                    raise
        self.report(Severity.INFO, f"adopted {found}, left by an interrupted update", resource.urn)
        return found, True

    def _confess(self, kind: ResourceType, resource: Resource, inputs: Properties) -> None:
        """Say which of the given inputs are kept without any effect."""
        ignored = [name for name in sorted(inputs) if is_only_kept(kind, name)]
        if ignored:
            text = f"recorded only: {', '.join(ignored)} of {kind.sdk_type} is kept and has no effect"
            self.report(Severity.INFO, text, resource.urn)

    def _note(self, resource: Resource, identity: str) -> None:
        if self._adoption:
            self._adoption.note_identity(resource.urn, resource.type, identity)

    def read(
        self, resource: Resource, identity: str, inputs: Properties, outputs: Properties
    ) -> ReadResult | None:
        """Look at the emulator; inputs follow what is there where its meaning differs from what was asked."""
        self._note(resource, identity)
        kind = self._kind(resource)
        if kind is None:
            return recorded.read(resource, identity, inputs, outputs)
        aws = self._aws(inputs or outputs)
        observation = Observation(kind, aws, self._default_tags)
        found = observation.look(identity, inputs, outputs)
        if found is None:
            return None
        declared = observation.declared(inputs, found, imported=not outputs)
        return ReadResult(identity, declared, told(found))

    def update(self, call: UpdateCall) -> Properties:
        """Call for each part that changed, then look at the result."""
        kind = self._kind(call.resource)
        if call.preview:
            return self._forecast(call.resource, call.inputs, call.old_outputs)
        if kind is None:
            return recorded.update(self._aws(call.inputs), call)
        aws = self._aws(call.inputs)
        wanted = self._wanted(call.resource, kind, call.inputs)
        names = set(changed(kind, call.old_inputs, _ignoring(call), computed(kind)))
        names |= undone(kind, call.inputs, call.old_outputs, computed(kind))
        observation = Observation(kind, aws, self._default_tags)
        try:
            for part in kind.parts:
                if names & set(part.properties):
                    part.put(aws, call.identity, wanted)
            self._put_tags(kind, aws, call.identity, wanted, call.old_outputs)
            return observation.settled(call.identity, call.inputs)
        except ProviderError as error:
            raise _half_made(observation, call.identity, call.inputs, error) from error

    def delete(
        self, resource: Resource, identity: str, inputs: Properties, outputs: Properties, *, timeout: float
    ) -> None:
        """Remove it; what is absent is removed already."""
        del timeout
        kind = self._kind(resource)
        if kind is None:
            return
        try:
            kind.delete(self._aws(inputs or outputs), identity, reveal({**inputs, **outputs}))
        except AwsError as error:
            if not error.absent:
                raise

    def invoke(self, token: str, arguments: Properties) -> Properties:
        """Answer a function of the SDK."""
        return functions.invoke(Aws(self.connection, self.connection.region), token, reveal(arguments))

    # Parts of the above

    def _forecast(self, resource: Resource, inputs: Properties, known: Properties) -> Properties:
        outputs = forecast(resource.type, self._kind(resource), inputs, known)
        if "region" in outputs and not isinstance(outputs["region"], str):
            outputs["region"] = self.connection.region
        return outputs

    @staticmethod
    def _kind(resource: Resource) -> ResourceType | None:
        return table.find(resource.type)

    def _wanted(self, resource: Resource, kind: ResourceType, inputs: Properties) -> Wanted:
        opened = reveal(inputs)
        tags = {}
        if kind.tagging is not None:
            tags = {**self._default_tags, **(opened.get("tags") or {})}
            if kind.tagging.marks:
                tags[URN_TAG] = urn_tag(resource.urn)
        return Wanted(opened, tags)

    def _put_tags(
        self, kind: ResourceType, aws: Aws, identity: str, wanted: Wanted, known: Properties | None = None
    ) -> None:
        """Bring the tags to what is wanted, calling only for what differs from what is known."""
        if kind.tagging is None:
            return
        if known is not None and reveal(known.get("tagsAll") or {}) == visible(wanted.tags):
            return
        if known is not None and "tagsAll" in known:
            about = reveal(known)
            hidden = {name: value for name, value in wanted.tags.items() if name == URN_TAG}
            present = {**about["tagsAll"], **hidden}
        else:  # it was adopted, or a failure left nothing to be seen
            about = kind.read(aws, identity, {}) or {}
            present = kind.tagging.read(aws, identity, about)
        gone = [name for name in present if name not in wanted.tags and not name.startswith("aws:")]
        fresh = {name: value for name, value in wanted.tags.items() if present.get(name) != value}
        if gone:
            kind.tagging.remove(aws, identity, about, gone)
        if fresh:
            kind.tagging.write(aws, identity, about, {**present, **wanted.tags} if not gone else wanted.tags)


def _half_made(
    observation: Observation, identity: str, inputs: Properties, error: ProviderError
) -> PartialFailureError:
    """What exists already is put on record, so that the next update can go on from there.

    It is the outputs that say how far things came: the engine records the inputs as they were asked for.
    """
    kind = observation.kind
    try:
        outputs = observation.settled(identity, inputs)
    except ProviderError:  # nothing can be seen, so nothing that has a call of its own counts as done
        apart = {name for part in kind.parts for name in part.properties} | {"tags", "tagsAll"}
        outputs = {name: value for name, value in inputs.items() if name not in apart}
    return PartialFailureError(identity, outputs, [str(error)])


def _ignoring(call: UpdateCall) -> Properties:
    """The inputs with what the program leaves alone as it was."""
    inputs = dict(call.inputs)
    for path in call.ignore_changes:
        if path in call.old_inputs:
            inputs[path] = call.old_inputs[path]
        elif path in inputs:
            del inputs[path]
    return inputs


def _documents_as_text(kind: ResourceType, inputs: Properties) -> Properties:
    """JSON documents may be given as objects; the API takes text."""
    written = {
        name: json.dumps(inputs[name])
        for name in kind.documents
        if isinstance(inputs.get(name), dict) and not has_unknown(inputs[name])
    }
    return {**inputs, **written}


def _text(value: Any) -> str | None:  # noqa: ANN401 - configuration values are of any type
    return value if isinstance(value, str) and value and not has_unknown(value) else None
