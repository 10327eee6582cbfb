from __future__ import annotations

import io
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from local.commands import release
from local.errors import LocalError
from local.progress import Progress
from local.release import Release

BEFORE = Release("support2-mortality", "old", "a" * 64)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Release]:
    """What the engine was told to serve."""
    found: list[Release] = []

    def serve(_environment: object, _progress: object, wanted: Release, *_: object, **_more: object) -> None:
        found.append(wanted)

    monkeypatch.setattr(release, "_serve", serve)
    return found


def roll_back(artifacts: object) -> None:
    environment: Any = SimpleNamespace(
        exclusively=lambda _command: nullcontext(),
        release=SimpleNamespace(previous=lambda: BEFORE),
        artifacts=lambda: artifacts,
    )
    release.rollback(environment, Progress(stream=io.StringIO()))


def test_what_was_served_before_is_served_again(served: list[Release]) -> None:
    roll_back(SimpleNamespace(holds=lambda wanted: wanted == BEFORE))
    assert served == [BEFORE]


@pytest.mark.parametrize(
    "artifacts", [SimpleNamespace(holds=lambda _: False), None], ids=["lost", "no bucket"]
)
def test_a_version_whose_artifact_is_lost_is_not_gone_back_to(
    served: list[Release], artifacts: object
) -> None:
    with pytest.raises(LocalError, match="make release") as caught:
        roll_back(artifacts)
    assert BEFORE.artifact_sha256 in str(caught.value)
    assert served == []
