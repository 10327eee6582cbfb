"""`make status`: what runs, where it answers, and what is not as it should be."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import httpx

from local import disk
from local.engine.aws.limits import not_honoured_of
from local.errors import LocalError
from local.stack import Counts, count

if TYPE_CHECKING:
    from local.disk import DiskUse
    from local.environment import Environment


@dataclass(frozen=True)
class Status:
    """What `make status STATUS=json` prints, field by field.

    Attributes:
        instance: the environment's name.
        state: `serving` when the API is ready, `degraded` when only parts run, `stopped` when nothing does.
        endpoints: addresses by name, `api` first.
        versions: of the tools and of what is served.
        resources: counts of the stack's resources.
        served: the release file's content, or None.
        health: each process and the API, with the reason where one is unwell.
        lost: what the AWS emulator forgot since the last `make up`; empty when nothing.
        not_honoured: what the stack sets and the AWS emulator accepts without effect, each with the reason.
        disk: bytes taken by the caches and the environment, and free.
    """

    instance: str
    state: str
    endpoints: dict[str, str]
    versions: dict[str, str]
    resources: Counts
    served: dict[str, str] | None
    health: dict[str, str]
    lost: list[str]
    not_honoured: list[dict[str, str]]
    disk: DiskUse


def api_url(environment: Environment) -> str:
    """Where the public API answers."""
    port = environment.stack.outputs().get("gateway_node_port")
    if port is None:
        raise LocalError("The stack has no output `gateway_node_port`: nothing is served yet. Run `make up`.")
    return f"http://{environment.cluster.node_address}:{port}"


def collect(environment: Environment) -> Status:
    """Ask every part; a part that can't be asked is unwell, never left out."""
    instance = environment.instance
    processes = {process.name: process for process in environment.cluster.health()}
    running = any(process.healthy for process in processes.values())
    health = {name: "ok" if process.healthy else process.detail for name, process in processes.items()}
    outputs: dict[str, Any] = {}
    resources: list[dict[str, Any]] = []
    with ThreadPoolExecutor(max_workers=3) as pool:
        measuring = pool.submit(disk.use, instance)
        if environment.stack.exists():
            stack = environment.stack
            exporting, reading = pool.submit(stack.resources), pool.submit(stack.outputs)
            resources, outputs = exporting.result(), reading.result()
    endpoints: dict[str, str] = {}
    if outputs.get("gateway_node_port"):
        endpoints["api"] = f"http://{environment.cluster.node_address}:{outputs['gateway_node_port']}"
        health["api"] = _api_health(endpoints["api"])
    if running:
        endpoints["kubernetes"] = environment.cluster.api_server_url
        endpoints["aws"] = environment.cluster.emulator_url
    release = environment.release.read()
    well = bool(health) and all(text == "ok" for text in health.values()) and "api" in health
    return Status(
        instance=instance.name,
        state="serving" if well else "degraded" if running else "stopped",
        endpoints=endpoints,
        versions=_versions(environment),
        resources=count(resources),
        served=asdict(release) if release else None,
        health=health,
        lost=environment.cluster.lost() if running else [],
        not_honoured=not_honoured_of(resources),
        disk=measuring.result(),
    )


def _api_health(url: str) -> str:
    try:
        response = httpx.get(f"{url}/v2/health/ready", timeout=5)
    except httpx.HTTPError as error:
        return f"no answer: {error}"
    return "ok" if response.is_success else f"status {response.status_code}: {response.text[:300]}"


def _versions(environment: Environment) -> dict[str, str]:
    versions = environment.cluster.versions()
    release = environment.release.read()
    if release:
        versions["model"] = release.version
    return versions


def as_json(status: Status) -> str:
    """For machines: one object, keys as in `Status`."""
    return json.dumps(asdict(status), indent=2)


def as_text(status: Status) -> str:
    """For people: the state first, then where to call, then whatever is not well."""
    lines = [f"{status.instance}: {status.state}"]
    lines += [f"  {name:<12} {url}" for name, url in status.endpoints.items()]
    if status.served:
        lines.append(f"  {'served':<12} {status.served['model']} {status.served['version']}")
    lines.append(
        f"  {'resources':<12} {status.resources.realised} realised, "
        f"{status.resources.recorded_only} recorded only"
    )
    lines += [f"  {name:<12} {version}" for name, version in status.versions.items()]
    unwell = {name: text for name, text in status.health.items() if text != "ok"}
    lines += [f"  UNWELL {name}: {text}" for name, text in unwell.items()]
    lines += [f"  LOST {what}" for what in status.lost]
    lines.append(f"  {'disk':<12} {status.disk}")
    accepted: dict[str, list[str]] = {}
    for limit in status.not_honoured:
        accepted.setdefault(limit["type"].rpartition(":")[2], []).append(limit["property"])
    if accepted:
        words = "; ".join(
            kind if "*" in properties else f"{kind} {', '.join(properties)}"
            for kind, properties in sorted(accepted.items())
        )
        lines.append(f"  {'no effect':<12} the AWS emulator accepts without honouring: {words}")
    return "\n".join(lines)
