from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from local.cluster.recollection import Recollection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Emulator:
    """Answers for the emulator's health."""

    def __init__(self) -> None:
        self.health: dict[str, Any] = {"recollection": "empty", "generation": "first", "detail": ""}
        emulator = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(emulator.health).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def starts(self, recollection: str, generation: str, detail: str = "") -> None:
        self.health = {"recollection": recollection, "generation": generation, "detail": detail}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    emulator = Emulator()
    yield emulator
    emulator.server.shutdown()
    emulator.server.server_close()


@pytest.fixture
def recollection(emulator: Emulator, tmp_path: Path) -> Recollection:
    return Recollection(emulator.url, tmp_path)


def test_an_environment_that_was_never_complete_has_lost_nothing(
    emulator: Emulator, recollection: Recollection
) -> None:
    assert recollection.lost() == []
    emulator.starts("kept", "first")
    assert recollection.lost() == []


def test_a_loss_is_told_until_it_is_rebuilt(emulator: Emulator, recollection: Recollection) -> None:
    recollection.accept()
    assert recollection.lost() == []
    emulator.starts("partly lost", "second", "2 changes")
    assert recollection.lost() == ["AWS emulator: partly lost: 2 changes"]
    recollection.accept()
    assert recollection.lost() == []


def test_a_loss_is_still_told_after_a_start_that_lost_nothing_more(
    emulator: Emulator, recollection: Recollection
) -> None:
    recollection.accept()
    emulator.starts("kept", "second")
    assert "has not been rebuilt" in recollection.lost()[0]


def test_a_memory_that_is_gone_with_its_folder_is_a_loss(
    emulator: Emulator, recollection: Recollection
) -> None:
    recollection.accept()
    emulator.starts("empty", "second")
    assert "gone as a whole" in recollection.lost()[0]


def test_an_emulator_that_does_not_answer_is_told(emulator: Emulator, recollection: Recollection) -> None:
    emulator.server.shutdown()
    emulator.server.server_close()
    assert "can't be asked" in recollection.lost()[0]
