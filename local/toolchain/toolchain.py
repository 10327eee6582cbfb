"""Getting the tools: what is cached or installed is used, the rest is built."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.toolchain import charts
from local.toolchain.build import build, prefetch, slot_of
from local.toolchain.gocaches import GoCaches
from local.toolchain.golang import find_go, wheel_slot
from local.toolchain.installed import find
from local.toolchain.reach import silence
from local.toolchain.recipes import RECIPES, Recipe, Tool
from local.toolchain.store import Store, Usage, explained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from local.progress import Progress
    from local.toolchain.golang import Go


BURIAL = "removal of Go's caches"
"""Name of the thread that does it."""

NODE_TOOLS = (Tool.KUBERNETES, Tool.COREDNS, Tool.PAUSE)
"""What the embedded node starts."""


@dataclass(frozen=True)
class Provided:
    """One tool, ready to use.

    Attributes:
        version: such as `v1.36.1`.
        main: the file that was built or found.
        programs: path of each program by its name.
        charts: folder of each chart by its name.
        built: False if somebody else installed it.
    """

    version: str
    main: Path
    programs: Mapping[str, Path]
    charts: Mapping[str, Path]
    built: bool


@dataclass(frozen=True)
class Toolchain:
    """The tools that were asked for."""

    tools: Mapping[Tool, Provided]

    @classmethod
    def installed(
        cls, cache: Path, tools: Sequence[Tool], recipes: Mapping[Tool, Recipe] = RECIPES
    ) -> Toolchain:
        """The cached tools as they are, neither checked nor built: for commands that only look or stop.

        A program that isn't there is an error only when it is asked for.
        """
        store = Store(cache)
        return cls({tool: _provided(recipes[tool], store.path(slot_of(recipes[tool]))) for tool in tools})

    def path(self, tool: Tool) -> Path:
        """A tool's program; for Kubernetes, which is many programs in one, the file they all are.

        Raises:
            LocalError: the tool wasn't asked for, or isn't there.
        """
        return _there(self._provided(tool).main)

    def binary(self, name: str) -> Path:
        """A program by the name it is called by, such as `kube-apiserver`.

        Raises:
            LocalError: none of the tools that were asked for has it, or it isn't there.
        """
        for provided in self.tools.values():
            if name in provided.programs:
                return _there(provided.programs[name])
        have = ", ".join(sorted(name for provided in self.tools.values() for name in provided.programs))
        raise LocalError(f"No tool that was asked for has the program {name!r}; there are: {have}.")

    def version(self, tool: Tool) -> str:
        """A tool's version, such as `v1.36.1`."""
        return self._provided(tool).version

    def chart(self, name: str, destination: Path) -> Path:
        """Put a Helm chart at `destination`, which is replaced if it differs, and give that folder.

        The content is the same on every machine for the same version of the module. Images stay ordinary
        values: for `envoy-gateway`, `global.images.envoyGateway.image` and `.pullPolicy`.

        Raises:
            LocalError: no tool that was asked for has it, or the destination can't be written.
        """
        source = next(
            (provided.charts[name] for provided in self.tools.values() if name in provided.charts), None
        )
        if source is None:
            raise LocalError(f"No tool that was asked for carries the chart {name!r}.")
        charts.replace(source, destination)
        return destination

    def _provided(self, tool: Tool) -> Provided:
        if tool not in self.tools:
            raise LocalError(f"The tool {tool} wasn't asked for; add it to the list given to ensure().")
        return self.tools[tool]


def _there(path: Path) -> Path:
    if not path.is_file():
        raise LocalError(f"{path} isn't there (any more). `make up` finds or builds every tool.")
    return path


def ensure(
    cache: Path,
    tools: Sequence[Tool],
    progress: Progress,
    recipes: Mapping[Tool, Recipe] = RECIPES,
) -> Toolchain:
    """Make the tools ready: from PATH where that will do, from the cache, else built in the given order.

    A second call checks each file's hash and builds nothing. A call beside another one waits for what that
    one is building. A killed call leaves nothing half-done, and what Go compiled is not compiled again; once
    nothing is missing any more, Go's caches are emptied.

    Args:
        cache: the cache folder, shared by all checkouts of this user.
        tools: what is needed, the most urgent first.
        progress: told what is built, how long it takes and what comes next.
        recipes: how each is built.

    Raises:
        LocalError: something can't be built or kept; names what, why and the remedy.
    """
    store, caches = Store(cache), GoCaches(cache)
    wanted = list(dict.fromkeys(tools))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        at_hand = pool.map(lambda tool: _without_building(recipes[tool], store, progress), wanted)
        ready = {tool: provided for tool, provided in zip(wanted, at_hand, strict=True) if provided}
    missing = [recipes[tool] for tool in wanted if tool not in ready]
    if missing:
        go = find_go(store, max(recipe.go_version for recipe in missing), progress)
        go = _within_reach(replace(go, settings=caches.variables()), missing[0], progress)
        with caches.in_use():
            for recipe, folder in _build_all(missing, go, store, progress):
                ready[recipe.tool] = _provided(recipe, folder)
    _drop(caches, progress)
    return Toolchain({tool: ready[tool] for tool in wanted})


def _within_reach(go: Go, recipe: Recipe, progress: Progress) -> Go:
    """Go as it is where a module proxy answers, else one that asks nobody."""
    proxies = go.run(recipe.folder, "env", "GOPROXY").stdout.strip()
    silent = silence(proxies, recipe.module) if recipe.module else ""
    if not silent:
        return go
    progress.say(f"no module proxy can be reached ({silent}); building from what is on this machine already")
    return replace(go, settings={**go.settings, "GOPROXY": "off"}, offline=silent)


def _drop(caches: GoCaches, progress: Progress) -> None:
    """Take Go's caches away at once and remove them meanwhile; the command ends when they are gone."""

    def bury() -> None:
        with _forgiven(caches, progress):
            caches.bury()

    with _forgiven(caches, progress):
        if not caches.put_aside():
            progress.say(f"another run is building tools; it will empty {caches.folder}")
    threading.Thread(target=bury, name=BURIAL).start()


@contextmanager
def _forgiven(caches: GoCaches, progress: Progress) -> Iterator[None]:
    """Say what the file system refuses, and go on."""
    try:
        yield
    except OSError as error:
        progress.say(f"{caches.folder} can't be emptied, which costs nothing but space: {error}")


def _without_building(recipe: Recipe, store: Store, progress: Progress) -> Provided | None:
    found = find(recipe, store.root, progress)
    if found is not None:
        return Provided(found.version, found.path, {recipe.binary: found.path}, {}, built=False)
    slot = slot_of(recipe)
    try:
        intact = store.path(slot).is_dir() and store.fault(slot) is None
    except OSError as error:
        raise explained(error, store.root) from error
    if intact:
        store.note_use(slot)
    return _provided(recipe, store.path(slot)) if intact else None


def _provided(recipe: Recipe, folder: Path) -> Provided:
    return Provided(
        recipe.version,
        folder / "bin" / recipe.binary,
        {name: folder / "bin" / name for name in recipe.names},
        {name: folder / "charts" / name for name in recipe.charts},
        built=True,
    )


def _build_all(
    missing: Sequence[Recipe], go: Go, store: Store, progress: Progress
) -> list[tuple[Recipe, Path]]:
    """Build in order, one at a time because each compiles on all cores; download ahead meanwhile."""
    stop = threading.Event()

    def download_ahead() -> None:
        for recipe in missing[1:]:
            if stop.is_set():
                return
            prefetch(recipe, go)

    downloads = threading.Thread(target=download_ahead, daemon=True)
    downloads.start()
    try:
        done = []
        for recipe, after in zip(missing, [*missing[1:], None], strict=True):
            then = str(after.tool) if after else ""
            done.append((recipe, build(recipe, go, store, progress, then=then)))
        return done
    finally:
        stop.set()
        downloads.join()


def usage(cache: Path, recipes: Mapping[Tool, Recipe] = RECIPES) -> list[Usage]:
    """Disk space of every cached version, largest first; `current` marks what this checkout would use."""
    return Store(cache).usage(_current(recipes))


def prune(
    cache: Path,
    progress: Progress,
    recipes: Mapping[Tool, Recipe] = RECIPES,
    in_use: Iterable[Path] = (),
) -> int:
    """Remove cached versions that nobody has used for long; give the bytes freed.

    Args:
        cache: the cache folder, shared by all checkouts of this user.
        progress: told of waiting.
        recipes: what they name stays, used or not.
        in_use: files that some environment would miss.
    """
    return Store(cache).prune(_current(recipes), progress, in_use)


def _current(recipes: Mapping[Tool, Recipe]) -> set[tuple[str, str]]:
    slots = [wheel_slot(), *(slot_of(recipe) for recipe in recipes.values())]
    return {(slot.tool, slot.name) for slot in slots}
