"""From a checkout to archives known by digest, with a buildah that is a script."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.images import ImageName, archives, build_all
from local.images.cache import ImageCache

if TYPE_CHECKING:
    from conftest import Machine

    from local.images import BuiltImage


def build(machine: Machine) -> dict[ImageName, BuiltImage]:
    return build_all(machine.instance, machine, machine.progress)


def test_every_image_is_known_by_the_digest_of_its_manifest(machine: Machine) -> None:
    built = build(machine)
    assert set(built) == set(ImageName)
    for name, image in built.items():
        assert re.fullmatch(rf"plinth\.internal/{name.path}@sha256:[0-9a-f]{{64}}", image.reference)
        assert archives.read(image.archive).name == image.reference


def test_nothing_is_built_twice(machine: Machine) -> None:
    first = build(machine)
    calls = machine.calls.read_text()
    assert build(machine) == first
    assert machine.calls.read_text() == calls


def test_images_that_are_there_need_no_builder(machine: Machine) -> None:
    first = build(machine)
    for program in machine.programs.iterdir():
        program.unlink()
    assert build(machine) == first


def test_an_edit_of_the_application_builds_its_images_and_no_other(machine: Machine) -> None:
    first = build(machine)
    (machine.instance.checkout / "app" / "train.py").write_text("print('changed')\n")
    before = machine.builds()
    second = build(machine)
    assert machine.builds() - before == 2
    changed = {name for name in ImageName if first[name].key != second[name].key}
    assert changed == {ImageName.SERVING, ImageName.PIPELINE}


def test_equal_content_has_an_equal_digest_in_another_cache(machine: Machine) -> None:
    first = build(machine)
    machine.instance.cache.rename(machine.instance.cache.with_name("elsewhere"))
    second = build(machine)
    assert {image.reference for image in first.values()} == {image.reference for image in second.values()}


@pytest.mark.parametrize("name", list(ImageName))
def test_a_damaged_archive_is_built_anew(machine: Machine, name: ImageName) -> None:
    first = build(machine)
    archive = first[name].archive
    content = bytearray(archive.read_bytes())
    content[700] ^= 1
    archive.write_bytes(content)
    assert build(machine) == first
    assert bytearray(archive.read_bytes()) != content


def test_an_archive_whose_record_is_lost_is_built_anew(machine: Machine) -> None:
    first = build(machine)
    first[ImageName.SERVING].archive.with_suffix(".json").unlink()
    before = machine.builds()
    assert build(machine) == first
    assert machine.builds() == before + 1


def test_a_failed_step_is_named_with_the_end_of_its_log(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_FAILS", "serving")
    with pytest.raises(
        LocalError, match=r"build image serving failed: .*status 3.*(?s:.)*pip: no such wheel"
    ):
        build(machine)


def test_what_was_built_beside_a_failure_is_kept(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAILS", "serving")
    with pytest.raises(LocalError):
        build(machine)
    monkeypatch.delenv("FAKE_FAILS")
    before = machine.builds()
    build(machine)
    assert machine.builds() == before + 1


def test_a_failure_leaves_nothing_half_done(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_FAILS", "serving")
    with pytest.raises(LocalError):
        build(machine)
    cache = ImageCache.of(machine.instance.cache)
    assert not cache.work.exists()
    assert list((cache.folder / "built").glob("serving/*")) == []


def test_the_storage_of_a_killed_build_is_not_used_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_DIES", "serving")
    with pytest.raises(LocalError, match="SIGKILL"):
        build(machine)
    trace = ImageCache.of(machine.instance.cache).layers / "half-written"
    trace.touch()
    monkeypatch.delenv("FAKE_DIES")
    build(machine)
    assert not trace.exists()


def test_the_storage_of_a_failed_build_goes_on_saving_time(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_FAILS", "serving")
    with pytest.raises(LocalError):
        build(machine)
    trace = ImageCache.of(machine.instance.cache).layers / "a-layer"
    trace.touch()
    monkeypatch.delenv("FAKE_FAILS")
    build(machine)
    assert trace.exists()


@pytest.mark.parametrize("user", ["", "0", "root", "0:10001"])
def test_an_image_that_would_run_as_root_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    monkeypatch.setenv("FAKE_USER", user)
    with pytest.raises(LocalError, match="would run as"):
        build(machine)


def test_only_the_images_asked_for_are_built(machine: Machine) -> None:
    built = build_all(machine.instance, machine, machine.progress, [ImageName.PAUSE])
    assert set(built) == {ImageName.PAUSE}
    assert machine.builds() == 0


def test_the_overlay_driver_gives_way_to_one_that_works(machine: Machine) -> None:
    text = (machine.programs / "buildah").read_text()
    refusing = text.replace(
        'if command == "pull":', 'if command == "info":\n    sys.exit(1)\nelif command == "pull":'
    )
    machine.install("buildah", refusing)
    build(machine)
    assert all("--storage-driver vfs" in line for line in machine.called("buildah") if " build " in line)


def test_another_base_means_other_images(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(machine)
    monkeypatch.setenv("PLINTH_BASE_IMAGE", "python@sha256:" + "a" * 64)
    second = build(machine)
    changed = {name for name in ImageName if first[name].key != second[name].key}
    assert changed == {ImageName.SERVING, ImageName.PIPELINE, ImageName.ENVOY}
