"""The process as a pod runs it: variables in, signals, a status at the end, logs without patients."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from app.contract import ServingVariable, manifest_key
from app.serve.__main__ import main
from app.serve.records import EXAMPLE_FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.serve.server import DrainingServer
    from app.storage import FolderStore

ROOT = Path(__file__).parents[3]
PATIENT = "patient-4711"
EXAMPLE = {"patient_id": PATIENT, "features": EXAMPLE_FEATURES}
DRAIN_SECONDS = 4.0


@pytest.fixture
def variables(published: Any, tmp_path: Path) -> dict[str, str]:
    """A pod whose store doesn't answer, but which has its verified local copy."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / f"{published.sha256}.onnx").write_bytes(published.artifact)
    return {
        ServingVariable.MODEL: published.model,
        ServingVariable.MODEL_VERSION: published.version,
        ServingVariable.ARTIFACT_SHA256: published.sha256,
        ServingVariable.ARTIFACT_BUCKET: "artifacts",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_REGION": "eu-central-1",
        "PLINTH_SCRATCH_PATH": str(scratch),
        "PLINTH_LISTEN_HOST": "127.0.0.1",
        "PLINTH_LISTEN_API": str(_unused_port()),
        "PLINTH_LISTEN_METRICS": str(_unused_port()),
        "PLINTH_DRAIN_SECONDS": str(DRAIN_SECONDS),
    }


def _unused_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        port: int = candidate.getsockname()[1]
        return port


@contextmanager
def _serving(variables: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "app.serve"],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    address = f"http://127.0.0.1:{variables['PLINTH_LISTEN_API']}"
    try:
        for _ in range(600):
            try:
                if httpx.get(f"{address}/v2/health/ready").status_code == HTTPStatus.OK:
                    break
            except httpx.TransportError:
                assert process.poll() is None, process.communicate()[0]
            time.sleep(0.05)
        else:
            pytest.fail("it never got ready")
        yield process, address
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_sigterm_makes_it_unready_at_once_loses_no_request_and_ends_with_zero(
    variables: dict[str, str],
) -> None:
    answers: list[int] = []
    lost: list[float] = []
    with _serving(variables) as (process, address):
        ended = threading.Event()

        def keep_asking() -> None:
            """New connections where the old one was closed, as the gateway does; until one fails."""
            with httpx.Client(base_url=address) as client:
                while not ended.is_set():
                    try:
                        answers.append(client.post("/v1/predictions", json=EXAMPLE).status_code)
                    except httpx.TransportError:
                        lost.append(time.monotonic())
                        return

        callers = [threading.Thread(target=keep_asking) for _ in range(4)]
        for caller in callers:
            caller.start()
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        time.sleep(0.2)
        assert httpx.get(f"{address}/v2/health/ready").status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert httpx.get(f"{address}/v2/health/live").status_code == HTTPStatus.OK
        before_end = len(answers)
        for caller in callers:
            caller.join(timeout=20)
        ended.set()
        output = process.communicate(timeout=20)[0]
        assert process.returncode == 0
    assert len(answers) > before_end > 10
    assert set(answers) == {HTTPStatus.OK}
    assert len(lost) == 4
    assert min(lost) - told >= DRAIN_SECONDS  # whoever still comes then has not heard for all this time
    lines = [json.loads(line) for line in output.splitlines()]
    assert "model_ready" in {line["event"] for line in lines}
    # Of a moment's digits some are any value's.
    told = [value for line in lines for name, value in line.items() if name != "timestamp"]
    assert PATIENT not in str(told)
    assert str(EXAMPLE_FEATURES["sps"]) not in str(told)


def test_ctrl_c_skips_the_drain(variables: dict[str, str]) -> None:
    variables["PLINTH_DRAIN_SECONDS"] = "60"
    with _serving(variables) as (process, _):
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode == 0


def test_missing_and_wrong_variables_are_named_and_exit_with_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variables: dict[str, str]
) -> None:
    for name in (*ServingVariable, *variables):
        monkeypatch.delenv(name, raising=False)
    assert main([]) == 2
    printed = capsys.readouterr().err
    assert all(name in printed for name in ServingVariable)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(ServingVariable.ARTIFACT_SHA256, "latest")
    assert main([]) == 2
    assert ServingVariable.ARTIFACT_SHA256 in capsys.readouterr().err


def test_a_taken_metrics_port_ends_it_with_an_error(
    variables: dict[str, str],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(variables["PLINTH_LISTEN_METRICS"])))
        taken.listen()
        found = subprocess.run(
            [sys.executable, "-m", "app.serve"],
            cwd=ROOT,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert found.returncode != 0
    assert variables["PLINTH_LISTEN_METRICS"] in found.stdout + found.stderr


def _publish(store: FolderStore, model: str, version: str, sha256: str) -> None:
    manifest = {"model": model, "version": version, "artifact": {"sha256": sha256}}
    store.create(manifest_key(model, version), json.dumps(manifest).encode(), "application/json")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[DrainingServer]:
    """The servers that would run, none of which does."""
    servers: list[DrainingServer] = []

    def run(server: DrainingServer) -> None:
        servers.append(server)

    monkeypatch.setattr("app.serve.__main__.DrainingServer.run", run)
    make_no_logs: Callable[[], None] = lambda: None  # noqa: E731 - the test's own output stays readable
    monkeypatch.setattr("app.serve.__main__.configure_logs", make_no_logs)
    return servers


def test_a_person_serves_a_folder(
    published: Any, capsys: pytest.CaptureFixture[str], served: list[DrainingServer]
) -> None:
    assert main(["--local", str(published.folder)]) == 2
    assert "no version" in capsys.readouterr().err
    _publish(published.store, "tiny", "v1", published.sha256)
    assert main(["--local", str(published.folder)]) == 0
    assert [server.config.host for server in served] == ["127.0.0.1"]


@pytest.mark.parametrize(("option", "setting"), [("--port", "port"), ("--metrics-port", "metrics_port")])
def test_an_impossible_port_of_a_folder_s_server_is_named_and_exits_with_two(
    published: Any,
    capsys: pytest.CaptureFixture[str],
    served: list[DrainingServer],
    option: str,
    setting: str,
) -> None:
    _publish(published.store, "tiny", "v1", published.sha256)
    assert main(["--local", str(published.folder), option, "99999"]) == 2
    assert f" {setting}: Input should be less than or equal to 65535" in capsys.readouterr().err
    assert not served


def test_of_several_models_in_a_folder_the_one_that_is_named_is_served(
    published: Any, capsys: pytest.CaptureFixture[str], served: list[DrainingServer]
) -> None:
    digests = {("tiny", "v1"): "1" * 64, ("other", "v1"): "2" * 64, ("other", "v2"): "3" * 64}
    for (model, version), sha256 in digests.items():
        _publish(published.store, model, version, sha256)
    folder = ["--local", str(published.folder)]
    for named in ([], ["--version", "v1"], ["--model", "other"], ["--model", "tiny", "--version", "v2"]):
        assert main([*folder, *named]) == 2
        printed = capsys.readouterr().err
        assert "other v1, other v2, tiny v1" in printed
        assert "--model and --version" in printed
    assert not served
    for named, labels in (
        (["--version", "v2"], {"model": "other", "version": "v2"}),
        (["--model", "tiny"], {"model": "tiny", "version": "v1"}),
        (["--model", "other", "--version", "v1"], {"model": "other", "version": "v1"}),
    ):
        assert main([*folder, *named]) == 0
        sha256 = digests[labels["model"], labels["version"]]
        application: Any = served.pop().config.app
        metrics = application.user_middleware[0].kwargs["metrics"]
        assert metrics.registry.get_sample_value("plinth_model_info", {**labels, "sha256": sha256})
