from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.toolchain.charts import fill_in, replace, same

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    source = tmp_path / "module" / "gateway-helm"
    (source / "templates").mkdir(parents=True)
    (source / "Chart.yaml").write_text(
        "name: gateway\nversion: v0.0.0-latest\nappVersion: latest\n"
        "dependencies:\n  - name: crds\n    version: 1.2.3\n"
    )
    (source / "values.tmpl.yaml").write_text("image: ${Image}\npolicy: ${Policy}\n")
    (source / "templates" / "a.yaml").write_text("kind: {{ .Values.kind }}\n")
    (source / ".helmignore").write_text("*.tmpl.*\n")
    for path in (source / "Chart.yaml", source / "templates" / "a.yaml"):
        path.chmod(0o444)
    return source


PLACEHOLDERS = {"Image": "example.org/gateway:{version}", "Policy": "IfNotPresent"}


def test_a_chart_gets_its_values_and_its_version(chart: Path, tmp_path: Path) -> None:
    fill_in(chart, tmp_path / "ready", PLACEHOLDERS, "v1.8.0")
    assert (tmp_path / "ready" / "values.yaml").read_text() == (
        "image: example.org/gateway:v1.8.0\npolicy: IfNotPresent\n"
    )
    about = (tmp_path / "ready" / "Chart.yaml").read_text()
    assert "\nversion: v1.8.0\nappVersion: v1.8.0\n" in about
    assert "    version: 1.2.3" in about
    assert not (tmp_path / "ready" / "values.tmpl.yaml").exists()
    assert (tmp_path / "ready" / ".helmignore").is_file()


def test_a_chart_is_the_same_each_time_it_is_made(chart: Path, tmp_path: Path) -> None:
    fill_in(chart, tmp_path / "one", PLACEHOLDERS, "v1.8.0")
    fill_in(chart, tmp_path / "two", PLACEHOLDERS, "v1.8.0")
    assert same(tmp_path / "one", tmp_path / "two")
    (tmp_path / "two" / "values.yaml").write_text("image: other\n")
    assert not same(tmp_path / "one", tmp_path / "two")


def test_a_placeholder_without_a_value_is_refused(chart: Path, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"\$\{Policy\}"):
        fill_in(chart, tmp_path / "ready", {"Image": "x"}, "v1.8.0")


def test_a_copy_of_read_only_files_can_be_replaced(chart: Path, tmp_path: Path) -> None:
    fill_in(chart, tmp_path / "ready", PLACEHOLDERS, "v1.8.0")
    destination = tmp_path / "state" / "charts" / "gateway"
    replace(tmp_path / "ready", destination)
    (destination / "templates" / "a.yaml").write_text("changed\n")
    replace(tmp_path / "ready", destination)
    assert same(tmp_path / "ready", destination)
    assert [path.name for path in destination.parent.iterdir()] == ["gateway"]


def test_a_destination_that_can_not_be_written_is_said(chart: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(LocalError, match="can't be written"):
        replace(chart, tmp_path / "state" / "gateway")
