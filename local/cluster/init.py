"""Process 1 of a node: makes the machine, keeps the supervisor alive, buries orphans.

It imports nothing but the standard library and runs isolated, so that it needs neither the checkout's
environment nor anything in the folders that it hides. When it ends, the kernel kills every process of the
node and takes down its mounts, interfaces and packet filters: that is what makes stopping exact.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RESTART_SECONDS = 1.0
"""Pause before a dead supervisor is started again."""

LIBC = ctypes.CDLL(None, use_errno=True)
MS_BIND = 4096

KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What the kubelet insists on setting, for the whole machine (kubelet's setupKernelTunables). It finds these
values in files of the node's own instead, and the host's stay as they are."""

FORWARDING = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
}
"""Of the node's own network namespace. Bridged packets pass the filters: a pod may reach itself or its
neighbour through a Service."""


def say(text: str) -> None:
    """A line in the node's log."""
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} init: {text}", file=sys.stderr, flush=True)  # noqa: T201 - its log


def run(*words: str) -> None:
    """Run a command that has to succeed."""
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)  # noqa: S603 - our own words


def bind(source: str, target: str) -> None:
    """Bind mount by the system call itself: the command would resolve an open file to its hidden path."""
    if LIBC.mount(source.encode(), target.encode(), None, MS_BIND, None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{source} can't be mounted on {target}: {os.strerror(number)}")


def mount_machine(specification: dict[str, Any]) -> None:
    """Give the node its own /proc, /run, /var/lib and /var/log, and cut its mounts off from the host's."""
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "proc", "proc", "/proc")
    # Held open, what the new mounts would hide can be put back into its place.
    shown = {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in _hidden(specification)}
    run("mount", "-t", "tmpfs", "-o", "mode=0755,nosuid,nodev", "plinth", "/run")
    run("mount", "--bind", specification["lib"], "/var/lib")
    run("mount", "--bind", specification["log"], "/var/log")
    for path, descriptor in sorted(shown.items()):
        Path(path).mkdir(parents=True, exist_ok=True)
        bind(f"/proc/self/fd/{descriptor}", path)
        os.close(descriptor)
    for name, value in KERNEL_SETTINGS.items():
        setting, stand_in = Path("/proc/sys") / name, Path("/run/plinth-settings") / name
        if setting.exists():
            stand_in.parent.mkdir(parents=True, exist_ok=True)
            stand_in.write_text(f"{value}\n")
            run("mount", "--bind", str(stand_in), str(setting))
    run("mount", "--make-rshared", "/")


def _hidden(specification: dict[str, Any]) -> list[str]:
    """Those of the kept folders that lie where the node gets folders of its own."""
    places = ("/run", "/var/run", "/var/lib", "/var/log")
    kept = [specification["run"], *specification["kept"]]
    return [path for path in kept if any(path.startswith(f"{place}/") for place in places)]


def connect(specification: dict[str, Any]) -> None:
    """Set up the node's end of the link, and who may pass it."""
    for name, value in FORWARDING.items():
        setting = Path("/proc/sys") / name
        if setting.exists():
            setting.write_text(value)
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", specification["node_address"], "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    # A packet needs a route before kube-proxy can redirect it. There is no default route: nothing leaves.
    run("ip", "route", "add", specification["service_network"], "dev", "eth0")
    host = specification["host_address"]
    # In over the link only from the host itself, whatever else it may route here; out only in answer.
    run("iptables", "-w", "-t", "raw", "-A", "PREROUTING", "-i", "eth0", "!", "-s", host, "-j", "DROP")
    answering = ("-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED")
    run("iptables", "-w", "-t", "mangle", "-A", "FORWARD", "-o", "eth0", *answering, "-j", "ACCEPT")
    run("iptables", "-w", "-t", "mangle", "-A", "FORWARD", "-o", "eth0", "-j", "DROP")


def supervise(command: list[str]) -> None:
    """Keep the supervisor alive until SIGTERM; wait for every orphan."""
    ending = False
    supervisor = 0

    def end(*_: object) -> None:
        nonlocal ending
        ending = True
        if supervisor:
            os.kill(supervisor, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    while not ending:
        supervisor = subprocess.Popen(command).pid  # noqa: S603 - our own words
        say(f"the supervisor is process {supervisor}")
        status = _wait_for(supervisor)
        supervisor = 0
        if not ending:
            say(f"the supervisor ended with {status}; starting it again")
            time.sleep(RESTART_SECONDS)


def _wait_for(pid: int) -> int:
    """Wait for one child while burying whatever else ends; orphans of the whole node come here."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def main(path: str) -> None:
    """Become the machine that the specification at `path` describes."""
    specification = json.loads(Path(path).read_text())
    socket.sethostname(specification["hostname"])
    mount_machine(specification)
    connect(specification)
    say("the machine is set up")
    supervise(specification["supervisor"])
    say("the supervisor has ended; what is left ends with this process")


if __name__ == "__main__":
    main(sys.argv[1])
