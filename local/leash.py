"""Engines that end with the command that started them, and the remains of those that have not ended yet.

A command may be killed at any moment. The kernel then asks its engine to end (PR_SET_PDEATHSIG), which takes
it a moment: it records what it has just made. Everything an engine starts inherits a variable that names the
environment it works on; by it the next command finds, in the kernel's own list of processes, what is still
at work. Two engines at once on one state would each make what the other is making.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import psutil

from local.supervision.program import LAUNCHER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.instance import Instance

MARK = "PLINTH_CHANGES"
"""Variable of an engine that changes an environment, and of all that it starts; its value is that
environment's state folder. Whoever may set it may also kill the process, so it is believed."""

PR_SET_PDEATHSIG = 1

PATIENCE_SECONDS = 30.0
"""How long what is left of a killed command may go on by itself: a provider ends the calls that it is in
within ten seconds, the engine then writes its state."""
KILL_SECONDS = 5.0
POLL_SECONDS = 0.1


def leashed(command: Sequence[str]) -> list[str]:
    """The command line that is interrupted when its starter dies; the program's path has to be absolute."""
    return [
        sys.executable,
        "-I",
        "-S",
        str(LAUNCHER),
        "--death",
        "INT",
        "--parent",
        str(os.getpid()),
        "--patience",
        "0",
        "--",
        *command,
    ]


def follow(parent: int, name: str) -> None:
    """End this process when its parent dies, if the parent has this name.

    A killed `make` would otherwise leave its command at work without anybody who could interrupt it, and the
    next `make` would have to wait for it.
    """
    try:
        followed = psutil.Process(parent).name() == name
    except psutil.Error:
        return
    if followed:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before it could be followed
            os.kill(os.getpid(), signal.SIGKILL)


def marked(instance: Instance, environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for an engine that changes the instance."""
    return {**environment, MARK: str(instance.state)}


def end_remains(instance: Instance, patience: float = PATIENCE_SECONDS) -> list[str]:
    """Wait for what a killed command left at work on the instance, kill what stays, and say what that was.

    Only for a command that holds the instance and has not started its own engine yet.

    Args:
        instance: whose engine is looked for.
        patience: seconds until what is left is killed.
    """
    found = remains(instance)
    if not found:
        return []
    began = time.monotonic()
    names = ", ".join(f"{_name(process)} ({process.pid})" for process in found)
    while found and time.monotonic() - began < patience:
        time.sleep(POLL_SECONDS)
        found = remains(instance)
    waited = time.monotonic() - began
    if not found:
        return [f"waited {waited:.1f} s for what a killed command had started: {names}"]
    killed = ", ".join(f"{_name(process)} ({process.pid})" for process in found)
    while found and time.monotonic() - began < patience + KILL_SECONDS:
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        time.sleep(POLL_SECONDS)
        found = remains(instance)
    return [f"killed what an earlier command had started and {waited:.0f} s did not end: {killed}"]


def remains(instance: Instance) -> list[psutil.Process]:
    """Every process that some command started to change the instance."""
    wanted = str(instance.state)
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == wanted and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return "a process"
