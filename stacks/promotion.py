"""Promotion: what one environment serves becomes what another shall serve, by content and not by name.

`python -m stacks.promotion staging prod` copies the artifact and its manifest from bucket to bucket, makes
sure that the target's registry holds the very image, by digest, and then writes the target's release file.
Nothing is trained, built or overwritten; run again, it changes nothing. What it wrote is to be committed, and
`pulumi up` makes it so.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from app.contract import artifact_key, manifest_key
from components.data_stores import BucketRole, bucket_name
from components.tags import Tags
from stacks.account import require_account
from stacks.errors import ConfigError
from stacks.release import RELEASES, Release, load_release
from stacks.settings import load_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stacks.schema import Settings

SERVING = "serving"
MISSING = frozenset({"NoSuchKey", "404"})
ALREADY = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
NO_IMAGE = frozenset({"ImageNotFoundException", "RepositoryNotFoundException"})


class End:
    """One of the two environments, with credentials of its own account."""

    def __init__(self, stack: str, session: boto3.Session) -> None:
        self.stack = stack
        self.settings: Settings = load_file(stack)
        self._session = session
        tags = Tags(self.settings.tags.owner, self.settings.tags.cost_centre, self.settings.environment)
        self.bucket = bucket_name(tags, BucketRole.ARTIFACTS, self.settings.account_id)
        self.repository = f"{tags.prefix}/{SERVING}"

    @property
    def registry(self) -> str:
        """Address of the account's own registry in its Region (Amazon ECR, "Private registry")."""
        return f"{self.settings.account_id}.dkr.ecr.{self.settings.region}.amazonaws.com"

    @cached_property
    def _s3(self) -> Any:  # noqa: ANN401 - the typed client takes no arguments that were put together before
        return self._session.client("s3", region_name=self.settings.region)

    def require_account(self) -> None:
        """Raise ConfigError where the credentials are of another account."""
        require_account(
            self.settings,
            self._session,
            f"The promotion from or to {self.stack}",
            "it would be another's model",
        )

    def read(self, key: str) -> bytes | None:
        """An object of the artifact bucket, None if there is none."""
        try:
            body: bytes = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return None
            raise
        return body

    def create(self, key: str, content: bytes) -> bool:
        """Write an object that isn't there yet; False if one is."""
        try:
            self._s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=content,
                ChecksumSHA256=base64.b64encode(hashlib.sha256(content).digest()).decode(),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in ALREADY:
                return False
            raise
        return True

    def holds_image(self, digest: str) -> bool:
        """Whether the serving repository has an image of exactly this content."""
        ecr = self._session.client("ecr", region_name=self.settings.region)
        try:
            ecr.describe_images(repositoryName=self.repository, imageIds=[{"imageDigest": digest}])
        except ClientError as error:
            if error.response["Error"]["Code"] in NO_IMAGE:
                return False
            raise
        return True


@dataclass(frozen=True)
class Promoted:
    """What came of it.

    Attributes:
        release: what the target's release file now says.
        path: that file.
        copied: objects that were not in the target's bucket before.
        changed: whether the file said something else before.
    """

    release: Release
    path: Path
    copied: tuple[str, ...]
    changed: bool


class Promotion:
    """From one environment to another; everything is checked before anything is written."""

    def __init__(self, source: End, target: End, releases: Path = RELEASES) -> None:
        self._source = source
        self._target = target
        self._releases = releases

    def promote(self) -> Promoted:
        """Do it all.

        Raises:
            ConfigError: something doesn't fit; nothing was written, or only objects that a later run finds.
        """
        if self._source.stack == self._target.stack:
            raise self._refused(f"{self._source.stack} can't be promoted to itself. Name two environments.")
        released, image = self._released()
        self._source.require_account()
        self._target.require_account()
        parts = self._verified_parts(released)
        self._require_image(image)
        copied = tuple(key for key, content in parts.items() if self._copy(key, content))
        digest = image.rpartition("@")[2]
        release = released.model_copy(
            update={"image": f"{self._target.registry}/{self._target.repository}@{digest}"}
        )
        path = self._releases / f"{self._target.stack}.yaml"
        changed = load_release(self._target.stack, self._releases) != release
        if changed:
            fresh = path.with_suffix(".fresh")
            fresh.write_text(yaml.safe_dump(release.model_dump(), sort_keys=False))
            fresh.replace(path)
        return Promoted(release, path, copied, changed)

    def _refused(self, finding: str) -> ConfigError:
        return ConfigError(f"The promotion from {self._source.stack} to {self._target.stack}", [finding])

    def _released(self) -> tuple[Release, str]:
        """What the source serves, and in which image."""
        source = self._source
        release = load_release(source.stack, self._releases)
        if release is None:
            raise self._refused(
                f"{source.stack} serves nothing: no releases/{source.stack}.yaml. Release there first."
            )
        image = release.image or (source.settings.images.serving if source.settings.images else None)
        if image is None:
            raise self._refused(
                f"no image is named, neither by releases/{source.stack}.yaml nor under plinth:images. Name "
                "the one that was tested, by digest."
            )
        if self._target.settings.model_registry is None:
            raise self._refused(
                f"{self._target.stack} has no registry for the image. Add plinth:modelRegistry to its config."
            )
        model = self._target.settings.training.model
        if release.model != model:
            raise self._refused(
                f"{source.stack} serves {release.model!r}, but {self._target.stack} is for {model!r} "
                "(plinth:training.model). Make them equal."
            )
        return release, image

    def _verified_parts(self, release: Release) -> dict[str, bytes]:
        """Artifact and manifest of the source by key, the manifest last, as training writes them."""
        model, version = release.model, release.version
        parts = {}
        for key in (artifact_key(model, version), manifest_key(model, version)):
            content = self._source.read(key)
            if content is None:
                raise self._refused(
                    f"s3://{self._source.bucket}/{key} is not there, so {version} is not complete. "
                    f"Release in {self._source.stack} what its artifact bucket holds."
                )
            parts[key] = content
        artifact, manifest = parts.values()
        found = hashlib.sha256(artifact).hexdigest()
        try:
            recorded = json.loads(manifest)["artifact"]["sha256"]
        except (ValueError, KeyError, TypeError):
            recorded = "nothing that can be read"
        if not found == recorded == release.artifact_sha256:
            raise self._refused(
                f"the artifact of {version} has the SHA-256 {found}, its manifest names {recorded} and "
                f"the release {release.artifact_sha256}; what was tested is not what lies there. Train anew."
            )
        return parts

    def _require_image(self, image: str) -> None:
        name, _, digest = image.rpartition("@")
        if not self._target.holds_image(digest):
            wanted = f"{self._target.registry}/{self._target.repository}"
            raise self._refused(
                f"the repository {self._target.repository} of {self._target.stack} has no image {digest}. "
                "Copy it unchanged, then run this again: skopeo copy --preserve-digests "
                f"docker://{name}@{digest} docker://{wanted}:{digest.removeprefix('sha256:')[:12]}"
            )

    def _copy(self, key: str, content: bytes) -> bool:
        if self._target.create(key, content):
            return True
        if self._target.read(key) != content:
            raise self._refused(
                f"s3://{self._target.bucket}/{key} is there already with other content; nothing is "
                "ever overwritten. Find out who wrote it, and promote another version."
            )
        return False


def promote(
    source: str,
    target: str,
    sessions: tuple[boto3.Session, boto3.Session] | None = None,
    releases: Path = RELEASES,
) -> Promoted:
    """Promote what one environment serves to another.

    Args:
        source: stack whose release was proven.
        target: stack that shall serve the same.
        sessions: credentials of source and target, default: those of the environment for both.
        releases: folder of the release files.

    Raises:
        ConfigError: something doesn't fit, or AWS refuses.
    """
    own, other = sessions or (boto3.Session(), boto3.Session())
    try:
        return Promotion(End(source, own), End(target, other), releases).promote()
    except (ClientError, BotoCoreError) as error:
        raise ConfigError(
            f"The promotion from {source} to {target}",
            [
                (
                    f"AWS refuses: {error}. Log in with roles that may read the artifacts of {source} and "
                    f"write those of {target} (--from-profile, --to-profile), and run it again."
                )
            ],
        ) from error


def main(arguments: Sequence[str]) -> int:
    """Entry of `python -m stacks.promotion`."""
    parser = argparse.ArgumentParser(prog="python -m stacks.promotion", description=__doc__)
    parser.add_argument("source", help="stack whose release was proven")
    parser.add_argument("target", help="stack that shall serve the same")
    parser.add_argument("--from-profile", help="AWS profile of the source's account")
    parser.add_argument("--to-profile", help="AWS profile of the target's account")
    options = parser.parse_args(arguments)
    try:
        sessions = (
            boto3.Session(profile_name=options.from_profile),
            boto3.Session(profile_name=options.to_profile),
        )
        promoted = promote(options.source, options.target, sessions)
    except (ConfigError, BotoCoreError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for key in promoted.copied:
        sys.stdout.write(f"copied {key}\n")
    release = promoted.release
    sys.stdout.write(
        f"{promoted.path.name}: {release.model} {release.version}, artifact {release.artifact_sha256}, "
        f"image {release.image}\n"
    )
    sys.stdout.write(
        f"Commit it, then: pulumi up --stack {options.target}\n" if promoted.changed else "0 changes\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
