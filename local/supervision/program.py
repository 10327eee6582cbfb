"""A program under supervision, and the supervisor's own configuration."""

from __future__ import annotations

import configparser
import io
import os
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LAUNCHER = Path(__file__).with_name("launch.py")

LOG_BYTES = "5MB"
LOG_BACKUPS = 2
"""Fifteen megabytes a program at most."""

RETRIES = 1_000_000
"""The supervisor never gives up: it waits one second more after each failed start."""


@dataclass(frozen=True)
class Program:
    """One long-running process.

    Attributes:
        name: of the process and of its log.
        command: program and arguments; never a secret, for arguments are public on the machine.
        waits_for: what has to accept connections first: `tcp:HOST:PORT` or `unix:PATH`. It is a help, not
            a condition: after `patience` seconds the program starts anyway and fails in its own words.
        environment: variables beyond PATH.
        patience: seconds to wait for each of `waits_for`.
        ends_by: signal that a dead supervisor sends: `KILL`, or `TERM` for what has to put something away.
        stop_seconds: time between SIGTERM and SIGKILL at an orderly stop.
    """

    name: str
    command: tuple[str, ...]
    waits_for: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    patience: float = 20.0
    ends_by: str = "KILL"
    stop_seconds: int = 10

    @property
    def full_command(self) -> tuple[str, ...]:
        """The command behind the launcher, which waits and ties its life to the supervisor's."""
        waits = [word for target in self.waits_for for word in ("--wait", target)]
        return (
            sys.executable,
            "-I",
            "-S",
            str(LAUNCHER),
            "--death",
            self.ends_by,
            "--patience",
            str(self.patience),
            *waits,
            "--",
            *self.command,
        )


def supervisor_configuration(
    programs: Sequence[Program], *, socket: Path, folder: Path, logs: Path, path: str
) -> str:
    """The text of supervisord.conf.

    Args:
        programs: in the order in which they start; they stop in reverse.
        socket: Unix socket of the control interface, for its owner only.
        folder: for the supervisor's pid file.
        logs: one file for each program, each bounded.
        path: PATH of every program.
    """
    parser = configparser.RawConfigParser()
    parser["unix_http_server"] = {"file": _text(socket), "chmod": "0700"}
    parser["supervisord"] = {
        "nodaemon": "true",
        "pidfile": _text(folder / "supervisord.pid"),
        "logfile": _text(logs / "supervisord.log"),
        "logfile_maxbytes": LOG_BYTES,
        "logfile_backups": str(LOG_BACKUPS),
        "umask": "077",
        "environment": f'PATH="{_text(path)}"',
    }
    if os.geteuid() == 0:
        parser["supervisord"]["user"] = "root"  # or it warns at each start that nobody was named
    factory = "supervisor.rpcinterface:make_main_rpcinterface"
    parser["rpcinterface:supervisor"] = {"supervisor.rpcinterface_factory": factory}
    for priority, program in enumerate(programs, start=1):
        section = {
            "command": _text(shlex.join(program.full_command)),
            "priority": str(priority),
            "autostart": "true",
            "autorestart": "true",
            "startsecs": "1",
            "startretries": str(RETRIES),
            "stopwaitsecs": str(program.stop_seconds),
            # The children of containerd are the containers' shims: they must outlive it.
            "stopasgroup": "false",
            "killasgroup": "false",
            "redirect_stderr": "true",
            "stdout_logfile": _text(logs / f"{program.name}.log"),
            "stdout_logfile_maxbytes": LOG_BYTES,
            "stdout_logfile_backups": str(LOG_BACKUPS),
        }
        if program.environment:
            pairs = (f'{name}="{_text(value)}"' for name, value in sorted(program.environment.items()))
            section["environment"] = ",".join(pairs)
        parser[f"program:{program.name}"] = section
    buffer = io.StringIO()
    parser.write(buffer)
    return buffer.getvalue()


def _text(value: object) -> str:
    """The supervisor expands %-signs."""
    return str(value).replace("%", "%%")
