"""Where a pod keeps each value that a rule reads, and what the value must be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from policies.core.build import Expect, each_rule
from policies.core.pods import POD_LIKE, pod_of
from policies.core.resources import Resource
from policies.core.rules import Context, Rule, Severity, Topic
from policies.core.values import View

BY_DIGEST: Final = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")
ALLOWED_VOLUMES: Final = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
SAFE_SYSCTLS: Final = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    }
)
SAFE_SELINUX_TYPES: Final = (
    None,
    "",
    "container_t",
    "container_init_t",
    "container_kvm_t",
    "container_engine_t",
)
SAFE_PROFILES: Final = ("RuntimeDefault", "Localhost")
Values = Callable[[Resource], Iterator[View]]


def each(*path: str) -> Values:
    """A value of every container."""

    def values(workload: Resource) -> Iterator[View]:
        for container in pod_of(workload).containers:
            yield container.at(*path)

    return values


def pod(*paths: tuple[str, ...]) -> Values:
    """Values of the pod itself."""

    def values(workload: Resource) -> Iterator[View]:
        spec = pod_of(workload).spec
        for path in paths:
            yield spec.at(*path)

    return values


def inherited(*path: str) -> Values:
    """A value of every container, or the pod's own where the container says nothing."""

    def values(workload: Resource) -> Iterator[View]:
        pod = pod_of(workload)
        for container in pod.containers:
            own = container.at("securityContext", *path)
            yield own if own.present() else pod.spec.at("securityContext", *path)

    return values


def everywhere(*path: str) -> Values:
    """A value of the pod and of every container."""

    def values(workload: Resource) -> Iterator[View]:
        pod = pod_of(workload)
        yield pod.spec.at("securityContext", *path)
        for container in pod.containers:
            yield container.at("securityContext", *path)

    return values


def host_ports(workload: Resource) -> Iterator[View]:
    """The node's ports that containers take."""
    for container in pod_of(workload).containers:
        for port in container.at("ports").items():
            yield port.at("hostPort")


def hosts_called(workload: Resource) -> Iterator[View]:
    """The hosts that probes and hooks call."""
    hooks = (
        ("livenessProbe",),
        ("readinessProbe",),
        ("startupProbe",),
        ("lifecycle", "preStop"),
        ("lifecycle", "postStart"),
    )
    for container in pod_of(workload).containers:
        for hook in hooks:
            for kind in ("httpGet", "tcpSocket"):
                yield container.at(*hook, kind, "host")


def volumes(workload: Resource) -> Iterator[View]:
    """The volumes of the pod."""
    yield from pod_of(workload).spec.at("volumes").items()


def sysctls(workload: Resource) -> Iterator[View]:
    """The kernel parameters that the pod sets."""
    for sysctl in pod_of(workload).spec.at("securityContext", "sysctls").items():
        yield sysctl.at("name")


def probes(name: str) -> Values:
    """One probe of every lasting container."""

    def values(workload: Resource) -> Iterator[View]:
        for container in pod_of(workload).main_containers:
            yield container.at(name)

    return values


def drops_all(view: View, _context: Context) -> bool:
    """Whether a list of capabilities drops all."""
    return "ALL" in view.texts()


def adds_little(view: View, _context: Context) -> bool:
    """Whether added capabilities are harmless."""
    return set(view.texts()) <= {"NET_BIND_SERVICE"}


def is_allowed_volume(view: View, _context: Context) -> bool:
    """Whether a volume is of one allowed kind."""
    kinds = {key for key in view.mapping() if key != "name" and view.at(str(key)).present()}
    return bool(kinds) and kinds <= ALLOWED_VOLUMES


def is_probe(view: View, _context: Context) -> bool:
    """Whether a probe probes anything."""
    return any(view.at(kind).mapping() for kind in ("httpGet", "grpc", "tcpSocket", "exec"))


def by_digest(view: View, _context: Context) -> bool:
    """Whether an image is named by digest."""
    return bool(BY_DIGEST.fullmatch(view.text() or ""))


def not_latest(view: View, _context: Context) -> bool:
    """Whether an image has a tag or digest other than latest."""
    image = (view.text() or "").partition("@")
    name, separator, tag = image[0].rpartition("/")[2].partition(":")
    return bool(name) and (bool(image[2]) or bool(separator and tag)) and tag != "latest"


def positive(view: View, _context: Context) -> bool:
    """Whether a quantity is above zero."""
    value = view.known()
    return (isinstance(value, str) and bool(value.strip("0. "))) or (
        isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    )


NOT_ROOT: Final = Expect("absent or above 0", lambda view, _: view.number() != 0)
EMPTY: Final = Expect("absent", lambda view, _: view.known() in (None, "", 0))
PSS: Final = "PSS restricted"
BASELINE: Final = "PSS baseline"


def pod_rule(  # noqa: PLR0913 - a row of the table below
    rule_id: str,
    values: Values,
    expect: Expect,
    title: str,
    remediation: str,
    *public_ids: str,
    severity: Severity = Severity.HIGH,
    topic: Topic = Topic.HARDENING,
    types: tuple[str, ...] = POD_LIKE,
) -> Rule:
    """A rule on values of every pod."""
    return each_rule(
        rule_id,
        types,
        values,
        expect,
        title=title,
        topic=topic,
        severity=severity,
        public_ids=public_ids,
        remediation=remediation,
    )
