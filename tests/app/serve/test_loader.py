from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.serve.errors import NotReadyError
from app.serve.loader import Loader
from app.storage import FolderStore, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.serve.readiness import Readiness
    from app.serve.settings import ServingSettings
    from app.storage import Store

    MakeSettings = Callable[..., ServingSettings]
    Eventually = Callable[..., None]


class Gone(FolderStore):
    """A store that does not answer, until it does."""

    def __init__(self, behind: FolderStore | None = None, failures: int = 1_000_000) -> None:
        self.behind = behind
        self.failures = failures
        self.reads = 0

    def read(self, key: str) -> bytes:
        self.reads += 1
        if self.reads <= self.failures or self.behind is None:
            raise StorageError("The store doesn't answer.")
        return self.behind.read(key)


@pytest.fixture
def start(readiness: Readiness) -> Iterator[Callable[[ServingSettings, Store], Loader]]:
    loaders: list[Loader] = []

    def start(settings: ServingSettings, store: Store) -> Loader:
        loader = Loader(settings, store, readiness)
        loader.start()
        loaders.append(loader)
        return loader

    yield start
    for loader in loaders:
        loader.stop()


def test_a_verified_copy_is_kept(
    start: Any, make_settings: MakeSettings, published: Any, readiness: Readiness, eventually: Eventually
) -> None:
    loader = start(make_settings(), published.store)
    eventually(lambda: readiness.ready)
    assert loader.local_copy.read_bytes() == published.artifact


def test_a_verified_copy_serves_without_the_store(
    start: Any, make_settings: MakeSettings, published: Any, readiness: Readiness, eventually: Eventually
) -> None:
    settings = make_settings()
    settings.scratch.mkdir()
    (settings.scratch / f"{published.sha256}.onnx").write_bytes(published.artifact)
    store = Gone()
    start(settings, store)
    eventually(lambda: readiness.ready)
    assert store.reads == 0


def test_a_damaged_copy_is_fetched_again(
    start: Any, make_settings: MakeSettings, published: Any, readiness: Readiness, eventually: Eventually
) -> None:
    settings = make_settings()
    settings.scratch.mkdir()
    (settings.scratch / f"{published.sha256}.onnx").write_bytes(published.artifact[:-1])
    loader = start(settings, published.store)
    eventually(lambda: readiness.ready)
    assert loader.local_copy.read_bytes() == published.artifact


def test_a_store_that_comes_back_is_noticed(
    start: Any, make_settings: MakeSettings, published: Any, readiness: Readiness, eventually: Eventually
) -> None:
    store = Gone(published.store, failures=1)
    start(make_settings(), store)
    eventually(lambda: "doesn't answer" in readiness.reason)
    assert not readiness.ready
    eventually(lambda: readiness.ready)
    assert store.reads == 2


def test_a_wrong_hash_is_refused_for_good_and_says_why(
    start: Any, make_settings: MakeSettings, published: Any, readiness: Readiness, eventually: Eventually
) -> None:
    loader = start(make_settings(sha256="0" * 64), published.store)
    eventually(lambda: "refused" in readiness.reason)
    assert published.sha256 in readiness.reason
    assert "0" * 64 in readiness.reason
    loader._thread.join(timeout=10)
    assert not loader._thread.is_alive()
    assert not readiness.ready
    assert not loader.local_copy.exists()
    with pytest.raises(NotReadyError, match="refused"):
        readiness.predictor()


def test_a_scratch_folder_that_cannot_be_written_does_not_stop_serving(
    start: Any, make_settings: MakeSettings, published: Any, readiness: Readiness, eventually: Eventually
) -> None:
    in_the_way = published.folder / "file"
    in_the_way.write_text("not a folder")
    start(make_settings(scratch=in_the_way / "scratch"), published.store)
    eventually(lambda: readiness.ready)


def test_an_unexpected_failure_is_a_reason_too(
    start: Any, make_settings: MakeSettings, readiness: Readiness, eventually: Eventually
) -> None:
    class Broken(FolderStore):
        def __init__(self) -> None:
            """Hold nothing."""

        def read(self, key: str) -> bytes:
            raise RuntimeError(f"a bug at {key}")

    start(make_settings(), Broken())
    eventually(lambda: "a bug" in readiness.reason)
    assert not readiness.ready
