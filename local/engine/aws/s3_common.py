"""What all settings of a bucket share: the bucket's name is their id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from local.engine.values import Properties


def setting(  # noqa: PLR0913 - one argument for each thing in which these settings differ
    token: str,
    properties: tuple[str, ...],
    put: Callable[[Aws, str, Wanted], None],
    read: Callable[[Aws, str, Properties], Properties | None],
    delete: Callable[[Aws, str, Properties], None],
    *,
    documents: Iterable[str] = (),
    unordered: Iterable[str] = (),
    defaults: Mapping[str, Any] | None = None,
    remembers: tuple[str, ...] = (),
) -> ResourceType:
    """An entry of the table for a setting that has the bucket's name as its id."""

    def create(aws: Aws, wanted: Wanted) -> str:
        bucket = str(wanted["bucket"])
        put(aws, bucket, wanted)
        return bucket

    def reading(aws: Aws, identity: str, known: Properties) -> Properties | None:
        found = read(aws, identity, known)
        return None if found is None else {"bucket": identity, **found}

    return ResourceType(
        sdk_type=token,
        create=create,
        read=reading,
        delete=delete,
        parts=(Part(properties, put, at_creation=False),),
        replaces=frozenset({"bucket", "expectedBucketOwner"}),
        documents=frozenset(documents),
        unordered=frozenset(unordered),
        defaults=defaults or {},
        remembers=(*remembers, "expectedBucketOwner"),
    )


def deleting(operation: str) -> Callable[[Aws, str, Properties], None]:
    """Removes a setting by an operation that takes the bucket only."""

    def delete(aws: Aws, identity: str, _known: Properties) -> None:
        aws.attempt("s3", operation, Bucket=identity)

    return delete
