"""The environment under test, as the cases of the matrix see it: break, converge, look."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from local.commands.status import api_url
from local.environment import Environment
from local.instance import Instance
from local.leash import remains
from local.progress import Progress
from tests.chaos import damage
from tests.chaos.orphans import orphans
from tests.chaos.plan import LATE, Kill, Plan, Scene, Victim
from tests.chaos.up import Ended, Running, make
from tests.environment.conftest import EXAMPLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.report import Case, Report

REFRESH_SECONDS = 180
HEAL_SECONDS = 150
"""For a node's program to come back without a hand, and the service with it."""
MORE_SECONDS = {Scene.NOTHING: 80, Scene.NO_STACK: 30, Scene.DRIFT: 8, Scene.STOPPED: 30, Scene.COMPLETE: 0}
"""How much longer than one with nothing to do a `make up` takes; a first guess, corrected by each case."""

SHARES_OF_THE_TIME = (1.0, 0.8, 0.6)
"""Of what a `make up` is expected to take, for a kill and its further tries."""


class Matrix:
    """Runs cases on the environment of this checkout."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self.plan = plan
        self.report = report
        self.instance = Instance.of_checkout()
        self.environment = Environment(self.instance)
        self.idle_seconds = 0.0
        self._expected: dict[Scene, float] = {}

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """The real command line; raises RuntimeError with its words where it fails."""
        result = subprocess.run(
            [str(self.instance.bin / "kubectl"), *words],
            env={
                "KUBECONFIG": str(self.instance.kubeconfig),
                "HOME": str(Path.home()),
                "PATH": "/usr/bin:/bin",
            },
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if result.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(words)}: {result.stderr}")
        return result.stdout

    # Before

    def begin(self) -> None:
        """Start from a complete environment, and learn how fast this machine is today."""
        first = make("up")
        assert not first.wrong, first.wrong
        again = make("up")
        assert not again.changed, again.changed
        self.idle_seconds = again.seconds
        self.report.durations[str(Scene.COMPLETE)] = again.seconds

    def complete(self) -> None:
        """A case that failed must not make the next one fail: that one begins with a service that answers."""
        if self.unwell():
            up = make("up")
            assert not up.wrong, up.wrong

    def set_scene(self, kill: Kill) -> list[str]:
        """Bring the environment to where the `make up` that gets killed begins."""
        if kill.scene is Scene.NOTHING:
            down = make("down")
            assert not down.wrong, down.wrong
        elif kill.scene is Scene.STOPPED:
            stop = make("stop")
            assert not stop.wrong, stop.wrong
        elif kill.scene is Scene.NO_STACK:
            with self.environment.exclusively("down"):
                self.environment.stack.prepare()
                self.environment.stack.destroy(Progress())
        elif kill.scene is Scene.DRIFT:
            draw = random.Random(f"{self.plan.seed} {kill.number}")  # noqa: S311 - as the plan's
            return damage.drift(self.environment, self.kubectl, draw)
        return []

    # The kill

    def kill_up(self, kill: Kill, case: Case) -> None:
        """Set the scene, start `make up`, kill what is to be killed at its moment, and converge.

        How long the `make up` takes is a guess. One that ends before its moment has come tells how long it
        does take, and the same kill is tried once more within that time.
        """
        for share in SHARES_OF_THE_TIME:
            case.notes += self.set_scene(kill)
            ended = self._kill_once(kill, case, share)
            if ended is None:
                break
            case.notes.append(f"make up had ended after {ended.seconds} s, before it could be killed")
            self._expected[kill.scene] = ended.seconds
        again = self.converge(case)
        if case.killed and not again.wrong:
            self._expected[kill.scene] = (case.moment_seconds or 0) + again.seconds - self.idle_seconds
            self.report.durations[str(kill.scene)] = round(self._expected[kill.scene], 1)

    def _kill_once(self, kill: Kill, case: Case, share: float) -> Ended | None:
        """Kill within a share of the expected time; gives a `make up` that ended before it was killed."""
        expected = share * self._expected.get(kill.scene, self.idle_seconds + MORE_SECONDS[kill.scene])
        with Running("up") as up:
            if kill.victim in LATE:
                reached = up.wait_until(0, lambda: up.has(Victim.ENGINE))
                # They live while the engine does, so their part is one of its time.
                moment = up.seconds + (kill.part - 0.5) * 2 * max(0.0, expected * 0.9 - up.seconds)
                reached = reached and up.wait_until(moment, lambda: up.has(kill.victim))
            else:
                reached = up.wait_until(
                    kill.part * expected * 0.95,
                    lambda: kill.victim is not Victim.COMMAND or up.has(kill.victim),
                )
            case.moment_seconds = round(up.seconds, 2)
            case.during = up.last_line
            case.killed = up.kill(kill.victim) if reached else []
            if not case.killed:
                ended = up.ended()
                case.check("a make up that nobody kills succeeds", lambda: ended.wrong)
                return ended
            if kill.victim in LATE:
                case.notes.append(f"make up itself then ended with status {up.ended(120).status}")
        return None

    # After

    def converge(self, case: Case) -> Ended:
        """`make up`, at once; it has to succeed."""
        up = make("up")
        case.converge_seconds = up.seconds
        case.notes += up.repairs
        case.check("make up converges", lambda: up.wrong)
        return up

    def look(self, case: Case) -> None:
        """What has to hold after each case."""
        case.check("nothing of the killed is at work", lambda: remains(self.instance))
        case.check("no lock is left", self._locks)
        case.check("nothing is orphaned", lambda: "\n".join(orphans(self.environment, self.kubectl)))
        case.check("the state is truthful", self._refresh)
        case.check("the service answers", self.prediction)

    def look_unchanged(self, case: Case) -> None:
        """A further `make up` finds nothing to do."""
        case.check("a further make up changes nothing", lambda: make("up").changed)

    def _locks(self) -> list[str]:
        return [str(path) for path in (self.instance.pulumi_state / ".pulumi" / "locks").rglob("*.json")]

    def _refresh(self) -> str:
        words = ("refresh", "--preview-only", "--expect-no-changes", "--stack", "local")
        self.environment.stack.run(*words, timeout=REFRESH_SECONDS)
        return ""

    def prediction(self) -> str:
        """Why the service gives no prediction; empty if it does."""
        release = self.environment.release.read()
        try:
            response = httpx.post(f"{api_url(self.environment)}/v1/predictions", json=EXAMPLE, timeout=10)
        except httpx.HTTPError as error:
            return f"no answer: {error!r}"
        if response.status_code != httpx.codes.OK:
            return f"status {response.status_code}: {response.text[:300]}"
        version = response.json()["model_version"]
        return "" if release and version == release.version else f"version {version} instead of {release}"

    def unwell(self) -> str:
        """Which part of the node is unwell, or why the service gives no prediction."""
        wrong = [f"{part.name}: {part.detail}" for part in self.environment.node.health() if not part.healthy]
        return "; ".join(wrong) or self.prediction()

    def heal(self, case: Case, clock: Callable[[], float]) -> None:
        """Wait until everything answers again, with nobody doing anything."""
        began = clock()
        case.check("all comes back without a hand", lambda: damage.wait_for(self.unwell, HEAL_SECONDS))
        case.self_heal_seconds = round(clock() - began, 1)

    def lost(self) -> list[str]:
        """What `make status` says is lost."""
        status = make("--silent", "status", "STATUS=json")
        assert not status.wrong, status.wrong
        return list(json.loads(status.output)["lost"])
