"""The Pulumi program: settings, environment, exports."""

from __future__ import annotations

import pulumi

from stacks.environment import Environment
from stacks.release import load_images, load_release
from stacks.settings import from_engine

stack = pulumi.get_stack()
settings = from_engine(stack)
environment = Environment(settings, load_images(stack, settings.images), load_release(stack))
for name, value in environment.exports().items():
    pulumi.export(name, value)
