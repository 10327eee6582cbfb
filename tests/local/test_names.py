"""One name, one checkout, one environment."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from local.claims import claims
from local.environment import Environment
from local.errors import LocalError
from local.instance import Instance

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    monkeypatch.setattr(Instance, "runs", property(lambda _: tmp_path / "run"))
    (tmp_path / "checkout").mkdir()
    return Instance(name="named", checkout=tmp_path / "checkout", cache=tmp_path / "cache")


def claim(instance: Instance, checkout: Path) -> None:
    """What a command of that checkout has left, however it ended."""
    if checkout.is_dir():
        (checkout / ".plinth").mkdir(exist_ok=True)
        (checkout / ".plinth" / "instance").write_text(instance.name)
    instance.run.mkdir(parents=True)
    (instance.run / "checkout").write_text(str(checkout))


def assert_refused(instance: Instance) -> None:
    with pytest.raises(LocalError, match="in use by"), Environment(instance).exclusively("up"):
        pytest.fail("it went on")


def test_a_name_that_another_checkout_has_is_refused_and_nothing_is_written(
    instance: Instance, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    (other / ".plinth" / "node").mkdir(parents=True)  # what `make stop` keeps
    claim(instance, other)
    with (
        pytest.raises(LocalError, match=r"named is in use by the checkout .*other.*make up INSTANCE=name"),
        Environment(instance).exclusively("up"),
    ):
        pytest.fail("it went on")
    assert not instance.state.exists()


@pytest.fixture
def second(instance: Instance, tmp_path: Path) -> Instance:
    """The same name in another checkout."""
    (tmp_path / "second").mkdir()
    return Instance(name=instance.name, checkout=tmp_path / "second", cache=instance.cache)


def test_a_name_is_taken_from_the_beginning_of_a_command_on(instance: Instance, second: Instance) -> None:
    with Environment(instance).exclusively("up"):  # which builds for a quarter of an hour before it starts
        with (
            pytest.raises(LocalError, match=r"named is in use by the checkout .*/checkout\."),
            Environment(second).exclusively("up"),
        ):
            pytest.fail("it went on")
        assert claims(instance)[0].checkout == instance.checkout
    assert not second.state.exists()


def test_a_command_that_started_nothing_leaves_no_claim(instance: Instance, second: Instance) -> None:
    with pytest.raises(LocalError, match="no room"), Environment(instance).exclusively("up"):
        raise LocalError("no room")
    assert not instance.runs.exists()
    with Environment(second).exclusively("up"):
        pass


def test_the_claim_of_a_killed_command_that_started_nothing_binds_nobody(
    instance: Instance, second: Instance
) -> None:
    claim(instance, instance.checkout)
    with Environment(second).exclusively("up"):
        assert claims(instance)[0].checkout == second.checkout


@pytest.mark.parametrize("kept", [".plinth/node", ".plinth/existing"])
def test_the_claim_of_an_environment_stays_when_its_command_has_ended(
    instance: Instance, second: Instance, kept: str
) -> None:
    with Environment(instance).exclusively("up"):
        (instance.checkout / kept).mkdir()
    assert_refused(second)
    with Environment(instance).exclusively("stop"):
        pass


def test_a_node_that_runs_keeps_its_name_though_its_state_was_removed_by_hand(
    instance: Instance, second: Instance
) -> None:
    claim(instance, instance.checkout)
    (instance.run / "node.json").write_text("{}")
    assert_refused(second)


def test_a_second_command_of_the_same_checkout_is_told_of_the_first(instance: Instance) -> None:
    with (
        Environment(instance).exclusively("up"),
        pytest.raises(LocalError, match=r"`make up`, process \d+ is at work on named"),
        Environment(instance).exclusively("stop"),
    ):
        pytest.fail("it went on")


def test_a_name_goes_on_to_the_next_who_waits_when_an_environment_is_removed(
    instance: Instance, second: Instance
) -> None:
    with Environment(instance).exclusively("down"):
        shutil.rmtree(instance.run)  # as `make down` does, before it has ended
        with Environment(second).exclusively("up"):
            (second.state / "node").mkdir()
    assert claims(instance)[0].checkout == second.checkout


def test_a_folder_for_claims_that_can_not_be_made_is_named(instance: Instance) -> None:
    instance.runs.write_text("not a folder")
    with (
        pytest.raises(LocalError, match=r"run/named, .* can't be made"),
        Environment(instance).exclusively("up"),
    ):
        pytest.fail("it went on")


def test_a_name_whose_checkout_is_gone_is_free(instance: Instance, tmp_path: Path) -> None:
    claim(instance, tmp_path / "no-longer-there")
    with Environment(instance).exclusively("up"):
        assert (instance.state / "instance").read_text() == "named"


def test_a_second_name_for_one_checkout_is_refused(instance: Instance) -> None:
    with Environment(instance).exclusively("up"):
        (instance.state / "node").mkdir()
    renamed = Instance(name="renamed", checkout=instance.checkout, cache=instance.cache)
    with (
        pytest.raises(
            LocalError, match=r"is called named, and renamed was asked for.*make down INSTANCE=named"
        ),
        Environment(renamed).exclusively("up"),
    ):
        pytest.fail("it went on")
    assert [found.name for found in claims(instance)] == ["named"], "the other name stays free"
    shutil.rmtree(instance.runs)  # a reboot
    assert [found.name for found in claims(instance)] == ["named"], "its note is still there"
