"""How hard a stateful resource is to lose."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class Durability:
    """What a `pulumi destroy` may do to a resource that holds data.

    Attributes:
        protect: the engine refuses to delete or replace it, and so does the service where it can. Default
            True; without it one mistaken command loses the data.
        retain: a resource that leaves the program, or the stack, stays in the account. Default True.
        force_destroy: a bucket is emptied, all versions included, when it is deleted. Default False; only
            for environments whose data can be made again.
    """

    protect: bool = True
    retain: bool = True
    force_destroy: bool = False

    def __post_init__(self) -> None:
        """Refuse to both keep and throw away."""
        if self.force_destroy and (self.protect or self.retain):
            kept = "protect" if self.protect else "retain"
            raise ValueError(
                f"force_destroy=True contradicts {kept}=True: the first empties a store on deletion, the "
                "second keeps it. Set forceDestroy to false, or protect and retain to false, in plinth:data."
            )

    def options(self, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of the resource that holds the data."""
        return pulumi.ResourceOptions(parent=parent, protect=self.protect, retain_on_delete=self.retain)

    def companion(self, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of what secures it: kept as long as the data, or a kept bucket would stand open."""
        return pulumi.ResourceOptions(parent=parent, retain_on_delete=self.retain)
