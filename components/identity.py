"""Who a workload is, in the cluster and in AWS: a service account, and a role with exactly its grants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.grants import Grant, document, policy_document
from components.tags import DataClass, Tags
from components.web_identity import TOKEN_AUDIENCE, WebIdentity

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPONENT = "identity"

SESSION_SECONDS = 3600
"""The shortest session that IAM allows a role; the SDKs renew it by themselves."""


@dataclass(frozen=True)
class IdentityArgs:
    """What a workload's identity needs to know.

    Attributes:
        tags: ownership; the environment in it also names the role.
        workload: name of the workload, lower case; also the service account's and the role's last part.
        namespace: where the workload runs; a token from any other namespace is refused.
        web_identity: the cluster's token issuer, as AWS knows it.
        grants: everything that the workload may do in AWS; none is allowed beyond them.
    """

    tags: Tags
    workload: str
    namespace: pulumi.Input[str]
    web_identity: WebIdentity
    grants: Sequence[Grant]


class Identity(pulumi.ComponentResource):
    """A service account that may take one role.

    Attributes:
        role_arn: the role; known only when its policy is attached.
        service_account_name: the service account that pods of the workload use.
    """

    role_arn: pulumi.Output[str]
    service_account_name: pulumi.Output[str]

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:Identity", name, None, opts)
        self._prefix = name
        self._args = args
        account = self._create_service_account()
        role = self._create_role()
        policy = self._create_policy(role)
        self.service_account_name = account.metadata.name
        self.role_arn = pulumi.Output.all(role.arn, policy.id).apply(lambda values: str(values[0]))
        self.register_outputs({"role_arn": self.role_arn, "service_account_name": self.service_account_name})

    def _create_service_account(self) -> kubernetes.core.v1.ServiceAccount:
        args = self._args
        return kubernetes.core.v1.ServiceAccount(
            f"{self._prefix}-account",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=args.workload, namespace=args.namespace, labels=args.tags.kubernetes(COMPONENT)
            ),
            # No workload calls the Kubernetes API; the token for AWS is projected by the pod itself.
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_role(self) -> aws.iam.Role:
        args = self._args
        return aws.iam.Role(
            f"{self._prefix}-role",
            name=f"{args.tags.prefix}-{args.workload}",
            description=f"{args.workload} of {args.tags.prefix}: {', '.join(g.purpose for g in args.grants)}",
            assume_role_policy=document([trust(args.web_identity, args.namespace, args.workload)]),
            max_session_duration=SESSION_SECONDS,
            tags=args.tags.aws(COMPONENT, DataClass.INTERNAL),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _create_policy(self, role: aws.iam.Role) -> aws.iam.RolePolicy:
        return aws.iam.RolePolicy(
            f"{self._prefix}-grants",
            name="grants",
            role=role.name,
            policy=policy_document(self._args.grants),
            opts=pulumi.ResourceOptions(parent=self),
        )


def trust(web_identity: WebIdentity, namespace: pulumi.Input[str], account: str) -> dict[str, Any]:
    """Statement by which exactly one service account of one cluster may take the role."""
    subject = pulumi.Output.concat("system:serviceaccount:", namespace, ":", account)
    demanded = pulumi.Output.all(web_identity.issuer, subject).apply(
        lambda known: {f"{known[0]}:sub": known[1], f"{known[0]}:aud": TOKEN_AUDIENCE}
    )
    return {
        "Effect": "Allow",
        "Principal": {"Federated": web_identity.provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": demanded},
    }
