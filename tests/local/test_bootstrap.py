from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pytest

from local import bootstrap, clean

if TYPE_CHECKING:
    from collections.abc import Callable

run_for_real = bootstrap._run

Steps: TypeAlias = list[tuple[str, ...]]


def test_no_root_and_no_kubeconfig_is_one_error_that_names_both_remedies() -> None:
    with pytest.raises(bootstrap.BootstrapError) as caught:
        bootstrap.require_a_place_for_the_cluster(user_id=1000, kubeconfig=None)
    text = str(caught.value)
    assert "sudo make up" in text
    assert "make up KUBECONFIG=" in text
    assert "user 1000" in text


def test_root_needs_no_kubeconfig() -> None:
    bootstrap.require_a_place_for_the_cluster(user_id=0, kubeconfig=None)


def test_a_kubeconfig_replaces_root(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("{}")
    bootstrap.require_a_place_for_the_cluster(user_id=1000, kubeconfig=str(file))


def test_a_kubeconfig_that_is_no_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(bootstrap.BootstrapError, match=str(missing)):
        bootstrap.require_a_place_for_the_cluster(user_id=0, kubeconfig=str(missing))


def test_a_python_that_is_too_old_is_refused_with_its_version() -> None:
    with pytest.raises(bootstrap.BootstrapError, match=r"Python 3\.10 is too old"):
        bootstrap.require_python((3, 10))


def test_an_ordinary_user_need_not_repeat_the_kubeconfig_that_an_earlier_up_recorded() -> None:
    bootstrap.require_a_place_for_the_cluster(user_id=1000, kubeconfig=None, recorded=True)


def test_the_refusal_comes_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    installed = []
    monkeypatch.setattr(bootstrap, "PLACE", tmp_path / "place.json")
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(bootstrap, "install", lambda: installed.append(True))
    assert bootstrap.main(["--for-environment"]) == 1
    assert installed == []
    assert capsys.readouterr().err.startswith("error: ")


def test_the_stamp_changes_with_the_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("bootstrap.txt", "dev.txt"):
        (tmp_path / name).write_text("a==1")
    monkeypatch.setattr(bootstrap, "REQUIREMENTS", tmp_path)
    before = bootstrap.wanted_stamp()
    (tmp_path / "dev.txt").write_text("a==2")
    assert bootstrap.wanted_stamp() != before


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with locks and without a `.venv`."""
    folder = tmp_path / "checkout"
    (folder / "requirements").mkdir(parents=True)
    for name in bootstrap.LOCKS:
        (folder / "requirements" / name).write_text("a==1")
    (folder / "pyproject.toml").write_text("[tool.setuptools]\npackages = []\n")
    monkeypatch.setattr(bootstrap, "CHECKOUT", folder)
    monkeypatch.setattr(bootstrap, "REQUIREMENTS", folder / "requirements")
    for name in ("VENV", "STAMP", "MADE_BY", "ASIDE"):
        old = getattr(bootstrap, name).relative_to(Path(bootstrap.__file__).parent.parent)
        monkeypatch.setattr(bootstrap, name, folder / old)
    return folder


@pytest.fixture
def steps(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Steps:
    """What is run; `venv` and `pip` do what the real ones do, as far as anybody looks."""
    done: Steps = []

    def run(*command: str | Path, **_: object) -> None:
        words = tuple(str(word) for word in command)
        done.append(words)
        program = {"venv": "python", "pip": "uv"}.get(words[2] if words[1] == "-m" else "")
        if program:
            path = checkout / ".venv" / "bin" / program
            path.parent.mkdir(exist_ok=True)
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)

    monkeypatch.setattr(bootstrap, "_run", run)
    return done


def test_a_virtual_environment_of_the_persons_own_is_refused_and_stays(checkout: Path, steps: Steps) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "pyvenv.cfg").write_text("mine")
    with pytest.raises(bootstrap.BootstrapError, match="not of our making") as caught:
        bootstrap.install()
    assert str(checkout / ".venv") in str(caught.value)
    assert "Move it, or remove it" in str(caught.value)
    assert (checkout / ".venv" / "pyvenv.cfg").read_text() == "mine"
    assert steps == []


def test_a_link_to_another_checkouts_environment_is_refused_and_that_one_stays(
    checkout: Path, steps: Steps, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in (".plinth-made-by", ".plinth-stamp"):
        (other / name).write_text("other")
    (checkout / ".venv").symlink_to(other)
    with pytest.raises(bootstrap.BootstrapError, match="not of our making"):
        bootstrap.install()
    assert len(list(other.iterdir())) == 2
    assert steps == []


def test_an_environment_made_before_there_were_marks_of_making_is_used_as_it_is(
    checkout: Path, steps: Steps
) -> None:
    bootstrap.install()
    made = (checkout / ".venv" / ".plinth-made-by").read_text()
    assert made == f"{checkout}/.venv-{bootstrap.sys.version_info[:2]}"
    (checkout / ".venv" / "mark").touch()
    steps.clear()
    bootstrap.install()
    assert steps == []
    (checkout / "requirements" / "dev.txt").write_text("a==2")
    bootstrap.install()
    assert [words[1:3] for words in steps] == [("pip", "sync"), ("pip", "install")]
    assert (checkout / ".venv" / "mark").exists(), "brought up to date in place"


def test_an_environment_of_another_python_is_made_anew(checkout: Path, steps: Steps) -> None:
    bootstrap.install()
    (checkout / ".venv" / ".plinth-made-by").write_text("another")
    (checkout / ".venv" / ".plinth-stamp").write_text("another")
    (checkout / ".venv" / "mark").touch()
    bootstrap.install()
    assert not (checkout / ".venv" / "mark").exists()
    assert sum("venv" in words for words in steps) == 2


def test_an_empty_folder_is_nobodys(checkout: Path, steps: Steps) -> None:
    (checkout / ".venv").mkdir()
    bootstrap.install()
    assert steps
    assert (checkout / ".venv" / ".plinth-stamp").exists()


class Killed(BaseException):
    """Stands for SIGKILL: nothing runs after it."""


def before(nth: int) -> Callable[..., object]:
    """A wrapper that ends it all before the nth step of any of the wrapped functions."""
    count = iter(range(1000))

    def wrap(function: Callable[..., object]) -> Callable[..., object]:
        def counted(*words: object, **options: object) -> object:
            if next(count) == nth:
                raise Killed
            return function(*words, **options)

        return counted

    return wrap


def half_removed(folder: Path, **_: object) -> None:
    """The mark goes first, as it may."""
    (folder / ".plinth-made-by").unlink(missing_ok=True)


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("again", [False, True], ids=["the first time", "over one of another Python"])
@pytest.mark.parametrize("nth", range(14))
def test_a_run_that_was_killed_at_any_moment_is_repaired_by_the_next_and_taken_by_clean(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, nth: int, *, again: bool
) -> None:
    if again:
        bootstrap.install()
        (checkout / ".venv" / ".plinth-made-by").write_text("another")
        (checkout / ".venv" / ".plinth-stamp").write_text("another")
    wrap = before(nth)
    with monkeypatch.context() as patched:
        for name in ("mkdir", "write_text", "rename", "unlink"):
            patched.setattr(Path, name, wrap(getattr(Path, name)))
        patched.setattr(bootstrap, "_run", wrap(bootstrap._run))
        whole = shutil.rmtree
        patched.setattr(
            shutil, "rmtree", wrap(lambda folder: (wrap(half_removed)(folder), wrap(whole)(folder)))
        )
        with contextlib.suppress(Killed):
            bootstrap.install()
    copy = shutil.copytree(checkout, checkout.with_name("copy"), symlinks=True)
    clean.clean(copy)
    assert list(copy.glob(".venv*")) == []
    bootstrap.install()
    assert (checkout / ".venv" / ".plinth-made-by").read_text() == bootstrap._made_from()
    assert (checkout / ".venv" / "bin" / "uv").exists()
    assert not (checkout / ".venv.aside").exists()


def test_a_package_of_which_a_kill_left_half_is_installed_anew(checkout: Path, steps: Steps) -> None:
    """uv would take it for installed. The others are left alone, and so are all where nobody was killed."""
    bootstrap.install()
    packages = checkout / ".venv" / "lib" / "python3.11" / "site-packages"
    for name, record in {
        "whole-1": "whole.py,sha256=x,4\nwhole-1.dist-info/RECORD,,\n",
        "short-1": "short.py,sha256=x,5\n",
        "lacking-1": "lacking.py,sha256=x,4\n",
        "unrecorded-1": None,
    }.items():
        about = packages / f"{name}.dist-info"
        about.mkdir(parents=True)
        if record:
            (about / "RECORD").write_text(record)
    for name in ("whole", "short"):
        (packages / f"{name}.py").write_text("1234")
    (checkout / ".venv" / ".plinth-stamp").write_text("of other locks")
    bootstrap.install()
    assert len(list(packages.glob("*.dist-info"))) == 4
    (checkout / ".venv" / ".plinth-stamp").unlink()
    steps.clear()
    bootstrap.install()
    assert [path.name for path in packages.glob("*.dist-info")] == ["whole-1.dist-info"]
    assert steps[0][1:3] == ("pip", "sync")


def test_an_installer_that_a_kill_left_half_is_installed_anew(checkout: Path, steps: Steps) -> None:
    bootstrap.install()
    (checkout / ".venv" / ".plinth-stamp").unlink()
    for damage in (lambda path: path.write_bytes(b"\x7fELF"), lambda path: path.chmod(0o644)):
        damage(checkout / ".venv" / "bin" / "uv")
        steps.clear()
        bootstrap.install()
        assert steps[0][2:4] == ("pip", "install")
        (checkout / ".venv" / ".plinth-stamp").unlink()


def test_an_installer_that_outlives_its_run_keeps_the_next_one_waiting(
    checkout: Path, steps: Steps, capfd: pytest.CaptureFixture[str]
) -> None:
    """As after SIGKILL: the run has closed its lock, what it had started has not."""
    ours = (checkout / ".venv.lock").open("w")
    bootstrap._hold(ours)
    begun, go_on = checkout / "begun", checkout / "go on"
    script = f"touch '{begun}'; while [ ! -e '{go_on}' ]; do sleep 0.02; done"
    with ThreadPoolExecutor() as pool:
        installer = pool.submit(run_for_real, "sh", "-c", script, lock=ours)
        while not begun.exists() and not installer.done():
            time.sleep(0.02)
        ours.close()
        next_run = pool.submit(bootstrap.install)
        try:
            time.sleep(0.3)
            assert steps == []
            assert "waiting for it" in capfd.readouterr().out
        finally:
            go_on.touch()
        next_run.result(timeout=30)
    assert steps


class Disk(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_that_is_too_small_is_refused_before_anything_begins(
    checkout: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(0, 0, bootstrap.VENV_BYTES - 1))
    with pytest.raises(bootstrap.BootstrapError, match=r"1\.5 GB are free and 1\.5 GB are needed") as caught:
        bootstrap.install()
    assert f"in {checkout}/.venv for the Python packages" in str(caught.value)
    assert "Free some" in str(caught.value)
    assert steps == []
    assert not (checkout / ".venv").exists()


def test_an_update_needs_less_room_than_what_it_updates(
    checkout: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.install()
    monkeypatch.setattr(bootstrap, "VENV_BYTES", 4096)
    (checkout / ".venv" / "large").write_bytes(b"x" * 8192)
    (checkout / "requirements" / "dev.txt").write_text("a==2")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(0, 0, bootstrap.UPDATE_BYTES))
    steps.clear()
    bootstrap.install()
    assert steps
    (checkout / "requirements" / "dev.txt").write_text("a==3")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(0, 0, bootstrap.UPDATE_BYTES - 1))
    with pytest.raises(bootstrap.BootstrapError, match="Too little disk"):
        bootstrap.install()


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("written", [".venv.lock", ".plinth-made-by", ".plinth-stamp"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_what_the_file_system_refuses_is_named_with_a_remedy(
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    written: str,
    number: int,
) -> None:
    def refused(method: Callable[..., object]) -> Callable[..., object]:
        def refuse(path: Path, *words: object, **options: object) -> object:
            if path.name == written:
                raise OSError(number, os.strerror(number), str(path))
            return method(path, *words, **options)

        return refuse

    for name in ("open", "write_text"):
        monkeypatch.setattr(Path, name, refused(getattr(Path, name)))
    assert bootstrap.main([]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert f"{checkout}/.venv" in said
    remedies = {
        errno.ENOSPC: "No space left for the Python packages: .* Free some",
        errno.EROFS: "can't be written by user .* make it writable",
        errno.EIO: "is not usable: Input/output error. Repair or remove it",
    }
    assert re.search(remedies[number], said)


def test_an_environment_that_is_ready_can_be_used_where_nothing_can_be_written(
    checkout: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.install()
    steps.clear()

    def refuse(path: Path, *_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(bootstrap, "_hold", refuse)
    (checkout / ".venv.lock").unlink()
    bootstrap.install()
    assert not (checkout / ".venv.lock").exists()
    assert steps == []


def test_an_installer_that_fails_is_told_with_the_space_there_is() -> None:
    with pytest.raises(bootstrap.BootstrapError, match="ended with status 3") as caught:
        run_for_real("sh", "-c", "exit 3")
    assert re.search(rf"GB free where {bootstrap.VENV} lies, .* GB free where .*uv.* lies", str(caught.value))
    assert "UV_CACHE_DIR" in str(caught.value)
    assert "HTTPS_PROXY" in str(caught.value)


def test_installers_give_up_an_index_that_keeps_silent_unless_the_person_says_how_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in bootstrap.PATIENCE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_RETRIES", "9")
    run_for_real("sh", "-c", f"env > '{tmp_path}/seen'")
    seen = (tmp_path / "seen").read_text().splitlines()
    assert {"PIP_DEFAULT_TIMEOUT=20", "UV_HTTP_TIMEOUT=20", "UV_HTTP_RETRIES=2", "PIP_RETRIES=9"} <= set(seen)
