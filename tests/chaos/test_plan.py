"""Of the default tier: the plan itself, without anything being killed."""

from __future__ import annotations

import pytest

from tests.chaos.plan import KILLS, LATE, QUICK, Scene, Victim, kills


def test_the_same_seed_draws_the_same_kills_and_another_seed_others() -> None:
    assert kills(7) == kills(7)
    assert kills(7) != kills(8)


@pytest.mark.parametrize("seed", range(20))
def test_a_whole_run_has_twenty_kills_of_every_kind_spread_over_the_whole_time(seed: int) -> None:
    drawn = kills(seed)
    assert len(drawn) == KILLS
    assert {kill.scene for kill in drawn} == set(Scene)
    assert {kill.victim for kill in drawn} == set(Victim)
    assert all(0 <= kill.part <= 1 for kill in drawn)
    assert min(kill.part for kill in drawn if kill.victim not in LATE) < 0.4
    assert max(kill.part for kill in drawn) > 0.6


def test_a_short_run_keeps_to_what_is_quick() -> None:
    assert {kill.scene for kill in kills(1, 3, QUICK)} == set(QUICK)
    assert len(kills(1, 3, QUICK)) == 3
