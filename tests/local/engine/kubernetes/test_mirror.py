from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local.engine.kubernetes.helm.mirror import VARIABLE, Mirror, published
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from pathlib import Path

GATEWAY = {"chart": "oci://registry/gateway", "version": "v1"}
MANAGER = {"chart": "manager", "version": "2.0", "repositoryOpts": {"repo": "https://charts.example.org/"}}


def test_a_chart_at_hand_takes_the_place_of_the_published_one(tmp_path: Path) -> None:
    mirror = Mirror(
        {
            "oci://registry/gateway@v1": str(tmp_path),
            published("manager", "2.0", "https://charts.example.org"): str(tmp_path),
        }
    )
    assert mirror.find(GATEWAY) == tmp_path
    assert mirror.find(MANAGER) == tmp_path
    assert not mirror.lacks(GATEWAY)


def test_another_version_than_the_one_at_hand_is_lacking(tmp_path: Path) -> None:
    mirror = Mirror({"oci://registry/gateway@v1": str(tmp_path)})
    assert mirror.find({**GATEWAY, "version": "v2"}) is None
    assert mirror.lacks({**GATEWAY, "version": "v2"})


def test_a_chart_in_a_folder_is_never_lacking(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("name: own\nversion: 1.0.0\n")
    assert not Mirror({}).lacks({"chart": str(tmp_path)})


def test_without_a_mirror_nothing_is_lacking_because_helm_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert not Mirror.from_environment().lacks(GATEWAY)


def test_a_mirror_that_can_not_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none.json"))
    with pytest.raises(ProviderError, match=r"none\.json"):
        Mirror.from_environment()
    (tmp_path / "some.json").write_text(json.dumps({"oci://registry/gateway@v1": "/charts/gateway"}))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "some.json"))
    assert Mirror.from_environment().find(GATEWAY) is not None
