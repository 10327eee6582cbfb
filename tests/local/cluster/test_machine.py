"""Which process is the node's first, and what counts as left over."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import psutil
import pytest

from local.cluster import cgroups
from local.cluster.cgroups import Cgroups, hierarchies
from local.cluster.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

    from local.cluster.layout import Layout


def record(layout: Layout, pid: int, created: float) -> None:
    layout.record.write_text(json.dumps({"pid": pid, "created": created, "fingerprint": "f"}))


def test_a_live_first_process_is_found(layout: Layout) -> None:
    record(layout, os.getpid(), psutil.Process().create_time())
    running = Machine(layout).running()
    assert running is not None
    assert running.pid == os.getpid()


def test_another_process_with_the_same_number_is_not_mistaken_for_it(layout: Layout) -> None:
    record(layout, os.getpid(), psutil.Process().create_time() - 3600)
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
