"""What is kept, what is thrown away, and what is said when the disk refuses."""

from __future__ import annotations

import errno
import io
import json
import os
import threading
from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.images import build_all, clean, housekeeping, prune, size
from local.images.cache import UNFINISHED, ImageCache, explained
from local.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Machine

    from local.images import BuiltImage


def quiet() -> Progress:
    return Progress(stream=io.StringIO())


def test_only_one_build_at_a_time(tmp_path: Path) -> None:
    cache, said, entered = ImageCache.of(tmp_path), io.StringIO(), threading.Event()

    def second() -> None:
        with cache.exclusively(Progress(stream=said)):
            entered.set()

    thread = threading.Thread(target=second)
    with cache.exclusively(quiet()):
        thread.start()
        assert not entered.wait(0.3)
    thread.join(timeout=5)
    assert entered.is_set()
    assert "waiting" in said.getvalue()


def test_work_of_a_killed_build_is_gone_when_the_next_begins(tmp_path: Path) -> None:
    cache = ImageCache.of(tmp_path)
    (cache.work / "serving").mkdir(parents=True)
    with cache.exclusively(quiet()):
        assert list(cache.work.iterdir()) == []


def test_clean_says_what_a_killed_build_left(tmp_path: Path) -> None:
    cache = ImageCache.of(tmp_path)
    cache.work.mkdir(parents=True)
    cache.layers.mkdir()
    (cache.layers / UNFINISHED).touch()
    assert len(clean(tmp_path)) == 2
    assert not cache.layers.exists()
    assert clean(tmp_path) == []


def test_clean_leaves_a_running_build_alone(tmp_path: Path) -> None:
    cache = ImageCache.of(tmp_path)
    with cache.exclusively(quiet()):
        assert clean(tmp_path) == []
        assert cache.work.is_dir()


def _two_generations(machine: Machine) -> tuple[list[BuiltImage], list[BuiltImage]]:
    """What an edit of the application has put aside, long ago, and what is current."""
    first = build_all(machine.instance, machine, machine.progress)
    (machine.instance.checkout / "app" / "train.py").write_text("print('changed')\n")
    second = build_all(machine.instance, machine, machine.progress)
    old = [image for image in first.values() if image not in second.values()]
    assert len(old) == 2
    for image in old:
        for file in (image.archive, image.archive.with_suffix(".json")):
            os.utime(file, (0, 0))
    return old, list(second.values())


def _there(found: list[BuiltImage]) -> list[bool]:
    return [image.archive.exists() for image in found]


def test_prune_keeps_what_is_named_and_counts_what_went(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, current = _two_generations(machine)
    monkeypatch.setattr(housekeeping, "SPARE_LIMIT_BYTES", 0)
    assert prune(machine.instance.cache, current, machine.progress) > 0
    assert _there(old) == [False, False]
    assert list(build_all(machine.instance, machine, machine.progress).values()) == current


def test_prune_keeps_the_most_recent_of_what_nobody_names_up_to_a_limit(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, current = _two_generations(machine)
    assert prune(machine.instance.cache, current, machine.progress) == 0
    os.utime(old[1].archive.with_suffix(".json"), (1000, 1000))
    one = sum(entry.stat().st_blocks * 512 for entry in old[1].archive.parent.glob(f"{old[1].key}.*"))
    monkeypatch.setattr(housekeeping, "SPARE_LIMIT_BYTES", one)
    assert prune(machine.instance.cache, current, machine.progress) > 0
    assert _there(old) == [False, True]


def test_prune_keeps_what_another_environment_names(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, current = _two_generations(machine)
    monkeypatch.setattr(housekeeping, "SPARE_LIMIT_BYTES", 0)
    digest = old[0].reference.rpartition("@")[2]
    prune(machine.instance.cache, current, machine.progress, {digest})
    assert _there(old) == [True, False]


def test_prune_keeps_what_a_run_has_just_used_and_not_yet_recorded(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, current = _two_generations(machine)
    monkeypatch.setattr(housekeeping, "SPARE_LIMIT_BYTES", 0)
    (machine.instance.checkout / "app" / "train.py").write_text("print('training')\n")
    build_all(machine.instance, machine, machine.progress)  # finds the old ones again
    assert prune(machine.instance.cache, current, machine.progress) == 0
    assert _there(old) == [True, True]


def test_prune_leaves_everything_to_a_run_that_builds(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, current = _two_generations(machine)
    monkeypatch.setattr(housekeeping, "SPARE_LIMIT_BYTES", 0)
    with ImageCache.of(machine.instance.cache).exclusively(quiet()):
        assert prune(machine.instance.cache, current, machine.progress) == 0
    assert _there(old) == [True, True]


def test_prune_keeps_the_current_base(machine: Machine) -> None:
    built = build_all(machine.instance, machine, machine.progress)
    prune(machine.instance.cache, built.values(), machine.progress)
    assert len(list((machine.instance.cache / "images" / "base").glob("*.tar"))) == 1


def test_a_storage_that_grew_too_large_goes(machine: Machine) -> None:
    built = build_all(machine.instance, machine, machine.progress)
    layers = ImageCache.of(machine.instance.cache).layers
    prune(machine.instance.cache, built.values(), machine.progress)
    assert layers.exists()
    record = layers / "root" / "overlay-layers" / "layers.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps([{"diff-size": housekeeping.LAYERS_LIMIT_BYTES}, {"id": "x"}]))
    assert size(machine.instance.cache)["layers"] == housekeeping.LAYERS_LIMIT_BYTES
    prune(machine.instance.cache, built.values(), machine.progress)
    assert layers.exists()
    record.write_text(json.dumps([{"diff-size": housekeeping.LAYERS_LIMIT_BYTES}, {"diff-size": 1}]))
    prune(machine.instance.cache, built.values(), machine.progress)
    assert not layers.exists()


def test_a_storage_without_a_readable_record_is_measured(machine: Machine) -> None:
    build_all(machine.instance, machine, machine.progress)
    record = ImageCache.of(machine.instance.cache).layers / "root" / "overlay-layers" / "layers.json"
    record.parent.mkdir(parents=True)
    record.write_text("[")
    assert size(machine.instance.cache)["layers"] > 0


def test_size_of_a_cache_that_is_not_there_is_nothing(tmp_path: Path) -> None:
    assert size(tmp_path) == {}


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "No space left"), (errno.EROFS, "can't be written"), (errno.EIO, "not usable")],
)
def test_what_the_disk_refuses_names_another_folder(tmp_path: Path, number: int, words: str) -> None:
    message = str(explained(OSError(number, "refused", str(tmp_path)), tmp_path))
    assert words in message
    assert "XDG_CACHE_HOME" in message


def test_a_full_disk_during_a_build_is_told_as_such(tmp_path: Path) -> None:
    with (
        pytest.raises(LocalError, match="No space left for images"),
        ImageCache.of(tmp_path).exclusively(quiet()),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
