"""A release changes what serves, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.plan import Step

SERVICE = "plinth:index:InferenceService"
"""The component whose resources a release may change."""


def refuse_strangers(found: Iterable[Step]) -> None:
    """Refuse a plan that touches more than the inference service's own resources.

    Raises:
        LocalError: names each step that is none of a release's business.
    """
    strangers = [step for step in found if SERVICE not in (step.type, *step.parents)]
    if strangers:
        lines = "\n".join(f"  {step}" for step in strangers)
        raise LocalError(
            f"The release was refused, and nothing was changed. It would also:\n{lines}\n"
            "A release changes only what belongs to the inference service. Something else in the config or "
            "in the world is not as it was: look at it with `make drift`, apply it by itself with `make up`, "
            "then release."
        )
