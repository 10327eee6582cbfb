"""Which process is the node's first, and what counts as left over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from local.cluster import cgroups
from local.cluster.cgroups import Cgroups, hierarchies
from local.cluster.machine import Machine
from local.process import started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.cluster.layout import Layout


HOUR = 3600.0


def record(layout: Layout, pid: int, **start: object) -> None:
    layout.record.write_text(json.dumps({"pid": pid, "fingerprint": "f", **start}))


@pytest.fixture
def clock_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """What psutil says after the clock was set forward by an hour."""
    before = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: before(process) + HOUR)


@pytest.fixture
def first(layout: Layout) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the command line of this node's first one."""
    words = [sys.executable, "-c", "import time; time.sleep(60)", layout.configuration / "machine.json"]
    with subprocess.Popen(words) as process:
        yield process
        process.kill()


def test_a_live_first_process_is_found(layout: Layout) -> None:
    record(layout, os.getpid(), started=started(os.getpid()))
    running = Machine(layout).running()
    assert running is not None
    assert running.pid == os.getpid()
    assert running.created == psutil.Process().create_time()


@pytest.mark.usefixtures("clock_set")
def test_a_first_process_is_found_after_the_clock_was_set(layout: Layout) -> None:
    record(layout, os.getpid(), started=started(os.getpid()))
    assert Machine(layout).running() is not None


def test_another_process_with_the_same_number_is_not_mistaken_for_it(layout: Layout) -> None:
    record(layout, os.getpid(), started="another-boot:1")
    assert Machine(layout).running() is None


@pytest.mark.usefixtures("clock_set")
def test_a_node_that_an_earlier_version_started_is_known_by_its_command(
    layout: Layout, first: subprocess.Popen[bytes]
) -> None:
    record(layout, first.pid, created=psutil.Process(first.pid).create_time() - HOUR)
    running = Machine(layout).running()
    assert running is not None
    assert running.started == started(first.pid)


def test_an_earlier_versions_record_of_another_process_is_no_node(layout: Layout) -> None:
    record(layout, os.getpid(), created=psutil.Process().create_time())
    assert Machine(layout).running() is None


@pytest.mark.parametrize("content", ["", "{", "{}", '{"pid": "x"}'])
def test_a_damaged_record_is_no_process(layout: Layout, content: str) -> None:
    layout.record.write_text(content)
    assert Machine(layout).running() is None


def test_what_lies_under_run_is_a_leftover(layout: Layout) -> None:
    machine = Machine(layout)
    assert machine.leftovers() == [f"folder {layout.instance.run}"]
    machine.forget()
    assert machine.leftovers() == []


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hierarchies of version 1 that are ordinary folders."""
    for name in ("cpuset", "memory"):
        (tmp_path / name).mkdir()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1")
    lines = [f"cgroup {tmp_path / name} cgroup rw,{name} 0 0" for name in ("cpuset", "memory")]
    mounts = tmp_path / "mounts"
    mounts.write_text("\n".join(["proc /proc proc rw 0 0", *lines, lines[0]]))
    monkeypatch.setattr(cgroups, "MOUNTS", mounts)
    return tmp_path


def test_every_hierarchy_is_found_once(mounted: Path) -> None:
    assert hierarchies() == [(mounted / "cpuset", "cgroup"), (mounted / "memory", "cgroup")]


def test_groups_are_made_and_removed_in_every_hierarchy(mounted: Path) -> None:
    group = Cgroups("unit")
    group.create()
    assert (mounted / "memory" / "unit" / "system").is_dir()
    (mounted / "memory" / "unit" / "kubepods" / "pod1").mkdir(parents=True)
    assert len(group.folders()) == 6
    group.remove()
    assert group.folders() == []
    assert (mounted / "memory").is_dir()


def test_processes_are_counted_by_part_of_the_tree(mounted: Path) -> None:
    group = Cgroups("unit")
    group.create()
    (mounted / "memory" / "unit" / "system" / "cgroup.procs").write_text("11\n12\n")
    (mounted / "memory" / "unit" / "kubepods").mkdir()
    (mounted / "memory" / "unit" / "kubepods" / "cgroup.procs").write_text("13\n0\n")
    assert group.processes() == {11, 12, 13}
    assert group.processes("kubepods") == {13}
    assert not group.wait_until_empty(0)
