from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest
import yaml

from local.errors import LocalError
from local.instance import CHECKOUT
from local.process import started
from local.rehearsal import project as projects
from local.rehearsal.project import PREFIX, project, sweep

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_rehearsal_changes_its_copy_of_the_config_and_never_yours(own_folder: Path) -> None:
    original = CHECKOUT / "stacks" / "Pulumi.prod.yaml"
    text = original.read_text()
    with project("prod") as copy:
        assert copy.folder.parent == own_folder
        copy.set("data", "quarantineDays", 37)
        assert copy.config()["plinth:data"]["quarantineDays"] == 37
        here = copy.surroundings()
        config = yaml.safe_load(text)["config"]
        assert here.account_id == config["aws:allowedAccountIds"][0]
        assert (here.region, list(here.zones)) == (config["aws:region"], config["plinth:network"]["zones"])
        assert copy.release()["artifact_sha256"]
    assert original.read_text() == text
    assert list(own_folder.iterdir()) == []


def test_a_setting_that_was_not_there_is_taken_out_again() -> None:
    with project("prod") as copy:
        before = copy.config()
        assert copy.set("data", "quarantineDays", 37) is None
        copy.set("data", "quarantineDays", None)
        assert copy.config() == before


def test_an_unknown_environment_is_refused_with_the_known_ones(own_folder: Path) -> None:
    with pytest.raises(LocalError, match=r"moon.*dev.*prod"), project("moon"):
        pass
    assert list(own_folder.iterdir()) == []


def test_a_config_that_the_program_refuses_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "stacks" / "releases").mkdir(parents=True)
    for name in (*projects.LINKED, "Pulumi.yaml"):
        if name != "stacks":
            (checkout / name).symlink_to(CHECKOUT / name)
    for file in (CHECKOUT / "stacks").glob("*.py"):
        (checkout / "stacks" / file.name).write_text(file.read_text())
    bad = yaml.safe_load((CHECKOUT / "stacks" / "Pulumi.dev.yaml").read_text())
    bad["config"]["plinth:data"]["noSuchSetting"] = 1
    (checkout / "stacks" / "Pulumi.dev.yaml").write_text(yaml.safe_dump(bad))
    monkeypatch.setattr(projects, "CHECKOUT", checkout)
    with pytest.raises(LocalError, match="noSuchSetting"), project("dev"):
        pass


def test_two_rehearsals_that_begin_at_once_leave_each_others_folder(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = tempfile.mkdtemp

    def slowly(prefix: str) -> str:
        folder = make(prefix=prefix)
        time.sleep(0.3)  # it is there, and nobody can tell yet whose it is
        return folder

    monkeypatch.setattr(tempfile, "mkdtemp", slowly)
    monkeypatch.setattr(projects, "_check", lambda *_: None)

    def rehearse(stack: str) -> bool:
        with project(stack) as copy:
            met.wait(20)
            return copy.config_file.is_file()

    met = threading.Barrier(2)
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(rehearse, ["dev", "prod"])) == [True, True]
    assert list(own_folder.iterdir()) == []


def test_what_a_killed_rehearsal_left_is_removed_and_a_running_ones_is_not(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = os.getpid()
    owners = {
        "dead": "another-boot:1",
        "alive": started(own),
        "earlier-version": psutil.Process().create_time(),
    }
    folders = {name: own_folder / f"{PREFIX}-{os.geteuid()}-prod-{name}" for name in owners}
    for name, folder in folders.items():
        folder.mkdir()
        (folder / "owner").write_text(json.dumps([own, owners[name]]))
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: 0.0)  # the clock was set
    assert sweep() == [folders.pop("dead")]
    assert all(folder.is_dir() for folder in folders.values())
