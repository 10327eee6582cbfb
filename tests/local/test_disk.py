"""What is shown of the disk, and what a successful `make up` takes from the shared cache."""

from __future__ import annotations

import errno
import io
import os
import shutil
from typing import TYPE_CHECKING

import filelock
import pytest

from local import disk
from local.claims import claims, images_in_use, tools_in_use
from local.environment import Environment
from local.images import housekeeping
from local.instance import Instance
from local.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setattr(Instance, "runs", property(lambda _: tmp_path / "run"))
    return Instance(name="disk-test", checkout=tmp_path / "checkout", cache=tmp_path / "cache" / "plinth")


def write(path: Path, size: int = 4096) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def other_environment(instance: Instance, tool: Path) -> None:
    """Another checkout's, which links a tool and names an image."""
    checkout = instance.checkout.with_name("other")
    (checkout / ".plinth" / "bin").mkdir(parents=True)
    (checkout / ".plinth" / "bin" / "helm").symlink_to(tool)
    (checkout / "stacks" / "releases").mkdir(parents=True)
    (checkout / "stacks" / "releases" / "local.images.yaml").write_text(
        f"serving: plinth.internal/serving@{DIGEST}\n"
    )
    write(instance.runs / "other" / "checkout").write_text(f"{checkout}\n")


def test_every_part_is_counted_and_said(instance: Instance) -> None:
    write(instance.cache / "tools" / "helm" / "v3-abc" / "bin" / "helm", 100_000)
    write(instance.cache / "images" / "wheels" / "x.whl", 200_000)
    write(instance.cache / "go" / "modules" / "x", 300_000)
    write(instance.state / "node" / "etcd", 400_000)
    found = disk.use(instance)
    assert found.tools == 100_000
    assert 200_000 <= found.images["wheels"] < 210_000
    assert 300_000 <= found.go < 310_000
    assert 400_000 <= found.environment < 410_000
    assert found.free > 0
    for words in ("tools", "images", "Go's caches", "this environment", "free"):
        assert words in str(found)


def test_a_machine_without_a_cache_is_no_error(instance: Instance) -> None:
    assert disk.use(instance).tools == 0


def test_another_environments_tools_and_images_stay_and_the_rest_goes(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "SPARE_LIMIT_BYTES", 0)
    linked = write(instance.cache / "tools" / "helm" / "v3-abc" / "bin" / "helm")
    stale = write(instance.cache / "tools" / "helm" / "v2-abc" / "bin" / "helm")
    shelf = instance.cache / "images" / "built" / "serving"
    named, spare = write(shelf / "named.tar"), write(shelf / "spare.tar")
    named.with_suffix(".json").write_text(f'{{"digest": "{DIGEST}"}}')
    spare.with_suffix(".json").write_text('{"digest": "sha256:bbbb"}')
    for tool in (linked, stale):
        (tool.parents[1] / "record.json").write_text("{}")
        os.utime(tool.parents[1] / "record.json", (0, 0))
    for file in shelf.iterdir():
        os.utime(file, (0, 0))
    other_environment(instance, linked)
    said = io.StringIO()
    disk.keep_within_bounds(instance, [], Progress(stream=said))
    assert [path.exists() for path in (linked, named, stale, spare)] == [True, True, False, False]
    assert "freed" in said.getvalue()


def test_an_environment_that_a_reboot_ended_still_uses_its_tools_and_images(instance: Instance) -> None:
    tool = write(instance.cache / "tools" / "helm" / "v3-abc" / "bin" / "helm")
    other_environment(instance, tool)
    other = Instance(name="other", checkout=instance.checkout.with_name("other"), cache=instance.cache)
    with Environment(other).exclusively("stop"):
        (other.state / "node").mkdir()
    shutil.rmtree(instance.runs)
    found = claims(instance)
    assert tools_in_use(found) == {tool}
    assert images_in_use(found) == {DIGEST}


def test_a_cache_that_can_not_be_written_is_said_and_left_as_it_is(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is up by then: a complete cache on a read-only disk has done what it is there for."""
    tool = write(instance.cache / "tools" / "helm" / "v2-abc" / "bin" / "helm")
    (instance.cache / "images").mkdir()

    def refuse(lock: filelock.FileLock, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", lock.lock_file)

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    said = io.StringIO()
    disk.keep_within_bounds(instance, [], Progress(stream=said))
    assert tool.exists()
    lines = said.getvalue().splitlines()
    assert len(lines) == 1
    assert f"{instance.cache}/images/lock can't be written: Read-only file system" in lines[0]
    assert "costs nothing but space" in lines[0]


def test_a_claim_without_a_checkout_uses_nothing(instance: Instance) -> None:
    write(instance.runs / "gone" / "checkout").write_text("/no/such/checkout")
    (instance.runs / "empty").mkdir()
    found = claims(instance)
    assert [claim.name for claim in found] == ["gone"]
    assert tools_in_use(found) == set()
    assert images_in_use(found) == set()
