from __future__ import annotations

import errno
import io
import os
import threading
import time
from pathlib import Path

import pytest

from local.errors import LocalError
from local.progress import Progress
from local.toolchain.store import Slot, Store, explained, fingerprints

SLOT = Slot("tool", "v1.0.0", "0123456789ab")


def fill(folder: Path) -> None:
    (folder / "bin").mkdir()
    (folder / "bin" / "tool").write_text("program")
    (folder / "bin" / "tool").chmod(0o755)
    (folder / "bin" / "other-name").symlink_to("tool")


def test_what_was_made_once_is_not_made_again(tmp_path: Path) -> None:
    store, progress = Store(tmp_path), Progress(io.StringIO())
    first = store.obtain(SLOT, fill, progress)

    def never(_: Path) -> None:
        pytest.fail("it was made again")

    assert store.obtain(SLOT, never, progress) == first
    assert (first / "bin" / "other-name").read_text() == "program"


def flip_a_byte(folder: Path) -> None:
    (folder / "bin" / "tool").write_text("prograM")


def cut_short(folder: Path) -> None:
    (folder / "bin" / "tool").write_text("")


def remove_it(folder: Path) -> None:
    (folder / "bin" / "tool").unlink()


def take_the_executable_bit(folder: Path) -> None:
    (folder / "bin" / "tool").chmod(0o644)


def lead_the_link_elsewhere(folder: Path) -> None:
    (folder / "bin" / "other-name").unlink()
    (folder / "bin" / "other-name").symlink_to("/bin/true")


def add_a_file(folder: Path) -> None:
    (folder / "bin" / "stranger").write_text("x")


def spoil_the_record(folder: Path) -> None:
    (folder / "record.json").write_text("{")


def remove_the_record(folder: Path) -> None:
    (folder / "record.json").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_byte,
        cut_short,
        remove_it,
        take_the_executable_bit,
        lead_the_link_elsewhere,
        add_a_file,
        spoil_the_record,
        remove_the_record,
    ],
)
def test_damage_is_noticed_said_and_repaired(tmp_path: Path, damage: object) -> None:
    output = io.StringIO()
    store, progress = Store(tmp_path), Progress(output)
    folder = store.obtain(SLOT, fill, progress)
    damage(folder)  # type: ignore[operator] # one of the functions above
    assert store.fault(SLOT) is not None
    store.obtain(SLOT, fill, progress)
    assert store.fault(SLOT) is None
    assert (folder / "bin" / "tool").read_text() == "program"
    assert "making it again" in output.getvalue()


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail(folder: Path) -> None:
        fill(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.obtain(SLOT, fail, Progress(io.StringIO()))
    assert [path.name for path in (store.root / "tool").iterdir() if path.name != ".lock"] == []


def test_what_a_killed_build_left_is_swept_by_the_next(tmp_path: Path) -> None:
    store = Store(tmp_path)
    left = store.root / "tool" / ".building-abc"
    left.mkdir(parents=True)
    (left / "half").write_text("half a program")
    store.obtain(SLOT, fill, Progress(io.StringIO()))
    assert not left.exists()


def test_a_second_run_waits_for_the_first_and_says_for_whom(tmp_path: Path) -> None:
    store = Store(tmp_path)
    output = io.StringIO()
    working, finish = threading.Event(), threading.Event()
    made: list[str] = []

    def slowly(folder: Path) -> None:
        working.set()
        finish.wait(10)
        fill(folder)
        made.append("first")

    def again(folder: Path) -> None:
        fill(folder)
        made.append("second")

    first = threading.Thread(target=lambda: store.obtain(SLOT, slowly, Progress(io.StringIO())))
    first.start()
    assert working.wait(10)
    second = threading.Thread(target=lambda: store.obtain(SLOT, again, Progress(output)))
    second.start()
    deadline = time.monotonic() + 10
    while "waiting" not in output.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    finish.set()
    first.join(10)
    second.join(10)
    assert f"process {os.getpid()} (started in {Path.cwd()}) is making it; waiting" in output.getvalue()
    assert made == ["first"]


def test_a_cache_that_is_a_file_is_refused_with_a_remedy(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.write_text("in the way")
    with pytest.raises(LocalError, match="XDG_CACHE_HOME"):
        Store(cache).obtain(SLOT, fill, Progress(io.StringIO()))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere but on a read-only file system")
def test_a_folder_that_may_not_be_written_is_refused_with_a_remedy(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(LocalError, match="can't be written"):
            Store(tmp_path).obtain(SLOT, fill, Progress(io.StringIO()))
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "can't be written"),
        (errno.EACCES, "can't be written"),
        (errno.ENOSPC, "No space left"),
        (errno.EDQUOT, "No space left"),
        (errno.EIO, "not usable"),
    ],
)
def test_what_the_file_system_refuses_gets_its_cause_and_a_remedy(
    tmp_path: Path, number: int, words: str
) -> None:
    store = Store(tmp_path)

    def refuse(folder: Path) -> None:
        raise OSError(number, os.strerror(number), str(folder))

    with pytest.raises(LocalError, match=words) as caught:
        store.obtain(SLOT, refuse, Progress(io.StringIO()))
    assert "XDG_CACHE_HOME" in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_an_error_without_a_file_name_names_the_cache(tmp_path: Path) -> None:
    assert str(tmp_path) in str(explained(OSError(errno.EROFS, "Read-only file system"), tmp_path))


def test_usage_counts_the_bytes_and_marks_what_is_current(tmp_path: Path) -> None:
    store, progress = Store(tmp_path), Progress(io.StringIO())
    old = Slot("tool", "v0.9.0", "ba9876543210")
    store.obtain(SLOT, fill, progress)
    store.obtain(old, fill, progress)
    found = {usage.slot_name: usage for usage in store.usage({("tool", SLOT.name)})}
    assert found[SLOT.name].current
    assert not found[old.name].current
    assert found[old.name].size_bytes > len("program")


def test_an_empty_cache_uses_nothing(tmp_path: Path) -> None:
    assert Store(tmp_path).usage(set()) == []


def test_pruning_keeps_what_is_named_and_frees_the_rest(tmp_path: Path) -> None:
    store, progress = Store(tmp_path), Progress(io.StringIO())
    old = Slot("tool", "v0.9.0", "ba9876543210")
    for slot in (SLOT, old):
        store.obtain(slot, fill, progress)
    assert store.prune({("tool", SLOT.name)}, progress) == 0, "it was used a moment ago"
    _unused(store, old)
    freed = store.prune({("tool", SLOT.name)}, progress)
    assert freed > 0
    assert store.path(SLOT).is_dir()
    assert not store.path(old).exists()
    assert store.prune({("tool", SLOT.name)}, progress) == 0


def _unused(store: Store, *slots: Slot) -> None:
    for slot in slots:
        os.utime(store.path(slot) / "record.json", (0, 0))


def test_a_version_that_is_used_again_counts_as_used(tmp_path: Path) -> None:
    store, progress = Store(tmp_path), Progress(io.StringIO())
    store.obtain(SLOT, fill, progress)
    _unused(store, SLOT)
    store.obtain(SLOT, fill, progress)
    assert store.prune(set(), progress) == 0


def test_pruning_spares_what_an_environment_links_to(tmp_path: Path) -> None:
    store, progress = Store(tmp_path), Progress(io.StringIO())
    store.obtain(SLOT, fill, progress)
    _unused(store, SLOT)
    assert store.prune(set(), progress, [store.path(SLOT) / "bin" / "tool"]) == 0
    assert store.prune(set(), progress, [tmp_path / "elsewhere"]) > 0


def test_pruning_spares_what_is_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, progress = Store(tmp_path), Progress(io.StringIO())
    store.obtain(SLOT, fill, progress)
    _unused(store, SLOT)
    program = store.path(SLOT) / "bin" / "tool"
    monkeypatch.setattr("local.toolchain.store.running_programs", lambda: [program])
    assert store.prune(set(), progress) == 0
    assert program.is_file()


def test_fingerprints_tell_modes_and_links_apart_from_content(tmp_path: Path) -> None:
    fill(tmp_path)
    found = fingerprints(tmp_path)
    assert found["bin/tool"].startswith("x:")
    assert found["bin/other-name"] == "link:tool"
