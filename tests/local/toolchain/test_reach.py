"""Whether a module proxy answers: on loopback, against servers that do, refuse, and keep silent."""

from __future__ import annotations

import base64
import http.server
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from local.errors import LocalError
from local.toolchain import Tool, ensure, toolchain
from local.toolchain.reach import silence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.local.toolchain.conftest import Workshop

MODULE = "github.com/Azure/x"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def answering(status: int) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A proxy on loopback; its address, and what it was asked with which credentials."""
    asked: list[tuple[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version: ClassVar[str] = "HTTP/1.0"

        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization", "")))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}/mod/", asked
        server.shutdown()


@contextmanager
def silent() -> Iterator[str]:
    """A proxy that takes connections and says nothing, as behind a broken firewall."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        yield f"http://user:planted-secret@127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("status", [200, 403, 404, 503])
def test_whoever_answers_is_there(status: int) -> None:
    with answering(status) as (place, asked):
        assert silence(f"http://user:pass%40word@{place}", MODULE) == ""
    assert asked == [
        ("/mod/github.com/!azure/x/@v/list", f"Basic {base64.b64encode(b'user:pass@word').decode()}")
    ]


def test_who_keeps_silent_is_given_up_in_time_and_named_without_its_password() -> None:
    began = time.monotonic()
    with silent() as address:
        reason = silence(address, MODULE, seconds=0.3)
    assert time.monotonic() - began < 5
    assert "does not answer within" in reason
    assert "127.0.0.1" in reason
    assert "planted-secret" not in reason


def test_who_refuses_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert "can't be reached: " in silence(address, MODULE)


def test_one_that_answers_is_enough() -> None:
    with silent() as dead, answering(404) as (place, _):
        assert silence(f"{dead},http://{place}", MODULE, seconds=0.2) == ""
        assert silence(f"{dead}|direct", MODULE, seconds=0.2) == ""
        assert silence(f"{dead},off", MODULE, seconds=0.2) != ""
    assert silence("off", MODULE) == ""


def test_a_build_out_of_reach_asks_nobody_and_fails_with_the_reason(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "silence", lambda *_: "https://proxy.example does not answer within 15 s")
    workshop.fail_with("go: example.org/helm@v3: module lookup disabled by GOPROXY=off\n")
    recipe = workshop.recipe()
    with pytest.raises(LocalError, match=r"no module proxy can be reached: https://proxy\.example does not"):
        ensure(workshop.cache, [Tool.HELM], workshop.progress, {Tool.HELM: recipe})
    assert workshop.leftovers() == []


def test_a_build_out_of_reach_succeeds_where_all_modules_are_there(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "silence", lambda *_: "https://proxy.example does not answer within 15 s")
    recipe = workshop.recipe()
    ensure(workshop.cache, [Tool.HELM], workshop.progress, {Tool.HELM: recipe})
    assert "no module proxy can be reached" in workshop.output.getvalue()
    assert "GOPROXY=off" in workshop.calls.with_name("calls.environment").read_text().splitlines()


def test_a_certificate_refused_for_its_dates_points_at_the_clock(workshop: Workshop) -> None:
    workshop.fail_with("go: x: tls: x509: certificate has expired or is not yet valid: current time 1999\n")
    recipe = workshop.recipe()
    with pytest.raises(LocalError, match=r"this machine's clock, which says \d{4}-"):
        ensure(workshop.cache, [Tool.HELM], workshop.progress, {Tool.HELM: recipe})
