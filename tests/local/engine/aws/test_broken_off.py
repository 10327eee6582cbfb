"""A change whose answer never comes: it may have been done, and must not be done a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
import requests

from tests.chaos.faults import Fault, FaultyEmulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRIES = 5
"""More than one creation has steps."""

KEYS: tuple[Any, ...] = ("kms", "list_keys", "Keys")
BUCKETS: tuple[Any, ...] = ("s3", "list_buckets", "Buckets")


@pytest.fixture
def faulty(emulator: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyEmulator]:
    requests.post(f"{emulator}/moto-api/reset", timeout=10)  # moto's memory is the process's
    with FaultyEmulator() as faulty:
        monkeypatch.setenv("AWS_ENDPOINT_URL", faulty.url)
        yield faulty


@pytest.mark.parametrize(
    ("token", "listed"), [("aws:kms/key:Key", KEYS), ("aws:s3/bucket:Bucket", BUCKETS)], ids=["key", "bucket"]
)
def test_a_creation_that_was_never_answered_is_not_made_twice(
    faulty: FaultyEmulator, new_engine: Callable[[], Any], token: str, listed: tuple[str, str, str]
) -> None:
    service, operation, member = listed
    faulty.fail(Fault.ANSWER_LOST)
    with pytest.raises(grpc.RpcError, match="it may have been done"):
        new_engine().up(token, "once", {})
    for _ in range(TRIES):
        engine = new_engine()
        try:
            engine.up(token, "once", {})
        except grpc.RpcError:
            continue
        break
    made = [entry.get("KeyId", entry.get("Name")) for entry in _list(engine, service, operation)[member]]
    assert made == [engine.states["once"].identity]


def _list(engine: Any, service: str, operation: str) -> Any:
    return getattr(engine.client(service), operation)()
