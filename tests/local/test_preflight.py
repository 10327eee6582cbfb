"""What is refused before anything begins: value, limit, cause and remedy, and on which disk."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest

from local import preflight
from local.errors import LocalError
from local.instance import Instance
from local.preflight import available_memory, needs, require_memory, require_room

if TYPE_CHECKING:
    from pathlib import Path


class Disk(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    (tmp_path / "checkout").mkdir()
    return Instance(name="preflight", checkout=tmp_path / "checkout", cache=tmp_path / "cache" / "plinth")


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(10**12, 0, size))


def all_is_there(instance: Instance) -> None:
    for path in (
        instance.cache / "tools" / "kubernetes" / "v1-abc" / "record.json",
        instance.cache / "images" / "built" / "serving" / "abc.json",
        instance.state / "node" / "etcd" / "member" / "wal",
    ):
        path.parent.mkdir(parents=True)
        path.touch()


def test_a_first_run_needs_room_for_tools_images_and_environment(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = sum(need.size_bytes for need in needs(instance))
    free(monkeypatch, wanted)
    require_room(instance)
    free(monkeypatch, wanted - 1)
    with pytest.raises(LocalError, match=r"are free and 15\.0 GB are needed") as caught:
        require_room(instance)
    for words in (
        "building the tools",
        "building the images",
        "the environment",
        "make purge",
        "XDG_CACHE_HOME",
    ):
        assert words in str(caught.value)


def test_where_all_is_there_little_is_needed(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    all_is_there(instance)
    free(monkeypatch, preflight.LEAST_BYTES)
    require_room(instance)
    free(monkeypatch, preflight.LEAST_BYTES - 1)
    with pytest.raises(LocalError, match="Nothing was begun"):
        require_room(instance)


def test_a_cache_on_another_disk_counts_there(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state's small disk must not be asked for what the cache's large one takes."""
    small = [need for need in needs(instance) if need.folder == instance.state]
    wanted = sum(need.size_bytes for need in small)

    class Stat(NamedTuple):
        st_dev: int

    class Place:
        def __init__(self, folder: Path) -> None:
            self.folder = folder

        def stat(self) -> Stat:
            return Stat(1 if instance.cache.parent in (self.folder, *self.folder.parents) else 2)

    monkeypatch.setattr(preflight, "existing", Place)
    sizes = {1: 10**12, 2: wanted}
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Disk(10**12, 0, sizes[place.stat().st_dev]))
    require_room(instance)
    sizes[2] -= 1
    with pytest.raises(LocalError, match="state and logs") as caught:
        require_room(instance)
    assert "building the tools" not in str(caught.value)
    assert tmp_path.exists()


def test_too_little_memory_is_said_with_both_figures() -> None:
    require_memory(preflight.MEMORY_BYTES)
    with pytest.raises(LocalError, match=r"2\.0 GB are available and an environment needs 2\.0 GB"):
        require_memory(preflight.MEMORY_BYTES - 1)
    with pytest.raises(LocalError, match=r"0\.3 GB are available.*make stop.*Nothing was begun"):
        require_memory(300_000_000)


@pytest.mark.parametrize("version", [0, 1])
def test_a_containers_limit_counts(tmp_path: Path, version: int) -> None:
    assert available_memory(tmp_path) > 700
    limit, use, statistics, word = preflight.CGROUP_FILES[version]
    folder = tmp_path / "sys" / "fs" / "cgroup"
    for name, text in ((limit, "1000\n"), (use, "450\n"), (statistics, f"anon 300\n{word} 150\n")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    assert available_memory(tmp_path) == 700
    (folder / limit).write_text("max\n")
    assert available_memory(tmp_path) > 700
