from __future__ import annotations

import pytest

from components.durability import Durability


def test_stores_are_protected_and_retained_unless_someone_says_otherwise() -> None:
    assert Durability() == Durability(protect=True, retain=True, force_destroy=False)


@pytest.mark.parametrize(("protect", "retain"), [(True, False), (False, True), (True, True)])
def test_emptying_what_is_to_be_kept_is_a_contradiction(*, protect: bool, retain: bool) -> None:
    with pytest.raises(ValueError, match="force_destroy=True contradicts"):
        Durability(protect=protect, retain=retain, force_destroy=True)


def test_throw_away_data_may_be_emptied() -> None:
    assert Durability(protect=False, retain=False, force_destroy=True).force_destroy
