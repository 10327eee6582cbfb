from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from local import stack
from local.errors import LocalError
from local.instance import Instance
from local.progress import Progress
from local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENGINE = """#!/bin/sh
case "$1 $2" in
"stack ls") echo '[{"name": "local"}]' ;;
"stack export") echo '{"deployment": {}}' ;;
"up --stack") for line in $(seq 100); do echo "line $line"; done; exit 3 ;;
esac
"""


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    instance = Instance(name="stack-test", checkout=tmp_path, cache=tmp_path / "cache")
    instance.bin.mkdir(parents=True)
    engine = instance.bin / "pulumi"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    return instance


def _lock(instance: Instance, pid: int) -> Path:
    lock = instance.pulumi_state / ".pulumi" / "locks" / "organization" / "lock.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"pid": pid}))
    return lock


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A live process of the engine's name."""
    program = tmp_path / "elsewhere" / "pulumi"
    program.parent.mkdir()
    shutil.copyfile(os.path.realpath(shutil.which("sleep") or "/bin/sleep"), program)
    program.chmod(0o755)
    with subprocess.Popen([program, "60"]) as process:
        yield process
        process.kill()


def test_the_lock_of_a_dead_process_is_broken(instance: Instance) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    lock = _lock(instance, process.pid)
    assert str(process.pid) in Stack(instance, {}).prepare()[0]
    assert not lock.exists()


def test_the_lock_of_a_living_engine_is_respected_whatever_the_clock_says(
    instance: Instance, engine: subprocess.Popen[bytes]
) -> None:
    lock = _lock(instance, engine.pid)
    hour_ago = time.time() - 3600  # by the clock as it was before it was set forward
    os.utime(lock, (hour_ago, hour_ago))
    with pytest.raises(LocalError, match=str(engine.pid)):
        Stack(instance, {}).prepare()
    assert lock.exists()


def test_a_process_that_is_no_engine_only_has_the_number_of_the_locks_holder(instance: Instance) -> None:
    lock = _lock(instance, os.getpid())
    assert Stack(instance, {}).prepare()
    assert not lock.exists()


def test_a_lock_that_was_half_written_is_broken(instance: Instance) -> None:
    lock = _lock(instance, 1)
    lock.write_text('{"pid": 1')
    assert Stack(instance, {}).prepare()
    assert not lock.exists()


def test_a_failed_update_is_told_with_its_last_lines(instance: Instance) -> None:
    with pytest.raises(LocalError) as caught:
        Stack(instance, {}).up(Progress(), "bring up everything")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("bring up everything failed")
    assert lines[-1] == "line 100"
    assert len(lines) < 70


def test_a_second_update_does_not_tell_the_lines_of_the_first(instance: Instance) -> None:
    instance.logs.mkdir(parents=True)
    (instance.logs / "pulumi.log").write_text("of yesterday\n")
    with pytest.raises(LocalError) as caught:
        Stack(instance, {}).up(Progress(), "bring up everything")
    assert "yesterday" not in str(caught.value)
    assert (instance.logs / "pulumi.log").read_text().startswith("of yesterday\nline 1\n")


def test_a_log_that_has_grown_large_is_put_aside_and_one_predecessor_is_kept(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "LOG_BYTES", 5)
    instance.logs.mkdir(parents=True)
    log = instance.logs / "pulumi.log"
    for text in ("the first", "the second"):
        log.write_text(text)
        with pytest.raises(LocalError, match="bring up everything failed"):
            Stack(instance, {}).up(Progress(), "bring up everything")
        assert (instance.logs / "pulumi.log.1").read_text() == text
        assert log.read_text().startswith("line 1\n")
        assert log.stat().st_mode & 0o777 == 0o600
    assert len(list(instance.logs.iterdir())) == 2


def test_an_engine_that_was_removed_is_named_with_the_remedy(instance: Instance) -> None:
    engine, gone = instance.bin / "pulumi", instance.cache / "tools" / "pulumi"
    engine.unlink()
    engine.symlink_to(gone)
    instance.pulumi_state.mkdir()
    words = rf"{engine} is missing: it leads to {gone}, which is gone. Run `make up`"
    with pytest.raises(LocalError, match=words):
        Stack(instance, {}).exists()
    with pytest.raises(LocalError, match=words):
        Stack(instance, {}).up(Progress(), "bring up everything")
