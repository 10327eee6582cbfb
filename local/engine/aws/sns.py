"""Topics, their policies and subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.connection import AwsError
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import by_target, pairs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.engine.values import Properties

TOPIC: Final = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deliveryPolicy": "DeliveryPolicy",
    "displayName": "DisplayName",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
    "signatureVersion": "SignatureVersion",
    "tracingConfig": "TracingConfig",
}
"""Attributes of a topic that can change."""

SUBSCRIPTION: Final = {
    "deliveryPolicy": "DeliveryPolicy",
    "filterPolicy": "FilterPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "rawMessageDelivery": "RawMessageDelivery",
    "redrivePolicy": "RedrivePolicy",
    "subscriptionRoleArn": "SubscriptionRoleArn",
}

MESSAGE_BYTES: Final = 262144


def _text(value: Any) -> str:  # noqa: ANN401 - texts, numbers and flags
    return str(value).lower() if isinstance(value, bool) else str(value)


def _create_topic(aws: Aws, wanted: Wanted) -> str:
    name = str(wanted["name"])
    if aws.find("sns", "get_topic_attributes", TopicArn=aws.arn("sns", name)) is not None:
        raise AwsError(f"The topic {name} exists.", "TopicAlreadyExists")
    attributes = {api: _text(wanted[own]) for own, api in TOPIC.items() if wanted[own] not in (None, "")}
    if wanted["fifoTopic"]:
        attributes["FifoTopic"] = "true"
    made = aws.call("sns", "create_topic", Name=name, Attributes=attributes, Tags=pairs(wanted.tags))
    return str(made["TopicArn"])


def _read_topic(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    answer = aws.find("sns", "get_topic_attributes", TopicArn=identity)
    if answer is None:
        return None
    told = answer["Attributes"]
    return {
        "arn": told["TopicArn"],
        "name": told["TopicArn"].rsplit(":", 1)[-1],
        "owner": told["Owner"],
        "policy": told.get("Policy", ""),
        "displayName": told.get("DisplayName", ""),
        "kmsMasterKeyId": told.get("KmsMasterKeyId", ""),
        "deliveryPolicy": told.get("DeliveryPolicy", ""),
        "fifoTopic": told.get("FifoTopic") == "true",
        "contentBasedDeduplication": told.get("ContentBasedDeduplication") == "true",
        "signatureVersion": int(told.get("SignatureVersion") or 1),
        "tracingConfig": told.get("TracingConfig") or "PassThrough",
        "beginningArchiveTime": told.get("BeginningArchiveTime", ""),
        "fifoThroughputScope": told.get("FifoThroughputScope", ""),
        "maximumMessageSize": int(told.get("MaximumMessageSize") or MESSAGE_BYTES),
    }


def _putting(service_operation: str, target: str, names: Mapping[str, str], own: str) -> Part:
    def put(aws: Aws, identity: str, wanted: Wanted) -> None:
        value = "" if wanted[own] is None else _text(wanted[own])
        aws.call(
            "sns", service_operation, **{target: identity}, AttributeName=names[own], AttributeValue=value
        )

    return Part((own,), put, at_creation=False)


def _delete_topic(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("sns", "delete_topic", TopicArn=identity)


def _check_topic(wanted: Wanted) -> Mapping[str, str]:
    name = wanted["name"]
    if isinstance(name, str) and wanted["fifoTopic"] is True and not name.endswith(".fifo"):
        return {"name": f"name is {name!r}; the name of a FIFO topic ends with `.fifo`."}
    return {}


def _put_policy(aws: Aws, identity: str, wanted: Wanted) -> None:
    policy = wanted["policy"]
    aws.call("sns", "set_topic_attributes", TopicArn=identity, AttributeName="Policy", AttributeValue=policy)


def _create_policy(aws: Aws, wanted: Wanted) -> str:
    _put_policy(aws, str(wanted["arn"]), wanted)
    return str(wanted["arn"])


def _read_policy(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    answer = aws.find("sns", "get_topic_attributes", TopicArn=identity)
    if answer is None:
        return None
    told = answer["Attributes"]
    return {"arn": identity, "policy": told["Policy"], "owner": told["Owner"]}


def _delete_policy(aws: Aws, identity: str, _known: Properties) -> None:
    """SNS has no topic without a policy: back to one by which only the owner may do anything."""
    if aws.find("sns", "get_topic_attributes", TopicArn=identity) is None:
        return
    owner = Wanted({"policy": _owner_only(aws, identity)}, {})
    _put_policy(aws, identity, owner)


def _owner_only(aws: Aws, topic: str) -> str:
    return (
        '{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID",'
        '"Effect":"Allow","Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes",'
        '"SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe",'
        '"SNS:ListSubscriptionsByTopic","SNS:Publish"],'
        f'"Resource":"{topic}","Condition":{{"StringEquals":{{"AWS:SourceOwner":"{aws.account}"}}}}}}]}}'
    )


def _subscribe(aws: Aws, wanted: Wanted) -> str:
    attributes = {
        api: _text(wanted[own]) for own, api in SUBSCRIPTION.items() if wanted[own] not in (None, "")
    }
    made = aws.call(
        "sns",
        "subscribe",
        TopicArn=wanted["topic"],
        Protocol=wanted["protocol"],
        Endpoint=wanted["endpoint"],
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )
    return str(made["SubscriptionArn"])


def _read_subscription(aws: Aws, identity: str, _known: Properties) -> Properties | None:
    answer = aws.find("sns", "get_subscription_attributes", SubscriptionArn=identity)
    if answer is None:
        return None
    told = answer["Attributes"]
    return {
        "arn": identity,
        "topic": told["TopicArn"],
        "protocol": told["Protocol"],
        "endpoint": told["Endpoint"],
        "ownerId": told["Owner"],
        "pendingConfirmation": told.get("PendingConfirmation") == "true",
        "confirmationWasAuthenticated": told.get("ConfirmationWasAuthenticated") == "true",
        "filterPolicyScope": told.get("FilterPolicyScope") or "MessageAttributes",
        "rawMessageDelivery": told.get("RawMessageDelivery") == "true",
        **{
            own: told.get(SUBSCRIPTION[own], "")
            for own in ("filterPolicy", "redrivePolicy", "deliveryPolicy", "subscriptionRoleArn")
        },
    }


def _unsubscribe(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("sns", "unsubscribe", SubscriptionArn=identity)


TYPES = (
    ResourceType(
        sdk_type="aws:sns/topic:Topic",
        create=_create_topic,
        read=_read_topic,
        delete=_delete_topic,
        parts=tuple(_putting("set_topic_attributes", "TopicArn", TOPIC, own) for own in TOPIC),
        replaces=frozenset({"name", "namePrefix", "fifoTopic"}),
        name="name",
        name_limit=256,
        documents=frozenset({"policy", "deliveryPolicy"}),
        defaults={"fifoTopic": False, "contentBasedDeduplication": False},
        tagging=by_target("sns", "ResourceArn"),
        identify=lambda aws, wanted: aws.arn("sns", str(wanted["name"])),
        from_arn=lambda _aws, arn: arn,
        owns_arn=lambda arn: ":sns:" in arn,
        check=_check_topic,
    ),
    ResourceType(
        sdk_type="aws:sns/topicPolicy:TopicPolicy",
        create=_create_policy,
        read=_read_policy,
        delete=_delete_policy,
        parts=(Part(("policy",), _put_policy, at_creation=False),),
        replaces=frozenset({"arn"}),
        documents=frozenset({"policy"}),
    ),
    ResourceType(
        sdk_type="aws:sns/topicSubscription:TopicSubscription",
        create=_subscribe,
        read=_read_subscription,
        delete=_unsubscribe,
        parts=tuple(
            _putting("set_subscription_attributes", "SubscriptionArn", SUBSCRIPTION, own)
            for own in SUBSCRIPTION
        ),
        replaces=frozenset({"topic", "protocol", "endpoint"}),
        documents=frozenset({"filterPolicy", "redrivePolicy", "deliveryPolicy"}),
        defaults={
            "rawMessageDelivery": False,
            "endpointAutoConfirms": False,
            "confirmationTimeoutInMinutes": 1,
        },
        remembers=("endpointAutoConfirms", "confirmationTimeoutInMinutes"),
    ),
)
