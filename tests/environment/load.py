"""A steady stream of predictions from another thread, with every failure kept."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from types import TracebackType

LONGEST_SECONDS = 600
"""Bound on any load, so that a test that hangs can't drive a server for ever."""


class Load:
    """`with Load(url, body, rate=50) as load: ...`, then look at `load.failures` and `load.versions`."""

    def __init__(self, url: str, body: dict[str, Any], *, rate: float, connections: int = 16) -> None:
        self._url = url
        self._body = body
        self._interval = 1 / rate
        self._connections = connections
        self._stop = threading.Event()
        self.failures: list[str] = []
        self.versions: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._drive)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def sent(self) -> int:
        return len(self.failures) + self.versions.total()

    def _drive(self) -> None:
        limits = httpx.Limits(max_connections=self._connections, max_keepalive_connections=self._connections)
        deadline = time.monotonic() + LONGEST_SECONDS
        with (
            httpx.Client(base_url=self._url, timeout=10, limits=limits) as client,
            ThreadPoolExecutor(self._connections) as pool,
        ):
            due = time.monotonic()
            while not self._stop.is_set() and time.monotonic() < deadline:
                pool.submit(self._send, client)
                due += self._interval
                time.sleep(max(0.0, due - time.monotonic()))

    def _send(self, client: httpx.Client) -> None:
        try:
            response = client.post("/v1/predictions", json=self._body)
            outcome = (
                ""
                if response.status_code == httpx.codes.OK
                else f"{response.status_code} {response.text[:200]}"
            )
        except httpx.HTTPError as error:
            outcome = repr(error)
        with self._lock:
            if outcome:
                self.failures.append(outcome)
            else:
                self.versions[response.json()["model_version"]] += 1
