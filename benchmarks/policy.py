"""How much longer a preview takes with the policy pack than without it.

    python benchmarks/policy.py prod --runs 3

One rehearsal, previews with and without the pack in turns, so that other work on the machine falls on both.
Writes results/policy.json beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path

from local.commands.policy import PACK
from local.progress import Progress
from local.rehearsal.rehearsal import Rehearsal, rehearsing

LIMIT_SECONDS = 15.0
"""What the pack may add to a preview of production."""
RESULT = Path(__file__).resolve().parent / "results" / "policy.json"


def seconds(rehearsal: Rehearsal, *words: str) -> float:
    """Time of one preview that ran to its end: one that is refused half-way would look fast."""
    began = time.perf_counter()
    preview = rehearsal.preview(*words)
    took = time.perf_counter() - began
    if preview.status != 0:
        raise SystemExit(f"the preview ended with status {preview.status}:\n{preview.output[-3000:]}")
    return took


def main() -> int:
    """Measure, print, write; 1 if the pack takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", nargs="?", default="prod")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    pack = (
        "--policy-pack",
        str(PACK),
        "--policy-pack-config",
        str(PACK / "config" / f"{options.stack}.json"),
    )
    with_it, without = [], []
    with rehearsing(options.stack, Progress()) as rehearsal:
        seconds(rehearsal)  # the first one fills caches
        for _ in range(options.runs):
            without.append(seconds(rehearsal))
            with_it.append(seconds(rehearsal, *pack))
    # By pairs of neighbours: what else the machine did fell on both.
    added = statistics.median(one - other for one, other in zip(with_it, without, strict=True))
    held = {
        "stack": options.stack,
        "machine": {"cores": os.cpu_count(), "system": platform.platform()},
        "load_average": os.getloadavg(),
        "seconds_without": without,
        "seconds_with": with_it,
        "median_added_seconds": round(added, 2),
        "limit_seconds": LIMIT_SECONDS,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(held, indent=1) + "\n")
    print(json.dumps(held, indent=1))
    return 0 if added <= LIMIT_SECONDS else 1


if __name__ == "__main__":
    raise SystemExit(main())
