"""`make purge` by a list of everything before and after, in a home of its own."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from local.claims import NOTES, claims
from local.commands import purge as module
from local.commands.purge import purge
from local.environment import Environment
from local.errors import LocalError
from local.images.cache import ImageCache
from local.instance import Instance
from local.progress import Progress
from local.toolchain.gocaches import GoCaches
from local.toolchain.store import Store

if TYPE_CHECKING:
    from pathlib import Path

THEIRS = (
    ".cache/go-build/00/x",
    ".cache/pip/http/x",
    ".cache/uv/x",
    "go/pkg/mod/example.org/x",
    ".pulumi/credentials.json",
    ".docker/config.json",
    "work/notes",
)
OURS = (
    ".cache/plinth/tools/helm/.lock",
    ".cache/plinth/tools/helm/v3-abc/bin/helm",
    ".cache/plinth/tools/helm/v3-abc/record.json",
    ".cache/plinth/tools/logs/helm-v3.log",
    ".cache/plinth/images/lock",
    ".cache/plinth/images/built/serving/abc.tar",
    ".cache/plinth/images/layers/root/overlay/x",
    ".cache/plinth/go/lock",
    ".cache/plinth/go/modules/example.org/x@v1/x.go",
)


@dataclass(frozen=True)
class Home:
    folder: Path
    instance: Instance
    said: io.StringIO

    def write(self, *names: str) -> None:
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)

    def listed(self) -> set[str]:
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*")}

    def claim(self, name: str, checkout: Path) -> None:
        self.write(f"run/{name}/checkout")
        (self.folder / "run" / name / "checkout").write_text(str(checkout))

    def purge(self) -> None:
        purge(self.instance, Progress(stream=self.said))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = tmp_path / "home"
    (folder / "checkout").mkdir(parents=True)
    monkeypatch.setattr(Instance, "runs", property(lambda _: folder / "run"))
    instance = Instance(name="purge-test", checkout=folder / "checkout", cache=folder / ".cache" / "plinth")
    found = Home(folder, instance, io.StringIO())
    found.write(*THEIRS)
    return found


def test_all_of_ours_goes_and_nothing_else(home: Home) -> None:
    before = home.listed()
    home.write(*OURS)
    (home.folder / ".cache/plinth/go/modules/example.org/x@v1").chmod(0o555)
    home.purge()
    assert home.listed() == before
    home.purge()
    assert home.listed() == before


def test_what_somebody_else_put_into_our_folder_stays_and_is_named(home: Home) -> None:
    home.write(*OURS, ".cache/plinth/notes.txt")
    home.purge()
    left = {name for name in home.listed() if name.startswith(".cache/plinth")}
    assert left == {".cache/plinth", ".cache/plinth/notes.txt"}
    assert "notes.txt" in home.said.getvalue()


def test_nothing_goes_while_another_checkout_has_an_environment(home: Home, tmp_path: Path) -> None:
    home.write(*OURS)
    other = tmp_path / "other-checkout"
    other.mkdir()
    home.claim("other", other)
    before = home.listed()
    with pytest.raises(LocalError, match=r"other in .*other-checkout(?s:.)*Nothing was removed.*make down"):
        home.purge()
    assert home.listed() == before


def test_nothing_goes_while_this_checkout_has_an_environment_that_a_reboot_ended(home: Home) -> None:
    home.write(*OURS, "checkout/.plinth/instance")
    before = home.listed()
    with pytest.raises(LocalError, match="make down"):
        home.purge()
    assert home.listed() == before


def test_nothing_goes_while_another_checkout_has_an_environment_that_a_reboot_ended(
    home: Home, tmp_path: Path
) -> None:
    home.write(*OURS)
    other = Instance(name="other", checkout=tmp_path / "other-checkout", cache=home.instance.cache)
    with Environment(other).exclusively("up"):
        (other.state / "node").mkdir()
    shutil.rmtree(other.runs)
    before = home.listed()
    with pytest.raises(LocalError, match=r"other in .*other-checkout(?s:.)*Nothing was removed.*make down"):
        home.purge()
    assert home.listed() == before
    shutil.rmtree(other.state)  # by hand, so that nobody takes the note away
    home.purge()
    assert not home.instance.cache.exists()


def test_an_environment_that_was_removed_leaves_no_note(home: Home) -> None:
    with Environment(home.instance).exclusively("up"):
        (home.instance.state / "node").mkdir()
    assert [claim.name for claim in claims(home.instance)] == ["purge-test"]
    with Environment(home.instance).exclusively("down"):
        shutil.rmtree(home.instance.run)
        (home.instance.state / "node").rmdir()
    assert claims(home.instance) == []
    assert list((home.instance.cache / NOTES).iterdir()) == []


def test_what_an_environment_without_a_checkout_has_left_goes(home: Home, tmp_path: Path) -> None:
    before = home.listed()
    home.write(*OURS)
    home.claim("gone", tmp_path / "no-such-checkout")
    home.write("run/gone/node.json", "run/gone/x/socket")
    home.purge()
    assert home.listed() == before
    assert "gone" in home.said.getvalue()


def test_nothing_goes_while_images_are_built(home: Home) -> None:
    home.write(*OURS)
    with ImageCache.of(home.instance.cache).exclusively(Progress(stream=io.StringIO())):
        before = home.listed()
        with pytest.raises(LocalError, match=r"building in .*images.*Nothing was removed"):
            home.purge()
        assert home.listed() == before


def test_nothing_goes_while_tools_are_built(home: Home) -> None:
    home.write(*OURS)
    with Store(home.instance.cache).lock("helm", Progress(stream=io.StringIO())):
        before = home.listed()
        with pytest.raises(LocalError, match=r"building in .*helm.*Nothing was removed"):
            home.purge()
        assert home.listed() == before
    with GoCaches(home.instance.cache).in_use(), pytest.raises(LocalError, match=r"compiling in .*go"):
        home.purge()
    assert home.listed() == before - {"/"} - {".cache/plinth/tools/helm/.holder"}


def test_nothing_goes_while_a_program_of_the_cache_runs(home: Home) -> None:
    home.write(*OURS)
    program = home.folder / ".cache/plinth/tools/helm/v3-abc/bin/helm"
    shutil.copyfile(os.path.realpath(shutil.which("sleep") or "/bin/sleep"), program)
    program.chmod(0o755)
    before = home.listed()
    with subprocess.Popen([program, "60"]) as running:
        try:
            with pytest.raises(LocalError, match=r"still runs: .*helm"):
                home.purge()
        finally:
            running.kill()
    assert home.listed() == before


def test_the_list_of_parts_is_all_that_commands_make_in_the_cache(home: Home) -> None:
    """What a new part of the cache would be forgotten by."""
    cache = home.instance.cache
    made = {ImageCache.of(cache).folder, Store(cache).root, GoCaches(cache).folder, cache / NOTES}
    assert {cache / part for part in module.PARTS} == made
