from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from moto import mock_aws

from stacks import promotion
from stacks.errors import ConfigError
from stacks.promotion import End, Promoted, promote
from stacks.release import load_release

if TYPE_CHECKING:
    from collections.abc import Iterator

ARTIFACT = b"a model, as ONNX"
SHA256 = hashlib.sha256(ARTIFACT).hexdigest()
FOLDER = "models/support2-mortality/v1"


class Accounts:
    """Staging with a release that was proven, and production with an empty bucket and a registry."""

    def __init__(self) -> None:
        self.releases = Path()
        self.sessions = tuple(_session_of(number) for number in ("000000000002", "000000000003"))
        self.source, self.target = End("staging", self.sessions[0]), End("prod", self.sessions[1])
        for end in (self.source, self.target):
            self._s3(end).create_bucket(
                Bucket=end.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            )
        ecr = self.sessions[1].client("ecr", region_name="eu-central-1")
        ecr.create_repository(repositoryName=self.target.repository)
        manifest = {"schemaVersion": 2, "config": {"digest": "sha256:" + "c" * 64}, "layers": []}
        pushed = ecr.put_image(
            repositoryName=self.target.repository,
            imageManifest=json.dumps(manifest),
            imageManifestMediaType="application/vnd.docker.distribution.manifest.v2+json",
            imageTag="tested",
        )
        self.digest = pushed["image"]["imageId"]["imageDigest"]

    def begin(self, releases: Path) -> None:
        """As it is before a promotion, whatever a test has left."""
        self.releases = releases
        for end in (self.source, self.target):
            for name in ("model.onnx", "manifest.json"):
                self._s3(end).delete_object(Bucket=end.bucket, Key=f"{FOLDER}/{name}")
        self.put(self.source, "model.onnx", ARTIFACT)
        self.put(self.source, "manifest.json", json.dumps({"artifact": {"sha256": SHA256}}).encode())
        self.release(image=f"staging.example.org/serving@{self.digest}")

    def _s3(self, end: End) -> Any:
        session = self.sessions[0 if end is self.source else 1]
        return session.client("s3", region_name="eu-central-1")

    def put(self, end: End, name: str, content: bytes) -> None:
        self._s3(end).put_object(Bucket=end.bucket, Key=f"{FOLDER}/{name}", Body=content)

    def release(self, **changes: Any) -> None:
        content = {"model": "support2-mortality", "version": "v1", "artifact_sha256": SHA256, **changes}
        (self.releases / "staging.yaml").write_text(yaml.safe_dump(content))

    def promote(self) -> Promoted:
        first, second = self.sessions
        return promote("staging", "prod", (first, second), self.releases)

    def untouched(self) -> bool:
        return (
            not (self.releases / "prod.yaml").exists() and self.target.read(f"{FOLDER}/manifest.json") is None
        )


def _session_of(account: str) -> boto3.Session:
    taken = boto3.client("sts", region_name="eu-central-1").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/promotion", RoleSessionName="promotion"
    )["Credentials"]
    return boto3.Session(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])


@pytest.fixture(scope="module")
def world() -> Iterator[Accounts]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield Accounts()


@pytest.fixture
def accounts(world: Accounts, tmp_path: Path) -> Accounts:
    world.begin(tmp_path)
    return world


def test_the_same_artifact_and_the_same_image_go_on(accounts: Accounts) -> None:
    promoted = accounts.promote()
    assert accounts.target.read(f"{FOLDER}/model.onnx") == ARTIFACT
    release = load_release("prod", accounts.releases)
    assert release == promoted.release
    assert release is not None
    assert (release.version, release.artifact_sha256) == ("v1", SHA256)
    registry = "000000000003.dkr.ecr.eu-central-1.amazonaws.com"
    assert release.image == f"{registry}/plinth-prod/serving@{accounts.digest}"


def test_a_second_run_changes_nothing(accounts: Accounts) -> None:
    first, second = accounts.promote(), accounts.promote()
    assert len(first.copied) == 2
    assert first.changed
    assert second.copied == ()
    assert not second.changed


def test_a_run_that_was_killed_half_way_is_completed(accounts: Accounts) -> None:
    accounts.put(accounts.target, "model.onnx", ARTIFACT)
    promoted = accounts.promote()
    assert promoted.copied == (f"{FOLDER}/manifest.json",)
    assert promoted.changed


def test_an_image_that_was_not_copied_is_refused_with_the_command_that_copies_it(accounts: Accounts) -> None:
    other = "sha256:" + "d" * 64
    accounts.release(image=f"staging.example.org/serving@{other}")
    with pytest.raises(ConfigError, match=f"skopeo copy --preserve-digests .*{other}"):
        accounts.promote()
    assert accounts.untouched()


def test_an_artifact_that_is_not_the_one_that_was_tested_is_refused(accounts: Accounts) -> None:
    accounts.put(accounts.source, "model.onnx", b"another model")
    with pytest.raises(ConfigError, match="what was tested is not what lies there"):
        accounts.promote()
    assert accounts.untouched()


@pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"artifact": {"sha256": 1}}'])
def test_a_manifest_that_does_not_name_the_artifact_is_refused(accounts: Accounts, manifest: bytes) -> None:
    accounts.put(accounts.source, "manifest.json", manifest)
    with pytest.raises(ConfigError, match="its manifest names"):
        accounts.promote()
    assert accounts.untouched()


def test_a_version_that_is_not_complete_is_refused(accounts: Accounts) -> None:
    accounts.release(version="v2", image=f"staging.example.org/serving@{accounts.digest}")
    with pytest.raises(ConfigError, match=r"models/support2-mortality/v2/model\.onnx is not there"):
        accounts.promote()


def test_what_lies_at_the_target_is_never_overwritten(accounts: Accounts) -> None:
    accounts.put(accounts.target, "model.onnx", b"another model")
    with pytest.raises(ConfigError, match="nothing is ever overwritten"):
        accounts.promote()
    assert accounts.target.read(f"{FOLDER}/model.onnx") == b"another model"
    assert accounts.untouched()


def test_credentials_of_another_account_are_refused_before_anything_is_read(accounts: Accounts) -> None:
    with pytest.raises(ConfigError, match="are of the account 000000000003"):
        promote("staging", "prod", (accounts.sessions[1], accounts.sessions[1]), accounts.releases)
    assert accounts.untouched()


def test_a_release_without_an_image_is_refused(accounts: Accounts) -> None:
    accounts.release()
    with pytest.raises(ConfigError, match="no image is named"):
        accounts.promote()


def test_a_model_that_the_target_is_not_for_is_refused(accounts: Accounts) -> None:
    accounts.release(model="another-model", image=f"staging.example.org/serving@{accounts.digest}")
    with pytest.raises(ConfigError, match="prod is for 'support2-mortality'"):
        accounts.promote()


def test_an_environment_that_serves_nothing_has_nothing_to_promote(accounts: Accounts) -> None:
    (accounts.releases / "staging.yaml").unlink()
    with pytest.raises(ConfigError, match="staging serves nothing"):
        accounts.promote()


def test_an_environment_is_not_promoted_to_itself(accounts: Accounts) -> None:
    with pytest.raises(ConfigError, match="Name two environments"):
        promote("staging", "staging", (accounts.sessions[0], accounts.sessions[0]), accounts.releases)


def test_the_command_says_what_comes_next(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(promotion, "promote", lambda *_: accounts.promote())
    assert promotion.main(["staging", "prod"]) == 0
    assert "Commit it, then: pulumi up --stack prod" in capsys.readouterr().out
    assert promotion.main(["staging", "prod"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 changes"


def test_the_command_tells_what_is_refused(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (accounts.releases / "staging.yaml").unlink()
    monkeypatch.setattr(promotion, "promote", lambda *_: accounts.promote())
    assert promotion.main(["staging", "prod"]) == 1
    assert "is refused" in capsys.readouterr().err
