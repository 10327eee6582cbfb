"""Queues and their policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.connection import AwsError
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import by_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.values import Properties

NUMBERS: Final = {
    "delaySeconds": 0,
    "kmsDataKeyReusePeriodSeconds": 300,
    "maxMessageSize": 262144,
    "messageRetentionSeconds": 345600,
    "receiveWaitTimeSeconds": 0,
    "visibilityTimeoutSeconds": 30,
}
"""Attributes that are numbers, with the values that SQS gives them."""

UNTOLD: Final = frozenset({"redriveAllowPolicy"})
"""Attributes that moto takes and never tells: what was asked is all there is to go by."""

FLAGS: Final = ("contentBasedDeduplication", "sqsManagedSseEnabled")
TEXTS: Final = ("kmsMasterKeyId", "policy", "redrivePolicy", "redriveAllowPolicy")
FIFO_ONLY: Final = ("contentBasedDeduplication", "deduplicationScope", "fifoThroughputLimit")
NAMES: Final = {
    **{name: name[0].upper() + name[1:] for name in (*NUMBERS, *FLAGS, *TEXTS, *FIFO_ONLY)},
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}


def _text(value: Any) -> str:  # noqa: ANN401 - texts, numbers and flags
    return str(value).lower() if isinstance(value, bool) else str(value)


def _create(aws: Aws, wanted: Wanted) -> str:
    name = str(wanted["name"])
    if aws.find("sqs", "get_queue_url", QueueName=name) is not None:
        raise AwsError(f"The queue {name} exists.", "QueueAlreadyExists")
    given = {own: wanted[own] for own in NAMES if wanted[own] not in (None, "")}
    attributes = {NAMES[own]: _text(value) for own, value in {**NUMBERS, **given}.items()}
    if wanted["fifoQueue"]:
        attributes["FifoQueue"] = "true"
    made = aws.call("sqs", "create_queue", QueueName=name, Attributes=attributes, tags=wanted.tags)
    return str(made["QueueUrl"])


def _attributes(aws: Aws, identity: str) -> dict[str, str] | None:
    answer = aws.find("sqs", "get_queue_attributes", QueueUrl=identity, AttributeNames=["All"])
    return None if answer is None else dict(answer.get("Attributes", {}))


def _read(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    told = _attributes(aws, identity)
    if told is None:
        return None
    fifo = told.get("FifoQueue") == "true"
    return {
        "arn": told["QueueArn"],
        "url": identity,
        "name": told["QueueArn"].rsplit(":", 1)[-1],
        "fifoQueue": fifo,
        **{own: int(told.get(NAMES[own], value)) for own, value in NUMBERS.items()},
        **{own: told.get(NAMES[own], "") for own in TEXTS},
        "sqsManagedSseEnabled": told.get("SqsManagedSseEnabled") == "true",
        "contentBasedDeduplication": told.get("ContentBasedDeduplication") == "true",
        "deduplicationScope": told.get("DeduplicationScope", ""),
        "fifoThroughputLimit": told.get("FifoThroughputLimit", ""),
    }


def _put(aws: Aws, identity: str, wanted: Wanted) -> None:
    given = {own: wanted[own] for own in NAMES if wanted["fifoQueue"] or own not in FIFO_ONLY}
    attributes = {
        NAMES[own]: _text(NUMBERS.get(own, "") if value is None else value)
        for own, value in given.items()
        if value is not None or own in {*NUMBERS, "kmsMasterKeyId"}
    }
    _set(aws, identity, attributes)


def _set(aws: Aws, identity: str, attributes: dict[str, str]) -> None:
    """Set attributes and keep the policy, which moto drops at every call that doesn't name it."""
    if "Policy" not in attributes:
        policy = (_attributes(aws, identity) or {}).get("Policy")
        attributes = {**attributes, **({"Policy": policy} if policy else {})}
    aws.call("sqs", "set_queue_attributes", QueueUrl=identity, Attributes=attributes)


def _delete(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("sqs", "delete_queue", QueueUrl=identity)


def _check(wanted: Wanted) -> Mapping[str, str]:
    name = wanted["name"]
    if isinstance(name, str) and wanted["fifoQueue"] is True and not name.endswith(".fifo"):
        return {"name": f"name is {name!r}; the name of a FIFO queue ends with `.fifo`."}
    if wanted["kmsMasterKeyId"] and wanted["sqsManagedSseEnabled"] is True:
        return {
            "sqsManagedSseEnabled": "A queue is encrypted by kmsMasterKeyId or by SQS's own keys, not both."
        }
    return {}


def _attribute_of_queue(sdk_type: str, own: str) -> ResourceType:
    """A type that sets one attribute of a queue, and has the queue's URL as its id."""
    name = NAMES[own]

    def put(aws: Aws, identity: str, wanted: Wanted) -> None:
        _set(aws, identity, {name: wanted[own]})

    def create(aws: Aws, wanted: Wanted) -> str:
        put(aws, str(wanted["queueUrl"]), wanted)
        return str(wanted["queueUrl"])

    def read(aws: Aws, identity: str, known: Properties) -> Properties | None:
        told = _attributes(aws, identity)
        if told is None:
            return None
        value = told.get(name) or (known.get(own) if own in UNTOLD else None)
        return {"queueUrl": identity, own: value} if value else None

    def delete(aws: Aws, identity: str, _known: Properties) -> None:
        if _attributes(aws, identity) is not None:
            _set(aws, identity, {name: ""})

    return ResourceType(
        sdk_type=sdk_type,
        create=create,
        read=read,
        delete=delete,
        parts=(Part((own,), put, at_creation=False),),
        replaces=frozenset({"queueUrl"}),
        documents=frozenset({own}),
    )


TYPES = (
    ResourceType(
        sdk_type="aws:sqs/queue:Queue",
        create=_create,
        read=_read,
        delete=_delete,
        parts=(Part(tuple(NAMES), _put, at_creation=False),),
        replaces=frozenset({"name", "namePrefix", "fifoQueue"}),
        name="name",
        name_limit=80,
        documents=frozenset({"policy", "redrivePolicy", "redriveAllowPolicy"}),
        defaults={**NUMBERS, "fifoQueue": False, "contentBasedDeduplication": False},
        tagging=by_target(
            "sqs",
            "QueueUrl",
            of=lambda identity, _known: identity,
            read="list_queue_tags",
            write="tag_queue",
            remove="untag_queue",
            mapping=True,
        ),
        identify=lambda aws, wanted: str(
            aws.call("sqs", "get_queue_url", QueueName=wanted["name"])["QueueUrl"]
        ),
        from_arn=lambda aws, arn: str(
            aws.call("sqs", "get_queue_url", QueueName=arn.rsplit(":", 1)[-1])["QueueUrl"]
        ),
        owns_arn=lambda arn: ":sqs:" in arn,
        check=_check,
    ),
    _attribute_of_queue("aws:sqs/queuePolicy:QueuePolicy", "policy"),
    _attribute_of_queue("aws:sqs/redrivePolicy:RedrivePolicy", "redrivePolicy"),
    _attribute_of_queue("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "redriveAllowPolicy"),
)
