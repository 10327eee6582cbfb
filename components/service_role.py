"""A role that an AWS service takes to do one thing for us, and that nobody else's resources can borrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.grants import Grant, document, policy_document
from components.tags import DataClass, Tags

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class ServiceRoleArgs:
    """What the role needs to know.

    Attributes:
        tags: ownership; the environment in it also names the role.
        role: last part of the role's name.
        service: the principal that takes it, such as `backup.amazonaws.com`.
        account_id: only for resources of this account; or the service could be made to act for a stranger.
        grants: all that it may do.
        managed_policy_arns: AWS's own policies, where a service's documentation demands them, default none.
        names_source: whether the service says for whose resource it acts, default True. Only EC2 doesn't; its
            roles are bound by their instance profiles instead (Confused deputy, IAM User Guide).
    """

    tags: Tags
    role: str
    service: str
    account_id: str
    grants: Sequence[Grant] = ()
    managed_policy_arns: Sequence[str] = ()
    names_source: bool = True

    def __post_init__(self) -> None:
        """Refuse a role that can do nothing."""
        if not self.grants and not self.managed_policy_arns:
            raise ValueError(f"The role {self.role} of {self.service} is granted nothing; leave it out.")


class ServiceRole(pulumi.ComponentResource):
    """A role with its policy.

    Attributes:
        arn: the role; known only when its policies are attached.
    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:ServiceRole", name, None, opts)
        role = aws.iam.Role(
            f"{name}-role",
            name=f"{args.tags.prefix}-{args.role}",
            description=f"{args.service} for {args.tags.prefix}",
            assume_role_policy=document(
                [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": args.service},
                        "Action": "sts:AssumeRole",
                        **(
                            {"Condition": {"StringEquals": {"aws:SourceAccount": args.account_id}}}
                            if args.names_source
                            else {}
                        ),
                    }
                ]
            ),
            tags=args.tags.aws("identity", DataClass.INTERNAL),
            opts=pulumi.ResourceOptions(parent=self),
        )
        attached: list[pulumi.Resource] = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{arn.rpartition('/')[2]}",
                role=role.name,
                policy_arn=arn,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for arn in args.managed_policy_arns
        ]
        if args.grants:
            attached.append(
                aws.iam.RolePolicy(
                    f"{name}-grants",
                    name="grants",
                    role=role.name,
                    policy=policy_document(args.grants),
                    opts=pulumi.ResourceOptions(parent=self),
                )
            )
        self.arn = pulumi.Output.all(role.arn, *[policy.urn for policy in attached]).apply(
            lambda values: str(values[0])
        )
        self.register_outputs({"arn": self.arn})
