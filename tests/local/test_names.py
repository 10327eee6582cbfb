"""One name, one checkout, one environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
    instance.run.mkdir(parents=True)
    (instance.run / "checkout").write_text(str(checkout))


def test_a_name_that_another_checkout_has_is_refused_and_nothing_is_written(
    instance: Instance, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    claim(instance, other)
    with (
        pytest.raises(LocalError, match=r"named is in use by the checkout .*other.*make up INSTANCE=name"),
        Environment(instance).exclusively("up"),
    ):
        pytest.fail("it went on")
    assert not instance.state.exists()


def test_a_name_whose_checkout_is_gone_is_free(instance: Instance, tmp_path: Path) -> None:
    claim(instance, tmp_path / "no-longer-there")
    with Environment(instance).exclusively("up"):
        assert (instance.state / "instance").read_text() == "named"


def test_a_second_name_for_one_checkout_is_refused(instance: Instance) -> None:
    with Environment(instance).exclusively("up"):
        pass
    renamed = Instance(name="renamed", checkout=instance.checkout, cache=instance.cache)
    with (
        pytest.raises(
            LocalError, match=r"is called named, and renamed was asked for.*make down INSTANCE=named"
        ),
        Environment(renamed).exclusively("up"),
    ):
        pytest.fail("it went on")
