"""The emulator beside an existing cluster: what is refused before anything is started or written."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from local.cluster import lone_emulator
from local.cluster.lone_emulator import LoneEmulator
from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.instance import Instance


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The emulator's port, on which somebody else listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = int(listener.getsockname()[1])
        monkeypatch.setattr(lone_emulator, "EMULATOR_PORT", port)
        yield port


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoneEmulator, "_launch", lambda _: pytest.fail("it was started"))


def test_a_port_that_somebody_else_has_is_refused_with_the_remedy(instance: Instance, taken: int) -> None:
    folder = instance.state / "existing" / "emulator"
    words = rf"can't be bound to 127\.0\.0\.1:{taken}: Address already in use.*EMULATOR_ADDRESS="
    with pytest.raises(LocalError, match=words):
        LoneEmulator(instance, folder, "127.0.0.1").start()
    assert not folder.exists()
    assert not instance.run.exists()


def test_an_address_that_this_machine_no_longer_has_is_refused(instance: Instance) -> None:
    folder = instance.state / "existing" / "emulator"
    with pytest.raises(LocalError, match=r"192\.0\.2\.1:4566: Cannot assign requested address"):
        LoneEmulator(instance, folder, "192.0.2.1").start()
    assert not folder.exists()
