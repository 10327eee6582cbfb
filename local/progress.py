"""What a person watching a long command sees: what runs, how long it has taken, what comes next."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

HEARTBEAT_SECONDS = 20.0
"""A step that says nothing for this long gets a line, so that nobody takes it for stuck."""


class Progress:
    """Plain lines on a stream; thread-safe; also keeps each step's seconds for benchmarks and reports."""

    def __init__(self, stream: TextIO = sys.stderr, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self._stream = stream
        self._heartbeat = heartbeat
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self.seconds: dict[str, float] = {}

    def say(self, text: str) -> None:
        """Print one line, led by the time since the command began."""
        elapsed = int(time.monotonic() - self._started)
        with self._lock:
            print(f"[{elapsed // 60:02d}:{elapsed % 60:02d}] {text}", file=self._stream, flush=True)

    @contextmanager
    def step(self, name: str, *, then: str = "") -> Iterator[None]:
        """Announce a step, keep saying that it runs, and close it with its duration.

        Args:
            name: what is done, as a person would say it.
            then: what comes next, shown while this runs.
        """
        began = time.monotonic()
        ended = threading.Event()
        suffix = f"; next: {then}" if then else ""
        self.say(f"{name} ...{suffix}")

        def beat() -> None:
            while not ended.wait(self._heartbeat):
                self.say(f"{name}: {time.monotonic() - began:.0f} s so far{suffix}")

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            self.say(f"{name}: failed after {time.monotonic() - began:.1f} s")
            raise
        else:
            self.say(f"{name}: done in {time.monotonic() - began:.1f} s")
        finally:
            ended.set()
            thread.join()
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began
