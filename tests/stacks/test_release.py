from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from stacks.errors import ConfigError
from stacks.release import Images, load_images, load_release

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "a" * 64
RELEASE = {"model": "support2-mortality", "version": "0123456789ab", "artifact_sha256": "b" * 64}
IMAGES = {
    name: f"registry.example.org/{name}@{DIGEST}"
    for name in ("serving", "pipeline", "envoy", "envoy_gateway")
}


def write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content))


def test_no_file_means_that_nothing_is_served(tmp_path: Path) -> None:
    assert load_release("dev", tmp_path) is None


def test_a_release_names_model_version_and_hash(tmp_path: Path) -> None:
    write(tmp_path / "dev.yaml", RELEASE)
    release = load_release("dev", tmp_path)
    assert release is not None
    assert release.artifact_sha256 == "b" * 64
    assert release.image is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("artifact_sha256", "b" * 63),
        ("artifact_sha256", "B" * 64),
        ("artifact_sha256", None),
        ("version", ""),
        ("version", "../other"),
        ("model", "Support2"),
        ("image", "registry.example.org/serving:latest"),
        ("replicas", 3),
    ],
)
def test_what_is_not_a_release_is_refused_by_key(tmp_path: Path, key: str, value: object) -> None:
    write(tmp_path / "dev.yaml", {**RELEASE, key: value})
    with pytest.raises(ConfigError, match=key):
        load_release("dev", tmp_path)


def test_an_empty_release_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text("")
    with pytest.raises(ConfigError, match=r"dev\.yaml is refused"):
        load_release("dev", tmp_path)


def test_a_release_file_that_is_not_yaml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text("model: [")
    with pytest.raises(ConfigError, match="not YAML"):
        load_release("dev", tmp_path)


def test_images_built_here_are_used_before_those_of_the_config(tmp_path: Path) -> None:
    write(tmp_path / "dev.images.yaml", {**IMAGES, "serving": f"localhost/serving@{DIGEST}"})
    images = load_images("dev", Images(**IMAGES), tmp_path)
    assert images.serving == f"localhost/serving@{DIGEST}"


def test_images_of_the_config_are_used_where_none_were_built(tmp_path: Path) -> None:
    assert load_images("dev", Images(**IMAGES), tmp_path) == Images(**IMAGES)


def test_no_images_at_all_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)make up.*plinth:images"):
        load_images("dev", None, tmp_path)


@pytest.mark.parametrize("reference", ["localhost/serving:latest", "localhost/serving", ""])
def test_an_image_by_tag_is_refused(tmp_path: Path, reference: str) -> None:
    write(tmp_path / "dev.images.yaml", {**IMAGES, "serving": reference})
    with pytest.raises(ConfigError, match="serving"):
        load_images("dev", None, tmp_path)
