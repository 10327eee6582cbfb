"""Objects in buckets, whose content comes from a file, a text or bytes."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import Tagging, Tags, from_pairs, pairs
from local.engine.provider import ProviderError
from local.engine.values import Archive, Asset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.engine.values import Properties

BATCH: Final = 1000
"""Objects that one call may delete."""

PARAMETERS: Final = {
    "acl": "ACL",
    "bucketKeyEnabled": "BucketKeyEnabled",
    "cacheControl": "CacheControl",
    "checksumAlgorithm": "ChecksumAlgorithm",
    "contentDisposition": "ContentDisposition",
    "contentEncoding": "ContentEncoding",
    "contentLanguage": "ContentLanguage",
    "contentType": "ContentType",
    "kmsKeyId": "SSEKMSKeyId",
    "metadata": "Metadata",
    "objectLockLegalHoldStatus": "ObjectLockLegalHoldStatus",
    "objectLockMode": "ObjectLockMode",
    "objectLockRetainUntilDate": "ObjectLockRetainUntilDate",
    "serverSideEncryption": "ServerSideEncryption",
    "storageClass": "StorageClass",
    "websiteRedirect": "WebsiteRedirectLocation",
}
"""Inputs with the parameter of `put_object` that each becomes."""

CONTENT: Final = ("source", "content", "contentBase64", "sourceHash", "etag")

TOLD: Final = {
    "cacheControl": "CacheControl",
    "contentDisposition": "ContentDisposition",
    "contentEncoding": "ContentEncoding",
    "contentLanguage": "ContentLanguage",
    "contentType": "ContentType",
    "kmsKeyId": "SSEKMSKeyId",
    "objectLockLegalHoldStatus": "ObjectLockLegalHoldStatus",
    "objectLockMode": "ObjectLockMode",
    "serverSideEncryption": "ServerSideEncryption",
    "websiteRedirect": "WebsiteRedirectLocation",
}
"""Outputs with the member of `head_object` that tells each."""


@contextmanager
def _body(wanted: Wanted) -> Iterator[IO[bytes] | bytes]:
    source = wanted["source"]
    if isinstance(source, Archive) or (isinstance(source, Asset) and source.uri):
        raise ProviderError("The aws stand-in uploads files and texts; archives and addresses it does not.")
    if isinstance(source, Asset) and source.path is not None:
        try:
            with Path(source.path).open("rb") as file:
                yield file
        except FileNotFoundError as error:
            raise ProviderError(f"The file {source.path}, to be uploaded, is not there.") from error
    elif isinstance(source, Asset):
        yield (source.text or "").encode()
    elif isinstance(source, str):
        yield Path(source).read_bytes()
    elif wanted["contentBase64"] is not None:
        yield base64.b64decode(wanted["contentBase64"])
    else:
        yield (wanted["content"] or "").encode()


def _put(aws: Aws, _identity: str, wanted: Wanted) -> None:
    parameters: dict[str, Any] = {api: wanted[own] for own, api in PARAMETERS.items()}
    if parameters["SSEKMSKeyId"] and not parameters["ServerSideEncryption"]:
        parameters["ServerSideEncryption"] = "aws:kms"
    with _body(wanted) as body:
        aws.call(
            "s3",
            "put_object",
            Bucket=wanted["bucket"],
            Key=wanted["key"],
            Body=body,
            Tagging=urlencode(wanted.tags) if wanted.tags else None,
            **parameters,
        )


def _create(aws: Aws, wanted: Wanted) -> str:
    _put(aws, "", wanted)
    return f"{wanted['bucket']}/{wanted['key']}"


def _read(aws: Aws, identity: str, known: Properties) -> Properties | None:
    bucket, _, key = identity.partition("/")
    head = aws.find("s3", "head_object", Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    if head is None:
        return None
    etag = head["ETag"].strip('"')
    told: Properties = {own: head.get(api) for own, api in TOLD.items()}
    told |= {
        "arn": aws.arn("s3", f"{bucket}/{key}", region="", account=""),
        "bucket": bucket,
        "key": key,
        "etag": etag,
        "versionId": head.get("VersionId") or "",
        "bucketKeyEnabled": head.get("BucketKeyEnabled", False),
        "metadata": head.get("Metadata") or None,
        "storageClass": head.get("StorageClass") or "STANDARD",
        "checksumSha256": head.get("ChecksumSHA256") or "",
        "checksumCrc32": head.get("ChecksumCRC32") or "",
        "checksumCrc32c": head.get("ChecksumCRC32C") or "",
        "checksumCrc64nvme": head.get("ChecksumCRC64NVME") or "",
        "checksumSha1": head.get("ChecksumSHA1") or "",
    }
    if known.get("etag") not in (None, etag):
        # Somebody wrote other content: what was asked for is no longer there.
        told |= {"source": None, "content": None, "contentBase64": None}
    if str(known.get("kmsKeyId", "")).rsplit("/", 1)[-1] == str(told["kmsKeyId"] or "").rsplit("/", 1)[-1]:
        told["kmsKeyId"] = known.get("kmsKeyId")
    return told


def _delete(aws: Aws, identity: str, known: Properties) -> None:
    bucket, _, key = identity.partition("/")
    remove_versions(aws, bucket, key=key, bypass=bool(known.get("forceDestroy")))


def remove_versions(aws: Aws, bucket: str, *, key: str | None = None, bypass: bool = True) -> None:
    """Delete every version and mark of one key, or of all keys.

    Raises:
        ProviderError: some version can't be deleted, for instance because it is locked.
    """
    marker: dict[str, str] = {}
    while True:
        page = aws.find("s3", "list_object_versions", Bucket=bucket, Prefix=key, MaxKeys=BATCH, **marker)
        if page is None:
            return
        doomed = [
            {"Key": version["Key"], "VersionId": version["VersionId"]}
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if key is None or version["Key"] == key
        ]
        if doomed:
            answer = aws.call(
                "s3",
                "delete_objects",
                Bucket=bucket,
                Delete={"Objects": doomed, "Quiet": True},
                BypassGovernanceRetention=True if bypass else None,
            )
            for failure in answer.get("Errors", []):
                reason = failure.get("Message", failure["Code"])
                raise ProviderError(f"s3://{bucket}/{failure['Key']} can't be deleted: {reason}")
        if not page.get("IsTruncated"):
            return
        if doomed:
            marker = {}  # from the start: the emulator finds no page after a version that is gone
            continue
        marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}


def _read_tags(aws: Aws, identity: str, _known: Properties) -> Tags:
    bucket, _, key = identity.partition("/")
    return from_pairs(aws.call("s3", "get_object_tagging", Bucket=bucket, Key=key).get("TagSet"))


def _write_tags(aws: Aws, identity: str, _known: Properties, tags: Tags) -> None:
    bucket, _, key = identity.partition("/")
    aws.call("s3", "put_object_tagging", Bucket=bucket, Key=key, Tagging={"TagSet": pairs(tags) or []})


def _remove_tags(aws: Aws, identity: str, known: Properties, names: list[str]) -> None:
    kept = {name: value for name, value in _read_tags(aws, identity, known).items() if name not in names}
    _write_tags(aws, identity, known, kept)


def _check(wanted: Wanted) -> Mapping[str, str]:
    given = [name for name in ("source", "content", "contentBase64") if wanted[name] is not None]
    if len(given) > 1:
        return {given[1]: f"{' and '.join(given)} are given; an object has one content."}
    return {}


OBJECT: Final = ResourceType(
    sdk_type="aws:s3/bucketObjectv2:BucketObjectv2",
    create=_create,
    read=_read,
    delete=_delete,
    parts=(Part((*CONTENT, *PARAMETERS), _put, at_creation=False),),
    replaces=frozenset({"bucket", "key"}),
    name="key",
    name_limit=255,
    defaults={"forceDestroy": False},
    remembers=(
        "source",
        "content",
        "contentBase64",
        "sourceHash",
        "acl",
        "checksumAlgorithm",
        "forceDestroy",
        "objectLockRetainUntilDate",
    ),
    tagging=Tagging(_read_tags, _write_tags, _remove_tags, marks=False),
)
