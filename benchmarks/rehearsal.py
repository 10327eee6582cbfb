"""How long a rehearsal takes, step by step, and how bringing up grows with 1, 10 and 100 inference services.

    python -m benchmarks.rehearsal [STACK] [SERVICES ...]

Without arguments prod, with 1, 10 and 100. First one whole rehearsal, as `make rehearse` has it; then, on
fresh emulators each, the same program with more inference services of the same release beside the first.
Growth is judged by what one more service costs: between 10 and 100 of them no more than between 1 and 10, but
for what single runs differ by. The first rehearsal of a machine also builds tools; warm is what comes after.

Writes benchmarks/results/rehearsal-<date>.json; status 1 if an aim was missed. Peer: none is known that
rehearses whole environments without an account, so the aims stand beside the figures.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.commands.rehearse import rehearse
from local.instance import CHECKOUT
from local.progress import Progress
from local.rehearsal.rehearsal import rehearsing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RESULTS = CHECKOUT / "benchmarks" / "results"
SERVICES = (1, 10, 100)

AIMS = {"whole_rehearsal_seconds": 240.0, "growth": 1.25}
"""At most: seconds of a warm rehearsal of prod on 2 cores; and how many times what a service costs among few
it may cost among many, where 1 is linear and the rest is what single runs differ by."""

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


def whole(stack: str) -> dict[str, Any]:
    """One rehearsal: its seconds in all and by step, and the number of resources."""
    progress = Progress()
    began = time.monotonic()
    resources = rehearse(stack, progress)
    return {
        "whole_rehearsal_seconds": round(time.monotonic() - began, 1),
        "resources": resources,
        "steps": {name: round(seconds, 1) for name, seconds in progress.seconds.items()},
    }


def with_services(stack: str, services: int) -> dict[str, Any]:
    """Bringing up so many services: seconds and resources."""
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


def costs(grown: Sequence[dict[str, Any]]) -> list[float]:
    """Seconds that one more service takes, from each number of them to the next."""
    return [
        round((more["seconds"] - few["seconds"]) / (more["services"] - few["services"]), 3)
        for few, more in itertools.pairwise(grown)
    ]


def growth(per_service: Sequence[float]) -> float | None:
    """Cost of one more service among many, as a multiple of that among few; None where it says nothing."""
    comparable = len(per_service) > 1 and per_service[0] > 0
    return round(per_service[-1] / per_service[0], 2) if comparable else None


def measure(stack: str, wanted: Sequence[int]) -> dict[str, Any]:
    """One run; every figure is from it."""
    figures = whole(stack)
    grown = [with_services(stack, services) for services in sorted(wanted)]
    per_service = costs(grown)
    return {
        "stack": stack,
        **figures,
        "bring_up": grown,
        "seconds_per_further_service": per_service,
        "growth": growth(per_service),
        "aims": AIMS,
        "cores": os.cpu_count(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "machine": platform.machine(),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=True
        ).stdout.strip(),
    }


def main() -> int:
    """Measure, print and keep; status 1 if an aim was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("stack", nargs="?", default="prod")
    parser.add_argument("services", nargs="*", type=int, default=list(SERVICES))
    options = parser.parse_args()
    result = measure(options.stack, options.services)
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"rehearsal-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(result, indent=2) + "\n")
    for entry in result["bring_up"]:
        print(f"{entry['services']:>4} services, {entry['resources']:>5} resources: {entry['seconds']:>7} s")
    missed = 0
    for name, aim in AIMS.items():
        missed += result[name] is not None and result[name] > aim
        print(f"{name:24} {result[name] if result[name] is not None else 'not measured':>12}   at most {aim}")
    print(file)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
