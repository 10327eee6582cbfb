"""What a resource is, seen on the emulator and told as the SDK and the program would say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from local.engine.aws import sdk
from local.engine.aws.comparison import (
    DEFAULTS_KEY,
    changed,
    matches,
    meaning,
    with_added,
    without_added,
)
from local.engine.aws.connection import AwsError
from local.engine.aws.tagging import URN_TAG
from local.engine.provider import ProviderError
from local.engine.values import UNKNOWN, Properties, keep_secrets, reveal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.aws.resource_type import Aws, ResourceType

SETTLE_SECONDS: Final = 0.2
SETTLE_TRIES: Final = 25
"""How often a resource is looked for that was just made, before it counts as gone."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Looks at resources of one type.

    Attributes:
        kind: the type's entry in the table.
        aws: the API in the resource's region.
        default_tags: tags that the provider adds, which are not the resource's own.
    """

    kind: ResourceType
    aws: Aws
    default_tags: Mapping[str, str]

    def look(self, identity: str, inputs: Properties, known: Properties) -> Properties | None:
        """Outputs as they are, with None for what is told to be absent; None if it is gone.

        Args:
            identity: the resource's id.
            inputs: what was asked; its spelling is kept where it means the same as what is there.
            known: the last outputs, where there are any.
        """
        opened = reveal({**known, **inputs})
        try:
            found = self.kind.read(self.aws, identity, opened)
        except AwsError as error:
            if error.absent:
                return None
            raise
        if found is None:
            return None
        outputs: Properties = {**self.kind.defaults}
        outputs |= {name: opened[name] for name in self.kind.remembers if opened.get(name) is not None}
        outputs |= {name: value for name, value in opened.items() if is_only_kept(self.kind, name)}
        outputs |= found
        if self.kind.regional:
            outputs["region"] = self.aws.region
        outputs |= self._tags(identity, opened, outputs, reveal(inputs.get("tags")) or {})
        for name, value in reveal(inputs).items():
            if name in outputs and name != "tagsAll" and matches(self.kind, name, value, outputs[name]):
                outputs[name] = with_added(self.kind, name, value, outputs[name])
        return keep_secrets(outputs, inputs, self.kind.secrets & outputs.keys())

    def _tags(
        self, identity: str, known: Properties, outputs: Properties, given: Mapping[str, str]
    ) -> Properties:
        if self.kind.tagging is not None:
            every = visible(self.kind.tagging.read(self.aws, identity, outputs))
            own = {
                name: value
                for name, value in every.items()
                if name in given or self.default_tags.get(name) != value
            }
            return {"tagsAll": every, "tags": own}
        described = sdk.describe(self.kind.sdk_type)
        if described is not None and "tagsAll" in described.outputs:
            # The SDK promises tags, though the emulator has none for the type.
            return {"tagsAll": known.get("tagsAll") or {**self.default_tags, **(known.get("tags") or {})}}
        return {}

    def settled(self, identity: str, inputs: Properties) -> Properties:
        """Outputs of what was just made or changed.

        Raises:
            ProviderError: it can't be found.
        """
        for _ in range(SETTLE_TRIES):
            found = self.look(identity, inputs, {})
            if found is not None:
                return told(found)
            self.aws.wait(SETTLE_SECONDS)
        raise ProviderError(
            f"{self.kind.sdk_type} {identity} was made and can't be found at {self.aws.connection.endpoint}."
        )

    def declared(self, old: Properties, found: Properties, *, imported: bool) -> Properties:
        """The inputs that would have to be declared to get what was found.

        Args:
            old: what was declared; kept where it means the same.
            found: outputs as `look` gives them.
            imported: nothing was declared yet, so what AWS chose itself is declared too.
        """
        described = sdk.describe(self.kind.sdk_type)
        names = described.inputs if described else {}
        chosen = computed(self.kind)
        inputs = {name: value for name, value in old.items() if name not in names}
        for name in names:
            asked, value = old.get(name), found.get(name)
            if name == "region" and asked is None:
                continue
            if asked is not None and (name not in found or matches(self.kind, name, asked, value)):
                inputs[name] = asked
            elif meaning(self.kind, name, value) is not None and (
                asked is not None or imported or name not in chosen
            ):
                inputs[name] = without_added(self.kind, name, value)
        if self.kind.tagging is not None and (found.get("tagsAll") or "tagsAll" in old):
            inputs["tagsAll"] = found.get("tagsAll", {})
        return inputs

    def differing(self, identity: str, inputs: Properties) -> set[str]:
        """Inputs in which what exists is not what is wanted.

        Raises:
            ProviderError: it differs in what can't be changed.
        """
        found = self.look(identity, {}, {}) or {}
        names = set(changed(self.kind, self.declared({}, found, imported=True), inputs, computed(self.kind)))
        automatic = set(inputs.get(DEFAULTS_KEY, ()))
        settled = sorted((names & self.kind.replaces & found.keys()) - automatic)
        if settled:
            raise ProviderError(
                f"{self.kind.sdk_type} {identity} was left by an interrupted update and differs in "
                f"{', '.join(settled)}, which can't be changed. Delete it if nothing in it is needed, or "
                "declare it as it is; then run again."
            )
        return names


def forecast(sdk_type: str, kind: ResourceType | None, inputs: Properties, known: Properties) -> Properties:
    """What a preview can say: what is asked, what stays, and nothing of the rest."""
    described = sdk.describe(sdk_type)
    outputs: Properties = dict.fromkeys(described.outputs, UNKNOWN) if described and not known else {}
    asked = {name: value for name, value in inputs.items() if name != DEFAULTS_KEY}
    if kind is not None:
        for name in kind.adds.keys() & asked.keys():
            added = {**dict.fromkeys(kind.adds[name], UNKNOWN), **(known.get(name) or {})}
            asked[name] = with_added(kind, name, asked[name], added)
    return {**outputs, **known, **asked}


def computed(kind: ResourceType) -> frozenset[str]:
    """Inputs that AWS chooses when they are not given: optional to give, always there to read."""
    described = sdk.describe(kind.sdk_type)
    if described is None:
        return frozenset()
    required = described.required_outputs
    return frozenset(
        name for name, annotation in described.inputs.items() if name in required and "Optional" in annotation
    )


def is_only_kept(kind: ResourceType, name: str) -> bool:
    """Whether an input of the type has no effect here."""
    described = sdk.describe(kind.sdk_type)
    return described is not None and name in described.inputs and name not in kind.honours


def told(outputs: Properties) -> Properties:
    """Without what is absent."""
    return {name: value for name, value in outputs.items() if value is not None}


def visible(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that the program may see: not the engine's own, nor AWS's."""
    return {name: value for name, value in tags.items() if name != URN_TAG and not name.startswith("aws:")}
