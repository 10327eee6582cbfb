"""Asking a name server: a real one, of a few lines, on loopback."""

from __future__ import annotations

import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from local.cluster.dns import lookup

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS = bytes([10, 96, 0, 1])


def answer(question: bytes) -> bytes:
    """Behaves by name: `known` has a record behind an alias, `none` has none, `broken` fails."""
    name = question[13 : 13 + question[12]]
    body = question[12:]
    code = {b"known": 0, b"none": 3, b"broken": 2}[name]
    if code or name == b"none":
        return question[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, 0, 0, 0) + body
    alias = struct.pack(">HHHIH", 0xC00C, 5, 1, 5, 4) + b"\x01a\xc0\x0c"
    address = b"\x01a\xc0\x0c" + struct.pack(">HHIH", 1, 1, 5, 4) + ADDRESS
    return question[:2] + struct.pack(">HHHHH", 0x8180, 1, 2, 0, 0) + body + alias + address


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)

        def serve() -> None:
            question, peer = server.recvfrom(512)
            server.sendto(answer(question), peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join()


def test_an_address_behind_an_alias_is_found(port: int) -> None:
    assert lookup("127.0.0.1", "known.test", port=port) == ["10.96.0.1"]


def test_a_name_without_address_is_empty(port: int) -> None:
    assert lookup("127.0.0.1", "none.test", port=port) == []


def test_a_failing_server_is_no_empty_answer(port: int) -> None:
    with pytest.raises(OSError, match="code 2"):
        lookup("127.0.0.1", "broken.test", port=port)


def test_a_server_that_is_not_there_is_an_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        unused = free.getsockname()[1]
    with pytest.raises(OSError, match=r".+"):
        lookup("127.0.0.1", "known.test", port=unused, seconds=0.2)
