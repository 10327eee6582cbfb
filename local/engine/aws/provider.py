"""The `aws` provider on an emulator: what the table can realise is realised, the rest is recorded only."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final

from local.engine.aws import functions, recorded, sdk, table
from local.engine.aws.adoption import Adoption
from local.engine.aws.comparison import DEFAULTS_KEY, changed, difference, matches, meaning, without_added
from local.engine.aws.connection import AwsError, Connection
from local.engine.aws.naming import with_name
from local.engine.aws.resource_type import Aws, ResourceType, Wanted
from local.engine.aws.tagging import URN_TAG, urn_tag
from local.engine.provider import (
    CancelledError,
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
from local.engine.values import UNKNOWN, Properties, has_unknown, keep_secrets, reveal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SETTLE_SECONDS: Final = 0.2
SETTLE_TRIES: Final = 25
"""How often a resource is looked for that was just made, before it counts as gone."""


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
        self._lock = threading.Lock()

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
            failures = recorded.check(self.connection, resource.type, reveal(inputs))
            return Checked(self._with_all_tags(inputs, takes_tags="tagsAll" in described.outputs), failures)
        inputs = with_name(kind, resource.name, _documents_as_text(kind, inputs), old_inputs, random_seed)
        problems = kind.check(Wanted(reveal(inputs), {})) if kind.check else {}
        failures = [CheckFailure(name, reason) for name, reason in problems.items()]
        return Checked(self._with_all_tags(inputs, takes_tags=kind.tagging is not None), failures)

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
        return difference(kind, call.old_inputs, _ignoring(call), _computed(kind))

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
        try:
            differing = self._differing(kind, aws, resource, identity, inputs) if adopted else set()
            for part in kind.parts:
                given = part.at_creation and wanted.has(*part.properties)
                if (given and not adopted) or differing & set(part.properties):
                    part.put(aws, identity, wanted)
            if adopted:
                self._put_tags(kind, aws, identity, wanted)
            outputs = self._outputs(kind, aws, identity, inputs)
        except CancelledError as error:
            raise self._half_made(kind, aws, identity, inputs, error) from error
        except ProviderError as error:
            raise self._half_made(kind, aws, identity, inputs, error) from error
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

    def _differing(
        self, kind: ResourceType, aws: Aws, resource: Resource, identity: str, inputs: Properties
    ) -> set[str]:
        """Properties in which what was taken over is not what is wanted."""
        found = self._look(kind, aws, identity, {}, {}) or {}
        present = self._inputs(kind, resource, {}, found, imported=True)
        return set(changed(kind, present, inputs, _computed(kind)))

    def _only_kept(self, kind: ResourceType, name: str) -> bool:
        """Whether an input of the type has no effect here."""
        described = sdk.describe(kind.sdk_type)
        return described is not None and name in described.inputs and name not in kind.honours

    @staticmethod
    def _tells_tags(kind: ResourceType) -> bool:
        """Whether the SDK promises tags, though the emulator has none for the type."""
        described = sdk.describe(kind.sdk_type)
        return described is not None and "tagsAll" in described.outputs

    def _confess(self, kind: ResourceType, resource: Resource, inputs: Properties) -> None:
        """Say which of the given inputs are kept without any effect."""
        ignored = [name for name in sorted(inputs) if self._only_kept(kind, name)]
        if ignored:
            text = f"recorded only: {', '.join(ignored)} of {kind.sdk_type} is kept and has no effect"
            self.report(Severity.INFO, text, resource.urn)

    def _note(self, resource: Resource, identity: str) -> None:
        if self._adoption:
            self._adoption.note_identity(resource.urn, resource.type, identity)

    def _half_made(
        self, kind: ResourceType, aws: Aws, identity: str, inputs: Properties, error: ProviderError
    ) -> PartialFailureError:
        """What exists already is put on record, so that the next update can go on from there."""
        try:
            outputs = self._outputs(kind, aws, identity, inputs)
        except ProviderError:
            outputs = dict(inputs)
        kept = {
            name: value
            for name, value in inputs.items()
            if name in {kind.name, DEFAULTS_KEY} or matches(kind, name, value, outputs.get(name))
        }
        return PartialFailureError(identity, outputs, [str(error)], inputs=kept)

    def read(
        self, resource: Resource, identity: str, inputs: Properties, outputs: Properties
    ) -> ReadResult | None:
        """Look at the emulator; inputs follow what is there where its meaning differs from what was asked."""
        self._note(resource, identity)
        kind = self._kind(resource)
        if kind is None:
            return recorded.read(resource, identity, inputs, outputs)
        aws = self._aws(inputs or outputs)
        found = self._look(kind, aws, identity, inputs, outputs)
        if found is None:
            return None
        declared = self._inputs(kind, resource, inputs, found, imported=not outputs)
        return ReadResult(identity, declared, _told(found))

    def update(self, call: UpdateCall) -> Properties:
        """Call for each part that changed, then look at the result."""
        kind = self._kind(call.resource)
        if call.preview:
            return self._forecast(call.resource, call.inputs, call.old_outputs)
        if kind is None:
            return recorded.update(self._aws(call.inputs), call)
        aws = self._aws(call.inputs)
        wanted = self._wanted(call.resource, kind, call.inputs)
        names = set(changed(kind, call.old_inputs, _ignoring(call), _computed(kind)))
        done = dict(call.old_inputs)
        try:
            for part in kind.parts:
                if names & set(part.properties):
                    part.put(aws, call.identity, wanted)
                    done |= {name: call.inputs[name] for name in part.properties if name in call.inputs}
            self._put_tags(kind, aws, call.identity, wanted, call.old_outputs)
            return self._outputs(kind, aws, call.identity, call.inputs)
        except ProviderError as error:
            raise PartialFailureError(call.identity, call.old_outputs, [str(error)], inputs=done) from error

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
        if known is not None and reveal(known.get("tagsAll") or {}) == _visible(wanted.tags):
            return
        about = reveal(known) if known else kind.read(aws, identity, {}) or {}
        present = kind.tagging.read(aws, identity, about)
        gone = [name for name in present if name not in wanted.tags and not name.startswith("aws:")]
        fresh = {name: value for name, value in wanted.tags.items() if present.get(name) != value}
        if gone:
            kind.tagging.remove(aws, identity, about, gone)
        if fresh:
            kind.tagging.write(aws, identity, about, {**present, **wanted.tags} if not gone else wanted.tags)

    def _outputs(self, kind: ResourceType, aws: Aws, identity: str, inputs: Properties) -> Properties:
        """What a resource is, right after it was made or changed."""
        for _ in range(SETTLE_TRIES):
            found = self._look(kind, aws, identity, inputs, {})
            if found is not None:
                return _told(found)
            aws.wait(SETTLE_SECONDS)
        raise ProviderError(
            f"{kind.sdk_type} {identity} was made and can't be found at {self.connection.endpoint}."
        )

    def _look(
        self, kind: ResourceType, aws: Aws, identity: str, inputs: Properties, known: Properties
    ) -> Properties | None:
        opened = reveal({**known, **inputs})
        try:
            found = kind.read(aws, identity, opened)
        except AwsError as error:
            if error.absent:
                return None
            raise
        if found is None:
            return None
        outputs: Properties = {**kind.defaults}
        outputs |= {name: opened[name] for name in kind.remembers if opened.get(name) is not None}
        outputs |= {name: value for name, value in opened.items() if self._only_kept(kind, name)}
        outputs |= found
        if kind.regional:
            outputs["region"] = aws.region
        if kind.tagging is not None:
            every = _visible(kind.tagging.read(aws, identity, outputs))
            own = inputs.get("tags")
            given = reveal(own) or {}
            outputs["tagsAll"] = every
            outputs["tags"] = {
                name: value
                for name, value in every.items()
                if name in given or self._default_tags.get(name) != value
            }
        elif "tagsAll" in inputs or self._tells_tags(kind):
            outputs["tagsAll"] = opened.get("tagsAll") or {**self._default_tags, **(opened.get("tags") or {})}
        for name, value in reveal(inputs).items():
            if name in outputs and name != "tagsAll" and matches(kind, name, value, outputs[name]):
                outputs[name] = value
        return keep_secrets(outputs, inputs, kind.secrets & outputs.keys())

    def _inputs(
        self, kind: ResourceType, resource: Resource, old: Properties, found: Properties, *, imported: bool
    ) -> Properties:
        """What would have to be declared to get what was found."""
        described = sdk.describe(resource.type)
        names = described.inputs if described else {}
        computed = _computed(kind)
        inputs = {name: value for name, value in old.items() if name not in names}
        for name in names:
            asked, value = old.get(name), found.get(name)
            if name == "region" and asked is None:
                continue
            if asked is not None and (name not in found or matches(kind, name, asked, value)):
                inputs[name] = asked
            elif meaning(kind, name, value) is not None and (
                asked is not None or imported or name not in computed
            ):
                inputs[name] = without_added(kind, value)
        if kind.tagging is not None and (found.get("tagsAll") or "tagsAll" in old):
            inputs["tagsAll"] = found.get("tagsAll", {})
        return inputs

    def _forecast(self, resource: Resource, inputs: Properties, known: Properties) -> Properties:
        """What a preview can say: what is asked, what stays, and nothing of the rest."""
        described = sdk.describe(resource.type)
        outputs: Properties = dict.fromkeys(described.outputs, UNKNOWN) if described and not known else {}
        outputs |= known
        outputs |= {name: value for name, value in inputs.items() if name != DEFAULTS_KEY}
        if "region" in outputs and not isinstance(outputs["region"], str):
            outputs["region"] = self.connection.region
        return outputs


def _computed(kind: ResourceType) -> frozenset[str]:
    """Inputs that AWS chooses when they are not given: optional to give, always there to read."""
    described = sdk.describe(kind.sdk_type)
    if described is None:
        return frozenset()
    required = described.required_outputs
    return frozenset(
        name for name, annotation in described.inputs.items() if name in required and "Optional" in annotation
    )


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


def _told(outputs: Properties) -> Properties:
    """Without what is absent."""
    return {name: value for name, value in outputs.items() if value is not None}


def _visible(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name != URN_TAG and not name.startswith("aws:")}


def _text(value: Any) -> str | None:  # noqa: ANN401 - configuration values are of any type
    return value if isinstance(value, str) and value and not has_unknown(value) else None
