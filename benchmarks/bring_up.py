"""How long bringing an environment up takes, phase by phase, on this machine.

Works in a clone of its own with an instance of its own, drives the same `make` commands as a person, and
writes benchmarks/results/bring_up-<date>.json. `--cold` also measures a machine on which nothing was ever
built: the tool cache and Go's own caches are then fresh folders, removed afterwards. On a machine that has no
cache yet the first run is a cold one in any case, and its caches are kept. Peer: none is known that brings up
such an environment without an account; the figures stand beside the aims of the project.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
RESULTS = CHECKOUT / "benchmarks" / "results"

AIMS = {"cold_s": 1200, "from_stop_s": 60, "from_down_s": 150, "noop_up_s": 30, "noop_preview_s": 8}
"""Seconds at most, on 2 cores."""


def nothing_was_built() -> bool:
    """Whether this user has no cache of Plinth's, Go's, pip's or uv's yet."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return not any((home / name).exists() for name in ("plinth", "go-build", "pip", "uv"))


class Clone:
    """A checkout of the current commit with an environment of its own."""

    def __init__(self, folder: Path, *, cold: bool) -> None:
        self._checkout = folder / "plinth"
        self._environment = {**os.environ, "INSTANCE": f"bench-{os.getpid()}"}
        if cold:
            # Go's own are below the first of these by default, and removed as they are for everybody.
            for name in ("GOMODCACHE", "GOCACHE"):
                self._environment.pop(name, None)
            self._environment |= {
                "XDG_CACHE_HOME": str(folder / "cache"),
                "UV_CACHE_DIR": str(folder / "uv"),
                "PIP_CACHE_DIR": str(folder / "pip"),
            }
        subprocess.run(["git", "clone", "-q", CHECKOUT, self._checkout], check=True)

    def make(self, *words: str, text: str | None = None) -> float:
        """Run `make WORDS`; seconds it took, set-up of the Python packages included."""
        began = time.monotonic()
        subprocess.run(
            ["make", "--no-print-directory", *words],
            cwd=self._checkout,
            env=self._environment,
            input=text,
            text=True,
            check=True,
        )
        return round(time.monotonic() - began, 1)

    def preview(self) -> float:
        """Seconds of a `pulumi preview` that finds nothing to do, as typed in `make shell`."""
        clock = "s=$(date +%s.%N); pulumi preview --expect-no-changes --non-interactive >&2 || exit 1; "
        clock += "date +%s.%N | awk -v s=$s '{print $1 - s}'\n"
        result = subprocess.run(
            ["make", "--silent", "shell"],
            cwd=self._checkout,
            env={**self._environment, "SHELL": "/bin/sh"},
            input=clock,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return round(float(result.stdout.strip().splitlines()[-1]), 1)

    def phases(self) -> dict[str, float]:
        """Seconds of each step of the last `make up`."""
        return dict(json.loads((self._checkout / ".plinth" / "phases.json").read_text()))


def measure(*, cold: bool) -> dict[str, Any]:
    """One run through a clone's life; every figure is from this run."""
    figures: dict[str, Any] = dict.fromkeys(AIMS)
    phases: dict[str, dict[str, float]] = {}
    was_cold = cold or nothing_was_built()
    with tempfile.TemporaryDirectory(prefix="plinth-bench-") as folder:
        clone = Clone(Path(folder), cold=cold)
        try:
            first = clone.make("up")
            phases["first"] = clone.phases()
            if was_cold:
                figures["cold_s"] = first
            figures["noop_up_s"] = clone.make("up")
            phases["noop_up"] = clone.phases()
            figures["noop_preview_s"] = clone.preview()
            clone.make("stop")
            figures["from_stop_s"] = clone.make("up")
            phases["from_stop"] = clone.phases()
            clone.make("down")
            figures["from_down_s"] = clone.make("up")
            phases["from_down"] = clone.phases()
        finally:
            clone.make("down")
            # Go writes its module cache read-only; without this the temporary folder could not be removed.
            subprocess.run(["chmod", "-R", "u+w", folder], check=False)
    return {
        **figures,
        "aims": AIMS,
        "phases": phases,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=True
        ).stdout.strip(),
    }


def main() -> int:
    """Measure, print and keep; status 1 if an aim was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cold", action="store_true", help="also measure a machine with empty caches")
    result = measure(cold=parser.parse_args().cold)
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"bring_up-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps(result, indent=2) + "\n")
    missed = 0
    for name, aim in AIMS.items():
        value = result[name]
        missed += value is not None and value > aim
        print(f"{name:16} {value if value is not None else 'not measured':>12}   aim {aim}")
    print(file)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
