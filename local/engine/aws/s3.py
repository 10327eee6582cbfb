"""Buckets and what is set on them; objects are in `s3_objects`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from local.engine.aws import s3_access, s3_settings
from local.engine.aws.connection import AwsError
from local.engine.aws.resource_type import Aws, ResourceType, Wanted
from local.engine.aws.s3_objects import OBJECT, remove_versions
from local.engine.aws.tagging import URN_TAG, Tagging, Tags, from_pairs, pairs
from local.engine.provider import ProviderError

if TYPE_CHECKING:
    from local.engine.values import Properties

DEFAULT_REGION: Final = "us-east-1"
"""There a bucket is made without a location, and making one's own again is no conflict."""

EMPTYING_ATTEMPTS: Final = 5
"""A bucket of access logs gets more while the buckets that log into it are destroyed beside it."""

HOSTED_ZONES: Final = {
    "eu-central-1": "Z21DNDUVLTQW6Q",
    "eu-north-1": "Z3BAZG2TWCNX0D",
    "eu-west-1": "Z1BKCTXD74EZPE",
    "eu-west-2": "Z3GKZC51ZF0DB4",
    "eu-west-3": "Z3R1K369G5AVDG",
    "us-east-1": "Z3AQBSTGFYJSTF",
    "us-east-2": "Z2O1EMRO9K5GLX",
    "us-west-2": "Z3BJ6K6RIION7M",
}
"""Route 53 zones of the website endpoints, from the AWS General Reference."""


def _create(aws: Aws, wanted: Wanted) -> str:
    bucket = str(wanted["bucket"])
    location: dict[str, Any] | None = {"LocationConstraint": aws.region}
    if aws.region == DEFAULT_REGION:
        location = None
        if aws.find("s3", "head_bucket", Bucket=bucket) is not None:
            raise AwsError(f"The bucket {bucket} exists.", "BucketAlreadyOwnedByYou")
    try:
        aws.call(
            "s3",
            "create_bucket",
            Bucket=bucket,
            CreateBucketConfiguration=location,
            ObjectLockEnabledForBucket=wanted["objectLockEnabled"],
        )
        _write_tags(aws, bucket, {}, wanted.tags)
    except ProviderError as error:
        if not (isinstance(error, AwsError) and error.conflict):
            _take_back(aws, bucket)
        raise
    return bucket


def _take_back(aws: Aws, bucket: str) -> None:
    """Remove a bucket that was made and never tagged: no later run could tell whose it is.

    S3 tags a bucket by a second call. One with a tag, or with anything in it, stays.
    """
    with contextlib.suppress(ProviderError):  # what went wrong before is what is told
        if not _read_tags(aws, bucket, {}):
            aws.attempt("s3", "delete_bucket", Bucket=bucket)


def _read(aws: Aws, identity: str, known: Properties) -> Properties | None:
    head = aws.call("s3", "head_bucket", Bucket=identity)
    region = head.get("BucketRegion") or aws.region
    locked = known.get("objectLockEnabled")
    if locked is None:
        configuration = aws.find("s3", "get_object_lock_configuration", Bucket=identity) or {}
        lock = configuration.get("ObjectLockConfiguration", {})
        locked = lock.get("ObjectLockEnabled") == "Enabled"
    return {
        "arn": aws.arn("s3", identity, region="", account=""),
        "bucket": identity,
        "bucketDomainName": f"{identity}.s3.amazonaws.com",
        "bucketRegion": region,
        "bucketRegionalDomainName": f"{identity}.s3.{region}.amazonaws.com",
        "hostedZoneId": HOSTED_ZONES.get(region),
        "objectLockEnabled": locked,
        "requestPayer": "BucketOwner",
    }


def _delete(aws: Aws, identity: str, known: Properties) -> None:
    forced = bool(known.get("forceDestroy"))
    for _ in range(EMPTYING_ATTEMPTS if forced else 1):
        if forced:
            remove_versions(aws, identity)
        try:
            aws.call("s3", "delete_bucket", Bucket=identity)
        except AwsError as error:
            if error.code != "BucketNotEmpty":
                raise
        else:
            return
    if forced:
        raise ProviderError(
            f"The bucket {identity} was emptied {EMPTYING_ATTEMPTS} times and held objects again each time. "
            "End what writes to it, and destroy again."
        )
    raise ProviderError(
        f"The bucket {identity} holds objects, and forceDestroy is not set, so it is kept. Empty it, "
        "or set forceDestroy to true and bring that up before you destroy it."
    )


def _read_tags(aws: Aws, identity: str, _known: Properties) -> Tags:
    answer = aws.find("s3", "get_bucket_tagging", Bucket=identity) or {}
    return from_pairs(answer.get("TagSet"))


def _write_tags(aws: Aws, identity: str, _known: Properties, tags: Tags) -> None:
    aws.call("s3", "put_bucket_tagging", Bucket=identity, Tagging={"TagSet": pairs(tags) or []})


def _remove_tags(aws: Aws, identity: str, known: Properties, names: list[str]) -> None:
    kept = {name: value for name, value in _read_tags(aws, identity, known).items() if name not in names}
    _write_tags(aws, identity, known, kept)


def _identify(aws: Aws, wanted: Wanted) -> str:
    """The name; an empty bucket without any tag was left between its creation and its first tag."""
    bucket = str(wanted["bucket"])
    if not _read_tags(aws, bucket, {}):
        held = aws.call("s3", "list_object_versions", Bucket=bucket, MaxKeys=1)
        if not held.get("Versions") and not held.get("DeleteMarkers"):
            _write_tags(aws, bucket, {}, {URN_TAG: wanted.tags[URN_TAG]})
    return bucket


BUCKET: Final = ResourceType(
    sdk_type="aws:s3/bucket:Bucket",
    create=_create,
    read=_read,
    delete=_delete,
    replaces=frozenset({"bucket", "bucketPrefix", "bucketNamespace", "objectLockEnabled"}),
    name="bucket",
    name_limit=63,
    lowercase=True,
    defaults={"forceDestroy": False, "objectLockEnabled": False},
    remembers=("forceDestroy",),
    tagging=Tagging(_read_tags, _write_tags, _remove_tags),
    identify=_identify,
    from_arn=lambda _aws, arn: arn.rsplit(":", 1)[-1],
    owns_arn=lambda arn: arn.startswith("arn:") and arn.split(":")[2] == "s3",
)

TYPES = (BUCKET, OBJECT, *s3_access.TYPES, *s3_settings.TYPES)
