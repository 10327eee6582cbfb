"""Seconds and resources of rehearsals, and how bringing up grows with 1, 10 and 100 inference services.

Usage: `python -m benchmarks.rehearsal [STACK] [SERVICES ...]`; without arguments prod, with 1, 10 and 100.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from local.commands.rehearse import rehearse
from local.progress import Progress
from local.rehearsal.rehearsal import rehearsing

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = (1, 10, 100)

PROGRAM = """
import pulumi

from stacks import environment as composition
from stacks.release import load_images, load_release
from stacks.settings import from_engine

made = composition.InferenceService


def many(name, args, opts=None):
    first = made(name, args, opts)
    for number in range(1, {services}):
        made(f"{{name}}-{{number}}", args, opts)
    return first


composition.InferenceService = many
stack = pulumi.get_stack()
settings = from_engine(stack)
composition.Environment(settings, load_images(stack, settings.images), load_release(stack))
"""
"""The stack's own program with more services of the same release beside the first."""


def _measure_services(stack: str, services: int) -> dict[str, float]:
    with rehearsing(stack, Progress()) as rehearsal:
        _write_program(rehearsal.project.root / "stacks" / "__main__.py", services)
        began = time.monotonic()
        rehearsal.bring_up(f"bring up {services} inference services")
        seconds = time.monotonic() - began
        counts = rehearsal.stack.counts()
    resources = counts.realised + counts.recorded_only
    return {"services": services, "resources": resources, "seconds": round(seconds, 1)}


def _write_program(path: Path, services: int) -> None:
    path.write_text(PROGRAM.format(services=services))


def main(arguments: list[str]) -> None:
    """Measure and print one JSON object."""
    stack = arguments[0] if arguments else "prod"
    wanted = [int(word) for word in arguments[1:]] or list(SERVICES)
    began = time.monotonic()
    rehearse(stack, Progress())
    whole = round(time.monotonic() - began, 1)
    grown = [_measure_services(stack, services) for services in wanted]
    print(json.dumps({"stack": stack, "whole_rehearsal_seconds": whole, "bring_up": grown}, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
