from __future__ import annotations

import ipaddress
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.errors import LocalError
from local.instance import LINK_NETWORKS, Instance


def _instance(name: str) -> Instance:
    return Instance(name=name, checkout=Path("/checkout"), cache=Path("/cache"))


@given(st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True))
def test_every_allowed_name_gives_names_that_the_kernel_accepts(name: str) -> None:
    instance = _instance(name)
    assert len(instance.interface) <= 15
    assert ipaddress.ip_address(instance.node_address) in LINK_NETWORKS
    assert ipaddress.ip_address(instance.host_address) in instance.link
    assert instance.host_address != instance.node_address


@pytest.mark.parametrize("name", ["", "A", "1a", "a_b", "a" * 21, "a b", "a/b"])
def test_a_name_that_could_not_be_a_label_is_refused_with_the_remedy(name: str) -> None:
    with pytest.raises(LocalError, match="INSTANCE="):
        _instance(name)


def test_two_checkouts_get_two_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INSTANCE", raising=False)
    one, two = Instance.of_checkout(Path("/a")), Instance.of_checkout(Path("/b"))
    assert one.name != two.name
    assert one.interface != two.interface
    assert one.namespace != two.namespace


def test_the_name_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANCE", "mine")
    assert Instance.of_checkout(Path("/a")).name == "mine"


def test_the_state_folder_is_its_owners_only_even_if_something_else_made_it_first(tmp_path: Path) -> None:
    (tmp_path / ".plinth" / "policy").mkdir(parents=True, mode=0o755)
    (tmp_path / ".plinth").chmod(0o755)
    instance = Instance(name="mine", checkout=tmp_path, cache=tmp_path)
    assert stat.S_IMODE(instance.make_state().stat().st_mode) == 0o700
    assert (tmp_path / ".plinth" / "policy").is_dir()
