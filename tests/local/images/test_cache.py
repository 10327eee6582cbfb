"""What is kept, what is thrown away, and what is said when the disk refuses."""

from __future__ import annotations

import errno
import io
import threading
from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.images import build_all, clean, housekeeping, prune, purge, size
from local.images.cache import UNFINISHED, ImageCache, explained
from local.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Machine


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


def test_prune_keeps_what_is_named_and_counts_what_went(machine: Machine) -> None:
    first = build_all(machine.instance, machine, machine.progress)
    (machine.instance.checkout / "app" / "train.py").write_text("print('changed')\n")
    second = build_all(machine.instance, machine, machine.progress)
    freed = prune(machine.instance.cache, second.values(), machine.progress)
    assert freed > 0
    assert build_all(machine.instance, machine, machine.progress) == second
    gone = [image for image in first.values() if image not in second.values()]
    assert len(gone) == 2
    assert not any(image.archive.exists() for image in gone)


def test_prune_keeps_the_current_base(machine: Machine) -> None:
    built = build_all(machine.instance, machine, machine.progress)
    prune(machine.instance.cache, built.values(), machine.progress)
    assert len(list((machine.instance.cache / "images" / "base").glob("*.tar"))) == 1


def test_a_storage_that_grew_too_large_goes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    built = build_all(machine.instance, machine, machine.progress)
    layers = ImageCache.of(machine.instance.cache).layers
    prune(machine.instance.cache, built.values(), machine.progress)
    assert layers.exists()
    monkeypatch.setattr(housekeeping, "LAYERS_LIMIT_BYTES", 10)
    prune(machine.instance.cache, built.values(), machine.progress)
    assert not layers.exists()


def test_purge_leaves_no_image(machine: Machine) -> None:
    build_all(machine.instance, machine, machine.progress)
    taken = sum(size(machine.instance.cache).values())
    assert purge(machine.instance.cache, machine.progress) == taken > 0
    assert size(machine.instance.cache) == {}


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
