"""`make cost STACK=...`: what an environment would cost in a month, against its budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.cost import estimate, load
from local.errors import LocalError
from local.rehearsal.rehearsal import rehearsing

if TYPE_CHECKING:
    from local.progress import Progress


def cost(stack: str, progress: Progress) -> None:
    """Plan the whole environment by the real engine, price what it would make, and compare with the budget.

    Raises:
        LocalError: there is no plan, or no price.
    """
    with rehearsing(stack, progress) as rehearsal:
        with progress.step("plan every resource"):
            preview = rehearsal.preview()
        if preview.status != 0:
            raise LocalError(f"{stack} can't be planned:\n{preview.output[-4000:]}")
        region = rehearsal.project.surroundings().region
        budget = (rehearsal.project.config().get("plinth:budget") or {}).get("monthlyUsd")
    found = estimate(preview.plan, region, load())
    for item in found.items:
        progress.say(f"{item.usd:10.2f} USD  {item.what}")
    progress.say(f"{found.usd:10.2f} USD  a month in {region}, estimated")
    table = found.table
    checked = "checked" if table["checked"] else "not checked since; check it before you rely on it"
    progress.say(f"prices: {table['source']}, as of {table['date']}, {checked}")
    progress.say(
        "assumed: "
        + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in table["assumptions"].items())
    )
    progress.say(
        "left out: data transfer, requests beyond the assumed ones, support, tax, discounts, free tiers"
    )
    for kind, count in found.unpriced.items():
        progress.say(f"warning: not priced: {count} of {kind}")
    if budget is None:
        progress.say("there is no plinth:budget to compare with")
    elif found.usd > float(budget):
        progress.say(
            f"warning: {found.usd:.0f} USD is over the budget of {float(budget):.0f} USD "
            "(plinth:budget.monthlyUsd)"
        )
    else:
        progress.say(f"within the budget of {float(budget):.0f} USD (plinth:budget.monthlyUsd)")
