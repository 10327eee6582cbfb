"""The command as a Job runs it: variables in, buckets in and out, a status at the end."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from app.contract import MODEL_NAME, TrainingVariable, artifact_key, manifest_key
from app.train.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

RAW = "raw"
ARTIFACTS = "artifacts"
KEY = "datasets/support2/x.csv.gz"
QUICK = '{"trees": 120, "folds": 3, "bootstrap_samples": 200}'


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3")
        for bucket in (RAW, ARTIFACTS):
            client.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            )
        yield client


def _order(monkeypatch: pytest.MonkeyPatch, content: bytes, **changes: str) -> None:
    variables = {
        "MODEL": MODEL_NAME,
        "MODEL_VERSION": "v1",
        "RAW_BUCKET": RAW,
        "DATASET_KEY": KEY,
        "DATASET_SHA256": hashlib.sha256(content).hexdigest(),
        "ARTIFACT_BUCKET": ARTIFACTS,
        "CODE_VERSION": "sha256:test",
        "HYPERPARAMETERS": QUICK,
        **changes,
    }
    for name, value in variables.items():
        monkeypatch.setenv(TrainingVariable[name], value)


def _keys(s3: S3Client) -> set[str]:
    return {entry["Key"] for entry in s3.list_objects_v2(Bucket=ARTIFACTS).get("Contents", [])}


def _body(s3: S3Client, key: str) -> bytes:
    return s3.get_object(Bucket=ARTIFACTS, Key=key)["Body"].read()


def test_a_run_publishes_once_and_a_second_one_writes_nothing(
    s3: S3Client,
    monkeypatch: pytest.MonkeyPatch,
    full_dataset: bytes,
    capsys: pytest.CaptureFixture[str],
) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=full_dataset)
    _order(monkeypatch, full_dataset)
    assert main([]) == 0
    manifest: dict[str, Any] = json.loads(_body(s3, manifest_key(MODEL_NAME, "v1")))
    artifact = _body(s3, artifact_key(MODEL_NAME, "v1"))
    assert manifest["artifact"]["sha256"] == hashlib.sha256(artifact).hexdigest()
    assert manifest["dataset"]["key"] == KEY
    assert manifest["hyperparameters"]["trees"] == 120
    assert "surv2m (baseline)" in capsys.readouterr().out

    written = s3.head_object(Bucket=ARTIFACTS, Key=manifest_key(MODEL_NAME, "v1"))["LastModified"]
    assert main([]) == 0
    assert "unchanged" in capsys.readouterr().out
    assert s3.head_object(Bucket=ARTIFACTS, Key=manifest_key(MODEL_NAME, "v1"))["LastModified"] == written

    _order(monkeypatch, full_dataset, HYPERPARAMETERS=QUICK.replace("120", "121"))
    assert main([]) == 1
    assert "never overwritten" in capsys.readouterr().err
    assert _body(s3, artifact_key(MODEL_NAME, "v1")) == artifact


def test_a_model_that_may_not_beat_the_baseline_is_not_published(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, make_dataset: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    content = make_dataset(800)
    s3.put_object(Bucket=RAW, Key=KEY, Body=content)
    _order(monkeypatch, content, HYPERPARAMETERS='{"trees": 1, "folds": 2, "bootstrap_samples": 100}')
    assert main([]) == 1
    assert "Held" in capsys.readouterr().err
    assert _keys(s3) == set()


def test_a_replaced_dataset_is_refused(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, make_dataset: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=make_dataset(50))
    _order(monkeypatch, make_dataset(51))
    assert main([]) == 1
    assert "SHA-256" in capsys.readouterr().err
    assert _keys(s3) == set()


@pytest.mark.usefixtures("s3")
def test_a_missing_dataset_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _order(monkeypatch, b"")
    assert main([]) == 1
    assert KEY in capsys.readouterr().err


def test_missing_variables_are_named_and_exit_with_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in TrainingVariable:
        monkeypatch.delenv(variable, raising=False)
    assert main([]) == 2
    assert TrainingVariable.RAW_BUCKET in capsys.readouterr().err


def test_a_person_trains_without_buckets(
    tmp_path: Path, make_dataset: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.csv.gz"
    file.write_bytes(make_dataset(800))
    options = ["--local", str(file), "--output", str(tmp_path / "out")]
    assert main([*options, "--hyperparameters", '{"folds": 2, "trees": 2}']) == 1
    assert "Held" in capsys.readouterr().err
    assert main([*options, "--hyperparameters", '{"fold": 2}']) == 2
    assert main(["--local", str(tmp_path / "none"), "--output", str(tmp_path)]) == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [("--version", "../../x"), ("--version", "my run"), ("--model", "a/b"), ("--threads", "0")],
)
def test_a_name_that_would_lead_out_of_the_folder_is_refused_before_anything_is_trained(
    tmp_path: Path, make_dataset: Any, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    file = tmp_path / "small.csv.gz"
    file.write_bytes(make_dataset(20))
    assert main(["--local", str(file), "--output", str(tmp_path / "out"), option, value]) == 2
    assert option.removeprefix("--") in capsys.readouterr().err
