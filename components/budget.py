"""What an environment may cost a month, and who hears of it before it is spent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.tags import DataClass, Tags

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPONENT = "budget"

MOST_NOTIFICATIONS = 5
"""Of one budget (Quotas, AWS Budgets)."""


@dataclass(frozen=True)
class BudgetArgs:
    """What the budget needs to know.

    Attributes:
        tags: ownership; costs are counted by the tag `environment`, which has to be activated as a cost
            allocation tag once in the account.
        monthly_usd: US dollars a month, more than 0.
        emails: who is told, at least one.
        actual_percent: shares of the budget that, once spent, are reported, default 50, 80 and 100.
        forecast_percent: share that, once foreseen, is reported, default 100.
    """

    tags: Tags
    monthly_usd: float
    emails: Sequence[str]
    actual_percent: Sequence[int] = (50, 80, 100)
    forecast_percent: int = 100

    def __post_init__(self) -> None:
        """Refuse a budget that nobody hears of."""
        if self.monthly_usd <= 0:
            raise ValueError(
                f"The monthly budget is {self.monthly_usd} USD; it has to be more than 0. Change "
                "monthlyUsd in plinth:budget."
            )
        if not self.emails:
            raise ValueError(
                "The budget has no emails, so nobody would hear of it. Name one in plinth:budget."
            )
        if len(self.actual_percent) >= MOST_NOTIFICATIONS:
            raise ValueError(
                f"The budget reports {len(self.actual_percent)} shares and a forecast; AWS takes "
                f"{MOST_NOTIFICATIONS} in all. Report fewer."
            )


class Budget(pulumi.ComponentResource):
    """A monthly cost budget.

    Attributes:
        budget_name: its name in the account.
    """

    budget_name: pulumi.Output[str]

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Budget", name, None, opts)
        budget = aws.budgets.Budget(
            f"{name}-monthly",
            name=f"{args.tags.prefix}-monthly",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{args.monthly_usd:.2f}",
            limit_unit="USD",
            cost_filters=[
                aws.budgets.BudgetCostFilterArgs(
                    name="TagKeyValue", values=[f"user:environment${args.tags.environment}"]
                )
            ],
            notifications=[
                *(_notification("ACTUAL", share, args.emails) for share in args.actual_percent),
                _notification("FORECASTED", args.forecast_percent, args.emails),
            ],
            tags=args.tags.aws(COMPONENT, DataClass.INTERNAL),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.budget_name = budget.name
        self.register_outputs({"budget_name": self.budget_name})


def _notification(kind: str, percent: int, emails: Sequence[str]) -> aws.budgets.BudgetNotificationArgs:
    return aws.budgets.BudgetNotificationArgs(
        comparison_operator="GREATER_THAN",
        notification_type=kind,
        threshold=percent,
        threshold_type="PERCENTAGE",
        subscriber_email_addresses=list(emails),
    )
