"""One JSON file for each run: what was killed when, and what became of it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.instance import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RESULTS = CHECKOUT / "benchmarks" / "results"
PASSED = "ok"


@dataclass
class Case:
    """One case.

    Attributes:
        group: of the matrix.
        name: of the case.
        killed: what really was killed, by name, with its process id.
        moment_seconds: after the start of `make up`, where it was that which was killed.
        during: the last line that `make up` had printed by then.
        self_heal_seconds: until all answered again without a hand; None where that is not asked for.
        converge_seconds: how long the next `make up` took.
        checks: `ok` or what was found instead, by name of the check.
        notes: what commands said of repairs.
    """

    group: str
    name: str
    drawn: dict[str, Any] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    moment_seconds: float | None = None
    during: str = ""
    self_heal_seconds: float | None = None
    converge_seconds: float | None = None
    checks: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def check(self, name: str, found: Callable[[], object]) -> None:
        """Run a check; whatever it gives or raises, unless it is empty, is what is wrong."""
        try:
            wrong = found()
        except Exception as error:  # noqa: BLE001 - a check that can't be made has failed; the others go on
            wrong = f"{type(error).__name__}: {error}"
        self.checks[name] = str(wrong)[-4000:] if wrong else PASSED

    @property
    def failed(self) -> dict[str, str]:
        return {name: text for name, text in self.checks.items() if text != PASSED}


def judge(case: Case) -> None:
    """Fail the test unless all is well, and was broken before: otherwise the case has shown nothing."""
    case.check("something was killed or damaged", lambda: "" if case.killed else "nothing")
    assert case.failed == {}, case


class Report:
    """Collects the cases of one run; written after each, so that a run that dies leaves what it saw."""

    def __init__(self, seed: int, *, short: bool) -> None:
        self._began = time.time()
        self._head = {
            "seed": seed,
            "short": short,
            "cores": os.cpu_count(),
            "machine": platform.machine(),
            "kernel": platform.release(),
            "measured": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": subprocess.run(
                ["git", "describe", "--always", "--dirty"],
                cwd=CHECKOUT,
                capture_output=True,
                text=True,
                check=False,
            ).stdout.strip(),
        }
        self.durations: dict[str, float] = {}
        self.cases: list[Case] = []
        self.path = RESULTS / f"chaos-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"

    def write(self) -> Path:
        failed = [case.name for case in self.cases if case.failed or not case.checks]
        content = {
            **self._head,
            "seconds": round(time.time() - self._began, 1),
            "load_average_at_end": round(os.getloadavg()[0], 1),
            "up_seconds": self.durations,
            "cases": len(self.cases),
            "failed": failed,
            "results": [asdict(case) for case in self.cases],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(content, indent=2) + "\n")
        return self.path
