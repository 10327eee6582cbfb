"""`make up`: from whatever is there to a served model, and nothing more where all is there."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from local import jobs
from local.commands.status import api_url, collect
from local.disk import keep_within_bounds
from local.engine.install import install
from local.errors import LocalError
from local.images import ImageName, build_all, commands_in
from local.images.builders import docker_answers
from local.preflight import require_memory, require_room
from local.storage import link, write_atomically
from local.toolchain import Tool, Toolchain, debian, ensure

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from concurrent.futures import Future

    from local.artifacts import ModelVersion
    from local.environment import Environment
    from local.images import BuiltImage
    from local.instance import Instance
    from local.progress import Progress
    from local.release import Release
    from local.stack import Stack

READY_SECONDS = 120
"""How long the API may take to answer once every rollout is complete."""

TOOLS = (Tool.KUBERNETES, Tool.PULUMI, Tool.HELM, Tool.ENVOY_GATEWAY)
"""In the order in which they are built where they are missing, the longest first; then the cluster's own."""

COMMANDS = ("helm", "kubectl")
"""What a person wants at hand in `make shell`, beside the engine itself."""

IMAGES_FROM_PACKAGES = (ImageName.SERVING, ImageName.PIPELINE, ImageName.ENVOY)
"""Made of Debian's and Python's packages only."""

IMAGES_FROM_TOOLS = (ImageName.ENVOY_GATEWAY,)
"""Made of what the toolchain builds."""

CHARTS = ("envoy-gateway",)


def up(environment: Environment, progress: Progress) -> None:
    """Converge: tools, images, node, stack, model, release; each step does only what is missing.

    Raises:
        LocalError: a step could not be done; running again goes on from there.
    """
    with environment.exclusively("up"):
        environment.choose_cluster()
        require_room(environment.instance)
        if environment.cluster is environment.node and not environment.node.programs():
            require_memory()
        environment.check_config()
        toolchain, images = _prepare(environment, progress)
        built = _start_machine(environment, toolchain, images, progress)
        changes = _converge(environment, progress)
        _wait_until_served(environment, progress)
        phases = {name: round(seconds, 2) for name, seconds in progress.seconds.items()}
        write_atomically(environment.instance.state / "phases.json", json.dumps(phases, indent=2))
        environment.cluster.accept_losses()
        environment.cluster.collect_images([image.reference for image in built.values()], progress)
    keep_within_bounds(environment.instance, built.values(), progress)
    _report(environment, progress, changes)


def _prepare(environment: Environment, progress: Progress) -> tuple[Toolchain, dict[ImageName, BuiltImage]]:
    """Have the tools, and meanwhile the images that need none of them: compilers leave processors idle."""
    instance = environment.instance
    debian.ensure([*environment.cluster.packages, *(() if docker_answers() else debian.IMAGES)], progress)
    with _images_meanwhile(instance, progress) as images:
        toolchain = ensure(instance.cache, [*TOOLS, *environment.cluster.tools], progress)
    install(instance, toolchain.path(Tool.PULUMI))
    for tool in COMMANDS:
        link(instance.bin / tool, toolchain.binary(tool))
    for chart in CHARTS:
        toolchain.chart(chart, instance.charts / chart)
    return toolchain, images.result()


@contextmanager
def _images_meanwhile(
    instance: Instance, progress: Progress
) -> Iterator[Future[dict[ImageName, BuiltImage]]]:
    """Build the images that need no tool beside what is done within; if that fails, end the build.

    What it gives is done when the block has been left.
    """
    commands = commands_in(instance.cache)

    def build() -> dict[ImageName, BuiltImage]:
        try:
            return build_all(instance, Toolchain({}), progress, IMAGES_FROM_PACKAGES, commands)
        except LocalError as error:
            # Said now: a compilation may go on for a quarter of an hour before this can end the command.
            if not commands.stopped:
                progress.say(f"the images can't be built; the tools are finished all the same: {error}")
            raise

    with ThreadPoolExecutor(max_workers=1) as pool:
        building = pool.submit(build)
        try:
            yield building
        except BaseException:
            commands.stop()
            raise
        building.result()


def _start_machine(
    environment: Environment, toolchain: Toolchain, images: dict[ImageName, BuiltImage], progress: Progress
) -> dict[ImageName, BuiltImage]:
    """Start the cluster while the images of our own tools are built; give these and the ones there are."""
    instance, cluster = environment.instance, environment.cluster
    with ThreadPoolExecutor(max_workers=2) as pool:
        starting = pool.submit(cluster.start, progress)
        building = pool.submit(build_all, instance, toolchain, progress, IMAGES_FROM_TOOLS)
        images = {**images, **building.result()}
        starting.result()
    references = cluster.provide(images, progress)
    environment.release.write_images({str(name): reference for name, reference in references.items()})
    return images


def _converge(environment: Environment, progress: Progress) -> Counter[str]:
    stack, file = environment.stack, environment.release
    for mended in stack.prepare():
        progress.say(f"engine state: {mended}")
    released = file.read()
    lost = None if released is None or _artifact_is_there(environment, released) else released
    if lost:
        progress.say("the released artifact is not in its bucket: the training Job runs once more")
    failed = [] if lost else _failed_jobs(stack)
    if failed:
        progress.say("the last training Job failed for good: it runs once more")
    jobs.remove(
        environment.instance.bin / "kubectl", environment.variables, _training_jobs(stack) if lost else failed
    )
    changes = stack.up(
        progress,
        "bring up stores, platform and training" if released is None else "bring up everything",
        then="release the trained model" if released is None else "",
    )
    if released is None:
        file.write(_trained(environment).release)
        changes += stack.up(progress, "bring up the inference service")
    if lost and not _artifact_is_there(environment, lost):
        raise _still_lost(lost, _trained(environment).release)
    return changes


def _still_lost(lost: Release, trained: Release) -> LocalError:
    """What is released need not be what the config trains; only that can be had again by training."""
    return LocalError(
        f"The artifact of the released version {lost.version} (SHA-256 {lost.artifact_sha256}) is lost: it "
        "is not in its bucket, and training what the config asks for gave version "
        f"{trained.version} (SHA-256 {trained.artifact_sha256}). The pods go on serving {lost.version} from "
        f"their verified copies, as long as they live. `make release VERSION={trained.version}` serves what "
        f"was trained; or restore the image, data set and hyperparameters that gave {lost.version}, and run "
        "`make up`."
    )


def _artifact_is_there(environment: Environment, release: Release) -> bool:
    artifacts = environment.artifacts()
    return artifacts is not None and artifacts.holds(release)


def _training_jobs(stack: Stack) -> list[str]:
    """A finished Job whose artifact is lost has to run once more, though nothing in it changed."""
    return [str(entry["id"]) for entry in stack.resources() if entry["type"] == "kubernetes:batch/v1:Job"]


def _failed_jobs(stack: Stack) -> list[str]:
    """A Job that has failed never starts again by itself, whatever was wrong and has been mended since."""
    return [
        str(entry["id"])
        for entry in stack.resources()
        if entry["type"] == "kubernetes:batch/v1:Job" and entry.get("initErrors")
    ]


def _trained(environment: Environment) -> ModelVersion:
    artifacts = environment.artifacts()
    if artifacts is None:
        raise LocalError("The stack has no output `artifact_bucket`, so no model can be released from it.")
    return artifacts.find(str(environment.stack.outputs()["training_version"]))


def _wait_until_served(environment: Environment, progress: Progress) -> None:
    url = f"{api_url(environment)}/v2/health/ready"
    deadline = time.monotonic() + READY_SECONDS
    answer = "no answer yet"
    with progress.step("wait for the API to answer"):
        while time.monotonic() < deadline:
            try:
                response = httpx.get(url, timeout=5)
                if response.is_success:
                    return
                answer = f"status {response.status_code}: {response.text[:500]}"
            except httpx.HTTPError as error:
                answer = str(error)
            time.sleep(0.5)
    raise LocalError(
        f"{url} did not become ready within {READY_SECONDS} s; last: {answer}. "
        "`make status` shows which part is unwell; the logs are in .plinth/logs."
    )


def _report(environment: Environment, progress: Progress, changes: Counter[str]) -> None:
    status = collect(environment)
    changed = {name: count for name, count in changes.items() if name != "same" and count}
    words = ", ".join(f"{count} {name}" for name, count in sorted(changed.items())) or "0 changes"
    progress.say(
        f"stack: {words}; {status.resources.realised} resources realised, "
        f"{status.resources.recorded_only} recorded only"
    )
    artifacts = environment.artifacts()
    if status.served and artifacts:
        progress.say(f"served: {status.served['model']} {status.served['version']}")
        for figure in artifacts.find(status.served["version"]).figures:
            progress.say(f"  {figure}")
    for name, url in status.endpoints.items():
        progress.say(f"{name}: {url}")
    progress.say(f"disk: {status.disk}")
