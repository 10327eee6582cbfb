"""Start one supervised program: wait for what it needs, tie its life to the supervisor's, become it.

Run as a plain file, isolated (`python -I -S`), because it stands in front of every program and has to cost
only milliseconds. Whatever it waits for, it waits a bounded time and then starts the program regardless.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.05
CONNECT_SECONDS = 1.0


def answers(target: str) -> bool:
    """Whether `tcp:HOST:PORT` or `unix:PATH` accepts a connection now."""
    kind, _, place = target.partition(":")
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_SECONDS)
        try:
            if kind == "unix":
                probe.connect(place)
            else:
                host, _, port = place.rpartition(":")
                probe.connect((host, int(port)))
        except OSError:
            return False
    return True


def wait(targets: list[str], patience: float) -> None:
    """Return when all targets answer, or when patience ends; say for whom it ended."""
    deadline = time.monotonic() + patience
    for target in targets:
        while not answers(target):
            if time.monotonic() >= deadline:
                print(f"launch: {target} does not answer after {patience} s; starting anyway", flush=True)  # noqa: T201 - the program's log
                break
            time.sleep(POLL_SECONDS)


def main(words: list[str]) -> None:
    """`--death SIGNAL --patience SECONDS [--parent PID] [--wait TARGET]... -- COMMAND...`."""
    split = words.index("--")
    options, command = words[:split], words[split + 1 :]
    pairs = list(zip(options[::2], options[1::2], strict=True))
    parent = next((int(value) for name, value in pairs if name == "--parent"), os.getppid())
    death = next(value for name, value in pairs if name == "--death")
    asked = signal.Signals[f"SIG{death}"]
    if asked is not signal.SIGKILL:
        signal.signal(asked, signal.SIG_DFL)  # a shell that starts us with `&` has it ignored, and so had we
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, asked)
    if os.getppid() != parent:
        sys.exit("launch: the process that this one is tied to ended first")
    patience = float(next(value for name, value in pairs if name == "--patience"))
    wait([value for name, value in pairs if name == "--wait"], patience)
    os.execv(command[0], command)  # noqa: S606 - replacing itself by the program is its purpose


if __name__ == "__main__":
    main(sys.argv[1:])
