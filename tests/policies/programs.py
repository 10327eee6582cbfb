"""What each environment's program declares, without an engine: a provider would add nothing but ids."""

from __future__ import annotations

from pathlib import Path

from recording import record

from policies.core.resources import RELEASE_TYPE, STACK_TYPE, Resource, canonical_type
from stacks.environment import Environment
from stacks.release import Images, Release
from stacks.settings import load_file

ROOT = Path(__file__).resolve().parent.parent.parent
STACKS = sorted(path.name.split(".")[1] for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))
IMAGES = Images(**{name: f"registry.example/{name}@sha256:{'a' * 64}" for name in Images.model_fields})
RELEASE = Release(model="support2-mortality", version="0123456789ab", artifact_sha256="b" * 64)


def declared(stack: str) -> tuple[Resource, ...]:
    """The resources of an environment that serves a model, its release among them."""
    recording = record(lambda: Environment(load_file(stack), IMAGES, RELEASE).exports(), stack=stack)
    release = {**RELEASE.model_dump(), "model_card": {"path": "card.md", "characters": 1}}
    return (
        Resource(type=STACK_TYPE, name=stack, urn="", props={}),
        Resource(type=RELEASE_TYPE, name=stack, urn="", props=release),
        *(
            Resource(
                type=canonical_type(held.type),
                name=held.name,
                urn=f"urn:pulumi:{stack}::plinth::{held.type}::{held.name}",
                props=held.inputs,
                inputs=held.inputs,
                id=f"{held.name}-id",
                protect=held.protect,
                retain=held.retain,
            )
            for held in recording.resources
        ),
    )
