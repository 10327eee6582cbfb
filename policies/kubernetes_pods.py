"""Pods, field by field: Pod Security Standard `restricted`, and what it leaves open."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from policies.core.build import IS_FALSE, IS_TRUE, NOT_TRUE, Expect, each_rule
from policies.core.pods import LASTING, POD_TYPES, pod_of
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


def _each(*path: str) -> Values:
    """A value of every container."""

    def values(workload: Resource) -> Iterator[View]:
        for container in pod_of(workload).containers:
            yield container.at(*path)

    return values


def _pod(*paths: tuple[str, ...]) -> Values:
    """Values of the pod itself."""

    def values(workload: Resource) -> Iterator[View]:
        spec = pod_of(workload).spec
        for path in paths:
            yield spec.at(*path)

    return values


def _inherited(*path: str) -> Values:
    """A value of every container, or the pod's own where the container says nothing."""

    def values(workload: Resource) -> Iterator[View]:
        pod = pod_of(workload)
        for container in pod.containers:
            own = container.at("securityContext", *path)
            yield own if own.present() else pod.spec.at("securityContext", *path)

    return values


def _everywhere(*path: str) -> Values:
    """A value of the pod and of every container."""

    def values(workload: Resource) -> Iterator[View]:
        pod = pod_of(workload)
        yield pod.spec.at("securityContext", *path)
        for container in pod.containers:
            yield container.at("securityContext", *path)

    return values


def _host_ports(workload: Resource) -> Iterator[View]:
    for container in pod_of(workload).containers:
        for port in container.at("ports").items():
            yield port.at("hostPort")


def _hosts_called(workload: Resource) -> Iterator[View]:
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


def _volumes(workload: Resource) -> Iterator[View]:
    yield from pod_of(workload).spec.at("volumes").items()


def _sysctls(workload: Resource) -> Iterator[View]:
    for sysctl in pod_of(workload).spec.at("securityContext", "sysctls").items():
        yield sysctl.at("name")


def _probes(name: str) -> Values:
    def values(workload: Resource) -> Iterator[View]:
        for container in pod_of(workload).main_containers:
            yield container.at(name)

    return values


def _drops_all(view: View, _context: Context) -> bool:
    return "ALL" in view.texts()


def _adds_little(view: View, _context: Context) -> bool:
    return set(view.texts()) <= {"NET_BIND_SERVICE"}


def _is_allowed_volume(view: View, _context: Context) -> bool:
    kinds = {key for key in view.mapping() if key != "name" and view.at(str(key)).present()}
    return bool(kinds) and kinds <= ALLOWED_VOLUMES


def _is_probe(view: View, _context: Context) -> bool:
    return any(view.at(kind).mapping() for kind in ("httpGet", "grpc", "tcpSocket", "exec"))


def _by_digest(view: View, _context: Context) -> bool:
    return bool(BY_DIGEST.fullmatch(view.text() or ""))


def _not_latest(view: View, _context: Context) -> bool:
    image = (view.text() or "").partition("@")
    name, separator, tag = image[0].rpartition("/")[2].partition(":")
    return bool(name) and (bool(image[2]) or bool(separator and tag)) and tag != "latest"


def _positive(view: View, _context: Context) -> bool:
    value = view.known()
    return (isinstance(value, str) and bool(value.strip("0. "))) or (
        isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    )


NOT_ROOT: Final = Expect("absent or above 0", lambda view, _: view.number() != 0)
EMPTY: Final = Expect("absent", lambda view, _: view.known() in (None, "", 0))
PSS: Final = "PSS restricted"
BASELINE: Final = "PSS baseline"


def _pod_rule(
    rule_id: str,
    values: Values,
    expect: Expect,
    title: str,
    remediation: str,
    *public_ids: str,
    severity: Severity = Severity.HIGH,
    topic: Topic = Topic.HARDENING,
    types: tuple[str, ...] = POD_TYPES,
) -> Rule:
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


RULES: Final[tuple[Rule, ...]] = (
    _pod_rule(
        "kubernetes-non-root",
        _inherited("runAsNonRoot"),
        IS_TRUE,
        "Containers don't run as root",
        "Set securityContext.runAsNonRoot to true.",
        PSS,
        "CKV_K8S_23",
        severity=Severity.CRITICAL,
    ),
    _pod_rule(
        "kubernetes-run-as-user",
        _everywhere("runAsUser"),
        NOT_ROOT,
        "No container names root as its user",
        "Set runAsUser above 0, or leave it to the image.",
        PSS,
        "CKV_K8S_40",
        severity=Severity.CRITICAL,
    ),
    _pod_rule(
        "kubernetes-no-privileged",
        _each("securityContext", "privileged"),
        NOT_TRUE,
        "No container is privileged",
        "Remove privileged.",
        BASELINE,
        "CKV_K8S_16",
        severity=Severity.CRITICAL,
    ),
    _pod_rule(
        "kubernetes-no-escalation",
        _each("securityContext", "allowPrivilegeEscalation"),
        IS_FALSE,
        "No process gets more rights than its parent",
        "Set allowPrivilegeEscalation to false.",
        PSS,
        "CKV_K8S_20",
    ),
    _pod_rule(
        "kubernetes-drop-all",
        _each("securityContext", "capabilities", "drop"),
        Expect("a list with ALL", _drops_all),
        "Containers drop all capabilities",
        "Set securityContext.capabilities.drop to [ALL].",
        PSS,
        "CKV_K8S_37",
    ),
    _pod_rule(
        "kubernetes-no-capabilities",
        _each("securityContext", "capabilities", "add"),
        Expect("absent, or NET_BIND_SERVICE alone", _adds_little),
        "Containers add no capability",
        "Remove capabilities.add.",
        PSS,
        "CKV_K8S_25",
    ),
    _pod_rule(
        "kubernetes-seccomp",
        _inherited("seccompProfile", "type"),
        Expect("RuntimeDefault or Localhost", lambda view, _: view.text() in SAFE_PROFILES),
        "System calls are filtered",
        "Set securityContext.seccompProfile.type to RuntimeDefault.",
        PSS,
        "CKV_K8S_31",
    ),
    _pod_rule(
        "kubernetes-no-host-namespaces",
        _pod(("hostNetwork",), ("hostPID",), ("hostIPC",)),
        NOT_TRUE,
        "Pods share no namespace with the node",
        "Remove hostNetwork, hostPID and hostIPC.",
        BASELINE,
        "CKV_K8S_17",
        "CKV_K8S_18",
        "CKV_K8S_19",
        severity=Severity.CRITICAL,
    ),
    _pod_rule(
        "kubernetes-no-host-ports",
        _host_ports,
        EMPTY,
        "Containers take no port of the node",
        "Remove hostPort.",
        BASELINE,
        "CKV_K8S_26",
    ),
    _pod_rule(
        "kubernetes-no-host-probes",
        _hosts_called,
        EMPTY,
        "Probes and hooks call the pod and no other host",
        "Remove host from the probe or hook.",
        BASELINE,
        severity=Severity.MEDIUM,
    ),
    _pod_rule(
        "kubernetes-no-host-paths",
        _volumes,
        Expect("a volume of an allowed kind", _is_allowed_volume),
        "Pods mount no path of the node, and only volumes of the kinds that `restricted` allows",
        f"Use one of {', '.join(sorted(ALLOWED_VOLUMES))}.",
        PSS,
        "CKV_K8S_27",
    ),
    _pod_rule(
        "kubernetes-proc-mount",
        _each("securityContext", "procMount"),
        Expect("absent or Default", lambda view, _: view.text() in {None, "Default"}),
        "/proc stays masked",
        "Remove procMount.",
        BASELINE,
    ),
    _pod_rule(
        "kubernetes-selinux",
        _everywhere("seLinuxOptions", "type"),
        Expect("absent or a container type", lambda view, _: view.text() in SAFE_SELINUX_TYPES),
        "SELinux confines containers",
        "Remove seLinuxOptions.type.",
        BASELINE,
        severity=Severity.MEDIUM,
    ),
    _pod_rule(
        "kubernetes-selinux-user",
        _everywhere("seLinuxOptions", "user"),
        EMPTY,
        "No container chooses its SELinux user",
        "Remove seLinuxOptions.user and role.",
        BASELINE,
        severity=Severity.MEDIUM,
    ),
    _pod_rule(
        "kubernetes-apparmor",
        _everywhere("appArmorProfile", "type"),
        Expect("absent, RuntimeDefault or Localhost", lambda view, _: view.text() in {None, *SAFE_PROFILES}),
        "AppArmor is not switched off",
        "Remove appArmorProfile, or set its type to RuntimeDefault.",
        BASELINE,
        severity=Severity.MEDIUM,
    ),
    _pod_rule(
        "kubernetes-sysctls",
        _sysctls,
        Expect("a safe sysctl", lambda view, _: view.text() in SAFE_SYSCTLS),
        "Pods set only kernel parameters that are their own",
        "Remove the sysctl.",
        BASELINE,
        severity=Severity.MEDIUM,
    ),
    _pod_rule(
        "kubernetes-no-host-process",
        _everywhere("windowsOptions", "hostProcess"),
        NOT_TRUE,
        "No container is a process of a Windows host",
        "Remove windowsOptions.hostProcess.",
        BASELINE,
    ),
    _pod_rule(
        "kubernetes-read-only-root",
        _each("securityContext", "readOnlyRootFilesystem"),
        IS_TRUE,
        "The root file system of containers is read-only",
        "Set readOnlyRootFilesystem to true; mount an emptyDir for what has to be written.",
        "CKV_K8S_22",
    ),
    _pod_rule(
        "kubernetes-no-token",
        _pod(("automountServiceAccountToken",)),
        IS_FALSE,
        "No pod gets a token for the Kubernetes API unless an exemption says why",
        "Set automountServiceAccountToken to false.",
        "CKV_K8S_38",
        "CIS Kubernetes 5.1.6",
        severity=Severity.MEDIUM,
        topic=Topic.ACCESS,
    ),
    _pod_rule(
        "kubernetes-cpu-request",
        _each("resources", "requests", "cpu"),
        Expect("a share of CPU above 0", _positive),
        "Containers ask for the CPU that they need",
        "Set resources.requests.cpu.",
        "CKV_K8S_10",
        severity=Severity.LOW,
        topic=Topic.AVAILABILITY,
    ),
    _pod_rule(
        "kubernetes-memory-request",
        _each("resources", "requests", "memory"),
        Expect("an amount of memory above 0", _positive),
        "Containers ask for the memory that they need",
        "Set resources.requests.memory.",
        "CKV_K8S_12",
        severity=Severity.LOW,
        topic=Topic.AVAILABILITY,
    ),
    _pod_rule(
        "kubernetes-memory-limit",
        _each("resources", "limits", "memory"),
        Expect("an amount of memory above 0", _positive),
        "No container can take the memory of others",
        "Set resources.limits.memory.",
        "CKV_K8S_13",
        severity=Severity.MEDIUM,
        topic=Topic.AVAILABILITY,
    ),
    _pod_rule(
        "kubernetes-liveness",
        _probes("livenessProbe"),
        Expect("a probe", _is_probe),
        "Containers that hang are restarted",
        "Add a livenessProbe.",
        "CKV_K8S_8",
        severity=Severity.MEDIUM,
        topic=Topic.AVAILABILITY,
        types=LASTING,
    ),
    _pod_rule(
        "kubernetes-readiness",
        _probes("readinessProbe"),
        Expect("a probe", _is_probe),
        "Containers get requests only while they can answer",
        "Add a readinessProbe.",
        "CKV_K8S_9",
        severity=Severity.MEDIUM,
        topic=Topic.AVAILABILITY,
        types=LASTING,
    ),
    _pod_rule(
        "kubernetes-image-digest",
        _each("image"),
        Expect("name@sha256:digest", _by_digest),
        "Images are named by digest, so that what was judged is what runs",
        "Name the image by its digest.",
        "CKV_K8S_43",
        topic=Topic.INTEGRITY,
    ),
    _pod_rule(
        "kubernetes-no-latest",
        _each("image"),
        Expect("a tag or digest other than latest", _not_latest),
        "No image is called latest",
        "Name the image by its digest.",
        "CKV_K8S_14",
        severity=Severity.MEDIUM,
        topic=Topic.INTEGRITY,
    ),
)
