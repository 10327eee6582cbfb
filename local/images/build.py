"""Every image of the environment, from the checkout to archives whose digests are known."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.images import archives, base, builders, docker, orders, scratch, wheels
from local.images.cache import ImageCache, Kept
from local.images.commands import Commands
from local.images.names import Binaries, BuiltImage, ImageName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from local.images.base import Platform
    from local.images.orders import Order
    from local.images.scratch import ScratchImage
    from local.instance import Instance
    from local.progress import Progress

WORKERS = 2

SCRATCH = {ImageName.PAUSE: scratch.pause, ImageName.ENVOY_GATEWAY: scratch.envoy_gateway}


def build_all(
    instance: Instance,
    toolchain: Binaries,
    progress: Progress,
    names: Collection[ImageName] = tuple(ImageName),
    commands: Commands | None = None,
) -> dict[ImageName, BuiltImage]:
    """Have every image in the cache; build what is missing, damaged or no longer what the checkout says.

    Args:
        instance: names the checkout and the cache.
        toolchain: where the platform's programs are.
        progress: told what is built.
        names: which images; all unless told otherwise.
        commands: what the build's commands run in, for who may have to end it: see `commands_in`.

    Returns:
        Each image with its reference by digest and its verified archive.

    Raises:
        LocalError: nothing here can build, or a build failed; nothing half-done is kept.
    """
    platform = base.Platform.of_this_machine()
    jobs = _Jobs(instance.checkout, toolchain, platform, names)
    cache = ImageCache.of(instance.cache)
    built = jobs.find(cache)
    if missing := [name for name in names if name not in built]:
        with cache.exclusively(progress):
            built = jobs.find(cache)  # another run may have built them while we waited
            missing = [name for name in names if name not in built]
            if missing:
                with progress.step(f"build images: {', '.join(missing)}"):
                    _build(jobs, missing, cache, commands or commands_in(instance.cache), progress)
                built = jobs.find(cache)
    for name in names:
        if name not in built:
            raise LocalError(
                f"The image {name} was written to {cache.folder} and reads back damaged. "
                "Look at the disk; run again."
            )
    return {name: built[name] for name in names}


def commands_in(cache: Path) -> Commands:
    """For a build's long commands, with their logs in the cache; `stop` ends the build they are of."""
    return Commands(ImageCache.of(cache).logs)


def current_base(platform: Platform | None = None) -> str:
    """What stands for the base image in every key: its recipe, or the reference that the user gave."""
    named = docker.base_image()
    recipe = base.key(platform or base.Platform.of_this_machine())
    return recipe if named == docker.DEFAULT_BASE_IMAGE else f"{recipe} {named}"


class _Jobs:
    """The images wanted, each with its key."""

    def __init__(
        self, checkout: Path, toolchain: Binaries, platform: Platform, names: Collection[ImageName]
    ) -> None:
        self.platform = platform
        self.scratch: dict[ImageName, ScratchImage] = {
            name: make(toolchain) for name, make in SCRATCH.items() if name in names
        }
        self.orders: dict[ImageName, Order] = {
            name: orders.application(checkout, name)
            for name in (ImageName.PIPELINE, ImageName.SERVING)
            if name in names
        }
        if ImageName.ENVOY in names:
            self.orders[ImageName.ENVOY] = orders.envoy(checkout)
        stem = current_base(platform)
        self.keys = {name: image.key(platform) for name, image in self.scratch.items()}
        self.keys |= {name: order.key(stem) for name, order in self.orders.items()}

    def find(self, cache: ImageCache) -> dict[ImageName, BuiltImage]:
        """What is in the cache, whole, under the wanted keys."""

        def look(name: ImageName) -> tuple[ImageName, Kept | None]:
            return name, cache.built(name.path).find(self.keys[name])

        with ThreadPoolExecutor(WORKERS) as pool:
            return {
                name: _built(name, self.keys[name], kept) for name, kept in pool.map(look, self.keys) if kept
            }


def _built(name: ImageName, key: str, kept: Kept) -> BuiltImage:
    contents = kept.contents
    return BuiltImage(
        name=name,
        reference=f"{name.repository}@{contents.digest}",
        archive=kept.archive,
        key=key,
        compressed_bytes=contents.compressed_bytes,
        layers=contents.layers,
    )


def _build(
    jobs: _Jobs, missing: Collection[ImageName], cache: ImageCache, commands: Commands, progress: Progress
) -> None:
    for name in missing:
        if name in jobs.scratch:
            archive = jobs.scratch[name].build(jobs.platform, cache.work / name.path)
            cache.built(name.path).keep(jobs.keys[name], archive)
    wanted = [order for name, order in jobs.orders.items() if name in missing]
    if not wanted:
        return
    for log in cache.logs.glob("*.log"):
        log.unlink()
    builder = builders.choose(cache, jobs.platform, commands)
    with progress.step("download the packages of the images", then="build"):
        packages = {
            order.name: wheels.ensure(order.requirements, cache.wheels, jobs.platform, commands)
            for order in wanted
        }
    with cache.layers_in_use():
        with progress.step("prepare the base image", then="build"):
            builder.prepare()

        def build(order: Order) -> None:
            with progress.step(f"build image {order.name}"):
                work = cache.work / order.name.path
                context, layout, archive = work / "context", work / "layout", work / "image.tar"
                order.stage(context, packages[order.name])
                builder.build(order, context, layout)
                _finish(order.name, jobs.keys[order.name], layout, archive, cache)

        _each(build, wanted, commands)


def _finish(name: ImageName, key: str, layout: Path, archive: Path, cache: ImageCache) -> None:
    archives.pack(layout, archive, name.repository)
    user = str(archives.read(archive).config.get("config", {}).get("User", ""))
    if user.split(":", maxsplit=1)[0] in {"", "0", "root"}:
        raise LocalError(
            f"The image {name} would run as {user or 'root'}, which no cluster with Pod Security "
            "`restricted` accepts. Put a USER with a number other than 0 at the end of its stage "
            "in the Dockerfile."
        )
    cache.built(name.path).keep(key, archive)


def _each(build: Callable[[Order], None], wanted: Collection[Order], commands: Commands) -> None:
    """Run the builds two at a time; one that fails lets the others end, an interruption ends all."""
    with ThreadPoolExecutor(WORKERS) as pool:
        running = [pool.submit(build, order) for order in wanted]
        try:
            wait(running)
        except BaseException:
            commands.stop()
            raise
    for future in running:
        future.result()
