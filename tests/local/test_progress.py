from __future__ import annotations

import io
import time

import pytest

from local.progress import Progress


def test_a_step_says_what_it_does_what_is_next_and_how_long_it_took() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    with progress.step("build", then="start"):
        pass
    lines = stream.getvalue().splitlines()
    assert "build ...; next: start" in lines[0]
    assert "build: done in 0.0 s" in lines[1]
    assert progress.seconds["build"] >= 0


def test_a_long_step_keeps_saying_that_it_runs() -> None:
    stream = io.StringIO()
    with Progress(stream, heartbeat=0.01).step("build"):
        time.sleep(0.1)
    assert "build: 0 s so far" in stream.getvalue()


def test_a_step_that_fails_says_so_and_passes_the_error_on() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="broken"), Progress(stream).step("build"):
        raise ValueError("broken")
    assert "build: failed" in stream.getvalue()
