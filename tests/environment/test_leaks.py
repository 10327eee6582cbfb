"""Of the default tier: the scanner that looks for secrets in an environment finds them."""

from __future__ import annotations

import base64
import gzip
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.environment import leaks
from tests.environment.leaks import SHARED, ArgumentWatch, in_files, in_readable_files, needles

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def secret() -> str:
    return f"hunter2-{secrets.token_hex(16)}"


@pytest.fixture(params=SHARED, ids=str)
def shared(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder that others may enter, in one where everybody may write; a test's own is its user's only."""
    if not request.param.is_dir():
        pytest.skip(f"this machine has no {request.param}")
    with tempfile.TemporaryDirectory(dir=request.param) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("form", ["plain", "base64", "hexadecimal", "compressed"])
def test_a_secret_in_a_file_is_found(tmp_path: Path, secret: str, form: str) -> None:
    forms: dict[str, Any] = {
        "plain": lambda text: text,
        "base64": base64.b64encode,
        "hexadecimal": lambda text: text.hex().encode(),
        "compressed": gzip.compress,
    }
    for before in range(4):
        (tmp_path / str(before)).write_bytes(forms[form](b"x" * before + secret.encode() + b"tail"))
    (tmp_path / "clean").write_text("nothing here")
    assert len(in_files([tmp_path], needles(secret))) == 4


def test_a_secret_in_a_file_of_any_size_is_found_wherever_it_lies(
    tmp_path: Path, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaks, "CHUNK_BYTES", 64)
    for before in range(200):
        (tmp_path / str(before)).write_bytes(b"x" * before + secret.encode() + b"x" * 100)
    assert len(in_files([tmp_path], needles(secret))) == 200


def test_a_large_file_is_not_taken_for_clean(tmp_path: Path, secret: str) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.seek(300 * 2**20)  # nothing is written before: it takes no room
        file.write(secret.encode())
    assert in_files([tmp_path], needles(secret)) == [str(tmp_path / "large")]


def test_what_only_looks_compressed_is_read_as_it_is(tmp_path: Path, secret: str) -> None:
    (tmp_path / "cut").write_bytes(leaks.GZIP + secret.encode())
    assert len(in_files([tmp_path], needles(secret))) == 1


def test_what_others_may_read_in_a_folder_that_all_share_is_found(shared: Path, secret: str) -> None:
    began = time.time() - 1
    for name, mode in {"open": 0o644, "closed": 0o600}.items():
        (shared / name).write_text(secret)
        (shared / name).chmod(mode)
    (shared / "folder").mkdir(mode=0o700)
    (shared / "folder" / "open").write_text(secret)
    # A set, as the temporary folder may lie in another.
    assert set(in_readable_files(SHARED, needles(secret), began)) == {str(shared / "open")}


def test_what_was_there_before_is_left_out(tmp_path: Path, secret: str) -> None:
    (tmp_path / "old").write_text(secret)
    assert in_files([tmp_path], needles(secret), since=time.time() + 60) == []


def test_a_secret_in_a_processs_arguments_is_found(secret: str) -> None:
    with ArgumentWatch(needles(secret)) as watch:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(1)", secret], check=True)
    assert len(watch.found) == 1
