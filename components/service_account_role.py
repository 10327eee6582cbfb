"""A role for a service account that somebody else makes: an EKS add-on, or a chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.grants import Grant, document, policy_document
from components.identity import SESSION_SECONDS, trust
from components.tags import DataClass, Tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.web_identity import WebIdentity


@dataclass(frozen=True)
class ServiceAccountRoleArgs:
    """What the role needs to know.

    Attributes:
        tags: ownership; the environment in it also names the role.
        role: last part of the role's name.
        namespace: where the service account is.
        account: its name; no other takes the role.
        web_identity: the cluster's token issuer, as AWS knows it.
        grants: what it may do, beside the managed policies.
        managed_policy_arns: AWS's own policies, where the add-on's documentation demands them, default none.
    """

    tags: Tags
    role: str
    namespace: str
    account: str
    web_identity: WebIdentity
    grants: Sequence[Grant] = ()
    managed_policy_arns: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse a role that can do nothing."""
        if not self.grants and not self.managed_policy_arns:
            raise ValueError(f"The role {self.role} of {self.account} is granted nothing; leave it out.")


class ServiceAccountRole(pulumi.ComponentResource):
    """A role that one service account takes.

    Attributes:
        arn: the role; known only when its policies are attached.
    """

    arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: ServiceAccountRoleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("plinth:index:ServiceAccountRole", name, None, opts)
        role = aws.iam.Role(
            f"{name}-role",
            name=f"{args.tags.prefix}-{args.role}",
            description=f"{args.namespace}/{args.account} of {args.tags.prefix}",
            assume_role_policy=document([trust(args.web_identity, args.namespace, args.account)]),
            max_session_duration=SESSION_SECONDS,
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
