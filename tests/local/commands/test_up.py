from __future__ import annotations

import hashlib
import io
import json
import time
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from moto.server import ThreadedMotoServer

from app.contract import MODEL_NAME, artifact_key, manifest_key
from local.artifacts import ArtifactBucket, s3_client
from local.commands import up
from local.errors import LocalError
from local.instance import Instance
from local.progress import Progress
from local.release import Release, ReleaseFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from local.images.commands import Commands


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(name="mine", checkout=tmp_path / "checkout", cache=tmp_path / "cache")


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


def test_tools_that_can_not_be_had_end_the_build_of_the_images_at_once(
    instance: Instance, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_for_a_minute(*words: object) -> None:
        commands: Commands = words[-1]  # type: ignore[assignment]
        commands.run("build", ["sleep", "60"], log="build")

    monkeypatch.setattr(up, "build_all", build_for_a_minute)

    def tools() -> None:
        with up._images_meanwhile(instance, Progress(stream=output)):
            time.sleep(0.2)
            raise LocalError("no module proxy")

    began = time.monotonic()
    with pytest.raises(LocalError, match="no module proxy"):
        tools()
    assert time.monotonic() - began < 20
    assert "can't be built" not in output.getvalue()


def test_images_that_can_not_be_built_are_said_before_the_tools_are_finished(
    instance: Instance, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise LocalError("no package index")

    monkeypatch.setattr(up, "build_all", refuse)
    seen = []

    def tools() -> None:
        with up._images_meanwhile(instance, Progress(stream=output)):
            time.sleep(0.2)
            seen.append(output.getvalue())

    with pytest.raises(LocalError, match="no package index"):
        tools()
    assert "no package index" in seen[0]


# A released artifact that is lost

BUCKET = "artifacts"


@pytest.fixture
def variables() -> Iterator[dict[str, str]]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    found = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", **keys}
    s3_client(found).create_bucket(Bucket=BUCKET)
    yield found
    s3_client(found).delete_bucket(Bucket=BUCKET)
    server.stop()


@pytest.fixture
def s3(variables: dict[str, str]) -> Iterator[S3Client]:
    client = s3_client(variables)
    yield client
    for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=entry["Key"])


def release_of(version: str) -> Release:
    return Release(MODEL_NAME, version, hashlib.sha256(version.encode()).hexdigest())


def train(s3: S3Client, version: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=artifact_key(MODEL_NAME, version), Body=version.encode())
    manifest = json.dumps({"artifact": {"sha256": release_of(version).artifact_sha256}})
    s3.put_object(Bucket=BUCKET, Key=manifest_key(MODEL_NAME, version), Body=manifest.encode())


@pytest.fixture
def converge(
    instance: Instance, variables: dict[str, str], s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], list[str]]:
    """Converge with one version released and one configured, on an engine that runs every Job it has not."""
    removed: list[str] = []
    monkeypatch.setattr(up.jobs, "remove", lambda _kubectl, _variables, jobs: removed.extend(jobs))

    def run(released: str, configured: str) -> list[str]:
        def update(*_: object, **_more: object) -> Counter[str]:
            if removed:
                train(s3, configured)
            return Counter()

        stack = SimpleNamespace(
            prepare=list,
            resources=lambda: [{"type": "kubernetes:batch/v1:Job", "id": f"models/train-{configured}"}],
            outputs=lambda: {"training_version": configured},
            up=update,
        )
        file = ReleaseFile(instance)
        file.write(release_of(released))
        environment: Any = SimpleNamespace(
            instance=instance,
            stack=stack,
            release=file,
            variables=variables,
            artifacts=lambda: ArtifactBucket(BUCKET, variables),
        )
        up._converge(environment, Progress(stream=io.StringIO()))
        return removed

    return run


def test_a_lost_artifact_of_the_configured_version_is_trained_again(
    converge: Callable[[str, str], list[str]],
) -> None:
    assert converge("new", "new") == ["models/train-new"]


def test_a_lost_artifact_that_training_does_not_bring_back_is_told_with_the_way_out(
    converge: Callable[[str, str], list[str]],
) -> None:
    with pytest.raises(LocalError, match="released version old") as caught:
        converge("old", "new")
    assert release_of("old").artifact_sha256 in str(caught.value)
    assert "make release VERSION=new" in str(caught.value)


def test_a_released_version_that_is_not_the_configured_one_is_left_alone_while_it_is_there(
    s3: S3Client, converge: Callable[[str, str], list[str]]
) -> None:
    train(s3, "old")
    assert converge("old", "new") == []


def test_a_version_whose_manifest_alone_is_lost_is_trained_again(
    s3: S3Client, converge: Callable[[str, str], list[str]]
) -> None:
    train(s3, "new")
    s3.delete_object(Bucket=BUCKET, Key=manifest_key(MODEL_NAME, "new"))
    assert converge("new", "new") == ["models/train-new"]
