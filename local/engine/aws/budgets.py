"""Cost budgets with their notifications."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.connection import AwsError
from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted

if TYPE_CHECKING:
    from local.engine.values import Properties

END_OF_TIME: Final = "2087-06-15_00:00"
"""AWS's own end for a budget that has none."""

COST_TYPES: Final = {
    "includeCredit": True,
    "includeDiscount": True,
    "includeOtherSubscription": True,
    "includeRecurring": True,
    "includeRefund": True,
    "includeSubscription": True,
    "includeSupport": True,
    "includeTax": True,
    "includeUpfront": True,
    "useAmortized": False,
    "useBlended": False,
}

PROPERTIES: Final = (
    "budgetType",
    "timeUnit",
    "limitAmount",
    "limitUnit",
    "costFilters",
    "costTypes",
    "timePeriodStart",
    "timePeriodEnd",
)


def _time(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y-%m-%d_%H:%M").replace(tzinfo=dt.UTC)


def _budget(wanted: Wanted, name: str) -> dict[str, Any]:
    budget: dict[str, Any] = {
        "BudgetName": name,
        "BudgetType": wanted["budgetType"],
        "TimeUnit": wanted["timeUnit"],
        "CostFilters": {entry["name"]: entry["values"] for entry in wanted["costFilters"] or []},
    }
    if wanted["limitAmount"]:
        budget["BudgetLimit"] = {"Amount": wanted["limitAmount"], "Unit": wanted["limitUnit"] or "USD"}
    if wanted["costTypes"]:
        budget["CostTypes"] = {own[0].upper() + own[1:]: value for own, value in wanted["costTypes"].items()}
    period = {
        "Start": wanted["timePeriodStart"] and _time(wanted["timePeriodStart"]),
        "End": wanted["timePeriodEnd"] and _time(wanted["timePeriodEnd"]),
    }
    if any(period.values()):
        budget["TimePeriod"] = {name: value for name, value in period.items() if value}
    return budget


def _notification(given: Properties) -> tuple[dict[str, Any], list[dict[str, str]]]:
    notification = {
        "ComparisonOperator": given["comparisonOperator"],
        "NotificationType": given["notificationType"],
        "Threshold": float(given["threshold"]),
        "ThresholdType": given["thresholdType"],
    }
    subscribers = [
        {"SubscriptionType": kind, "Address": address}
        for kind, name in (("EMAIL", "subscriberEmailAddresses"), ("SNS", "subscriberSnsTopicArns"))
        for address in given.get(name) or []
    ]
    return notification, subscribers


def _split(identity: str) -> dict[str, str]:
    account, _, name = identity.partition(":")
    return {"AccountId": account, "BudgetName": name}


def _create(aws: Aws, wanted: Wanted) -> str:
    account, name = wanted["accountId"] or aws.account, str(wanted["name"])
    aws.call("budgets", "create_budget", AccountId=account, Budget=_budget(wanted, name))
    return f"{account}:{name}"


def _put(aws: Aws, identity: str, wanted: Wanted) -> None:
    """Moto has no update: the budget is made again, with its notifications."""
    key = _split(identity)
    aws.attempt("budgets", "delete_budget", **key)
    budget = _budget(wanted, key["BudgetName"])
    aws.call("budgets", "create_budget", AccountId=key["AccountId"], Budget=budget)
    _put_notifications(aws, identity, wanted)


def _notifications(aws: Aws, identity: str) -> list[dict[str, Any]]:
    try:
        answer = aws.find("budgets", "describe_notifications_for_budget", **_split(identity))
    except AwsError:
        return []
    return list((answer or {}).get("Notifications", []))


def _put_notifications(aws: Aws, identity: str, wanted: Wanted) -> None:
    key = _split(identity)
    for present in _notifications(aws, identity):
        members = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
        named = {member: present[member] for member in members}
        aws.attempt("budgets", "delete_notification", **key, Notification=named)
    for given in wanted["notifications"] or []:
        notification, subscribers = _notification(given)
        aws.call("budgets", "create_notification", **key, Notification=notification, Subscribers=subscribers)


def _read(aws: Aws, identity: str, known: Properties) -> Properties | None:
    key = _split(identity)
    answer = aws.find("budgets", "describe_budget", **key)
    if answer is None:
        return None
    budget = answer["Budget"]
    period = budget.get("TimePeriod", {})
    limit = budget.get("BudgetLimit", {})
    types = {
        own: budget.get("CostTypes", {}).get(own[0].upper() + own[1:], value)
        for own, value in COST_TYPES.items()
    }
    return {
        "accountId": key["AccountId"],
        "arn": aws.arn("budgets", f"budget/{key['BudgetName']}", region=""),
        "name": budget["BudgetName"],
        "budgetType": budget["BudgetType"],
        "timeUnit": budget["TimeUnit"],
        "limitAmount": _amount(limit.get("Amount", ""), known),
        "limitUnit": limit.get("Unit", ""),
        "costFilters": [
            {"name": name, "values": values} for name, values in sorted(budget.get("CostFilters", {}).items())
        ],
        "costTypes": types,
        "timePeriodStart": _moment(period.get("Start")),
        "timePeriodEnd": _moment(period.get("End")) or END_OF_TIME,
        "notifications": _told_notifications(aws, identity, known),
    }


def _amount(told: str, known: Properties) -> str:
    """`100` and `100.0` are one amount; the program's spelling stays."""
    asked = str(known.get("limitAmount", ""))
    return asked if asked and told and float(asked) == float(told) else told


def _moment(value: Any) -> str:  # noqa: ANN401 - a time, or none
    return value.astimezone(dt.UTC).strftime("%Y-%m-%d_%H:%M") if isinstance(value, dt.datetime) else ""


def _told_notifications(aws: Aws, identity: str, known: Properties) -> list[Properties]:
    told = []
    for present in _notifications(aws, identity):
        entry: Properties = {
            "comparisonOperator": present["ComparisonOperator"],
            "notificationType": present["NotificationType"],
            "threshold": present["Threshold"],
            "thresholdType": present.get("ThresholdType", "PERCENTAGE"),
        }
        # Moto has no operation that tells the subscribers: those that were asked for stand in.
        asked: Properties = next(
            (one for one in known.get("notifications") or [] if _same_notification(one, entry)), {}
        )
        for name in ("subscriberEmailAddresses", "subscriberSnsTopicArns"):
            if asked.get(name):
                entry[name] = asked[name]
        told.append(entry)
    return told


def _same_notification(one: Properties, other: Properties) -> bool:
    return all(
        one.get(name) == other[name] for name in ("comparisonOperator", "notificationType", "thresholdType")
    ) and float(one.get("threshold", 0)) == float(other["threshold"])


def _delete(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("budgets", "delete_budget", **_split(identity))


TYPES = (
    ResourceType(
        sdk_type="aws:budgets/budget:Budget",
        create=_create,
        read=_read,
        delete=_delete,
        parts=(
            Part(PROPERTIES, _put, at_creation=False),
            Part(("notifications",), _put_notifications),
        ),
        replaces=frozenset({"name", "namePrefix", "accountId"}),
        name="name",
        name_limit=100,
        unordered=frozenset({"notifications", "costFilters"}),
        defaults={"timePeriodEnd": END_OF_TIME},
        identify=lambda aws, wanted: f"{wanted['accountId'] or aws.account}:{wanted['name']}",
        regional=False,
    ),
)
