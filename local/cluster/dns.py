"""One question to a name server, without a resolver library."""

from __future__ import annotations

import secrets
import socket
import struct

A_RECORD, INTERNET, RECURSE = 1, 1, 0x0100
HEADER = struct.Struct(">HHHHHH")
POINTER = 0xC0


def lookup(server: str, name: str, *, port: int = 53, seconds: float = 1.0) -> list[str]:
    """IPv4 addresses of a name; empty when the server says that there are none.

    Raises:
        OSError: no answer in time, or one that can't be read.
    """
    identity = secrets.randbelow(1 << 16)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    question = labels + b"\0" + struct.pack(">HH", A_RECORD, INTERNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(seconds)
        probe.connect((server, port))
        probe.send(HEADER.pack(identity, RECURSE, 1, 0, 0, 0) + question)
        answer = probe.recv(4096)
    try:
        return _addresses(answer, identity, len(question))
    except (struct.error, IndexError) as error:
        raise OSError(f"the answer of {server} can't be read: {error}") from error


def _addresses(answer: bytes, identity: int, question: int) -> list[str]:
    got, flags, _, count, _, _ = HEADER.unpack_from(answer)
    if got != identity:
        raise OSError("an answer to another question")
    code = flags & 0xF
    if code not in {0, 3}:
        raise OSError(f"the name server says that it failed (code {code})")
    position, found = HEADER.size + question, []
    for _ in range(count):
        while answer[position] and answer[position] & POINTER != POINTER:
            position += answer[position] + 1
        position += 2 if answer[position] else 1
        kind, _, _, length = struct.unpack_from(">HHIH", answer, position)
        position += 10
        if kind == A_RECORD:
            found.append(socket.inet_ntoa(answer[position : position + length]))
        position += length
    return found
