from __future__ import annotations

import time
from uuid import RFC_4122, UUID

from app.serve.identifiers import uuid7


def test_identifiers_are_version_seven_and_differ() -> None:
    found = [UUID(uuid7()) for _ in range(10_000)]
    assert len(set(found)) == 10_000
    assert {identifier.version for identifier in found} == {7}
    assert {identifier.variant for identifier in found} == {RFC_4122}


def test_identifiers_carry_the_time_and_sort_by_it() -> None:
    before = time.time_ns() // 1_000_000
    first = uuid7()
    time.sleep(0.002)
    second = uuid7()
    assert first < second
    assert before <= UUID(first).int >> 80 <= time.time_ns() // 1_000_000
