"""What is killed when: drawn from a seed, so that a run can be had again."""

from __future__ import annotations

import os
import random
from dataclasses import asdict, dataclass
from enum import StrEnum

KILLS = 20
"""Kills of `make up` in a whole run."""


class Scene(StrEnum):
    """What the `make up` that gets killed has to do."""

    NOTHING = "from nothing"
    NO_STACK = "from an empty stack"
    DRIFT = "repair drift"
    STOPPED = "from stop"
    COMPLETE = "with nothing to do"


class Victim(StrEnum):
    """Which of its processes are killed."""

    EVERYTHING = "everything it started"
    MAKE = "make alone"
    COMMAND = "the command alone"
    ENGINE = "pulumi alone"
    HOST = "the language host and the program"
    PROVIDERS = "the providers"


@dataclass(frozen=True)
class Kill:
    """One kill of `make up`.

    Attributes:
        number: counts from 1.
        scene: what it has to do.
        victim: what gets killed.
        part: when, as a part of the time that such a `make up` takes on this machine.
    """

    number: int
    scene: Scene
    victim: Victim
    part: float

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.number:02d}: {self.scene}, {self.victim}"


SHARES = {Scene.NOTHING: 2, Scene.NO_STACK: 5, Scene.DRIFT: 7, Scene.STOPPED: 3, Scene.COMPLETE: 3}
"""How often in twenty: most where most is made, fewer where it takes longest."""
QUICK = (Scene.DRIFT, Scene.COMPLETE)
"""What fits into a short run."""
LATE = frozenset({Victim.ENGINE, Victim.HOST, Victim.PROVIDERS})
"""They exist only in the second half or so; before that the command is killed in their place."""


def kills(seed: int, count: int = KILLS, scenes: tuple[Scene, ...] = tuple(Scene)) -> list[Kill]:
    """Draw kills, each scene's spread evenly over its whole time."""
    draw = random.Random(seed)  # noqa: S311 - to be had again, not to be secret
    share = {scene: SHARES[scene] for scene in scenes}
    chosen: list[Scene] = []
    while len(chosen) < count:
        chosen.append(
            min(share, key=lambda scene: (chosen.count(scene) / share[scene], list(share).index(scene)))
        )
    victims = _shuffled(draw, count)
    drawn = []
    for scene in scenes:
        places = [index for index, one in enumerate(chosen) if one is scene]
        for position, index in enumerate(places):
            part = (position + draw.random()) / len(places)
            victim = victims[index]
            if victim in LATE and scene is not Scene.COMPLETE:
                part = 0.5 + part / 2
            drawn.append(Kill(len(drawn) + 1, scene, victim, round(part, 3)))
    return drawn


def _shuffled(draw: random.Random, count: int) -> list[Victim]:
    victims: list[Victim] = []
    while len(victims) < count:
        deck = [Victim.EVERYTHING, *Victim]  # the commonest accident counts twice
        draw.shuffle(deck)
        victims += deck
    return victims[:count]


def is_short() -> bool:
    """Whether a run of a few minutes was asked for, as CI makes it."""
    return os.environ.get("CHAOS_CASES") == "short"


@dataclass(frozen=True)
class Plan:
    """What a run consists of, from CHAOS_SEED, CHAOS_KILLS and CHAOS_CASES."""

    seed: int
    kills: tuple[Kill, ...]
    programs: tuple[str, ...]
    short: bool

    @classmethod
    def asked_for(cls, programs: tuple[str, ...]) -> Plan:
        short = is_short()
        seed = int(os.environ.get("CHAOS_SEED") or 1)
        count = int(os.environ.get("CHAOS_KILLS") or (3 if short else KILLS))
        drawn = kills(seed, count, QUICK if short else tuple(Scene))
        return cls(seed, tuple(drawn), ("etcd", "kubelet") if short else programs, short)
