"""Managed Kubernetes: private, supported, encrypted, logged; nodes without SSH and with IMDSv2 only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.build import (
    IS_ABSENT,
    IS_FALSE,
    IS_TRUE,
    equals,
    is_own_key,
    property_rule,
    resource_rule,
    stack_rule,
)
from policies.core.privileges import ONE_ROLE
from policies.core.rules import REQUIRED, Context, Problem, Rule, Setting, Severity, Topic
from policies.core.values import UNKNOWN, UndecidedError, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

CLUSTER: Final = "aws:eks/cluster:Cluster"
NODES: Final = "aws:eks/nodeGroup:NodeGroup"
ACCESS: Final = "aws:eks/accessEntry:AccessEntry"
TEMPLATE: Final = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE: Final = "aws:ec2/instance:Instance"
LOG_TYPES: Final = frozenset({"api", "audit", "authenticator", "controllerManager", "scheduler"})
SUPPORTED: Final = ("1.33", "1.34", "1.35", "1.36")
"""Minor versions in standard support by AWS (EKS release calendar), until the config says otherwise."""


def _encrypts_secrets(cluster: Resource, _context: Context) -> Iterator[Problem]:
    view = cluster.at("encryptionConfig")
    if "secrets" not in view.at("resources").texts() or not is_own_key(view.at("provider", "keyArn")):
        yield Problem(view.path, show(view.value))


def _logs_everything(cluster: Resource, _context: Context) -> Iterator[Problem]:
    view = cluster.at("enabledClusterLogTypes")
    missing = LOG_TYPES - set(view.texts())
    if missing:
        yield Problem(view.path, show(view.value), f"Add {', '.join(sorted(missing))}.")


def _supported(cluster: Resource, context: Context) -> Iterator[Problem]:
    view = cluster.at("version")
    if view.text() not in context.names("versions"):
        yield Problem(view.path, show(view.value), f"Choose one of {', '.join(context.names('versions'))}.")


def _metadata(holder: Resource, _context: Context) -> Iterator[Problem]:
    options = holder.at("metadataOptions")
    if options.at("httpTokens").text() != "required":
        yield Problem(
            options.at("httpTokens").path, show(options.at("httpTokens").value), "Set it to required."
        )
    if options.at("httpPutResponseHopLimit").number() != 1:
        hops = options.at("httpPutResponseHopLimit")
        yield Problem(
            hops.path, show(hops.value), "Set it to 1, so that no pod reaches the node's credentials."
        )


def _disks(template: Resource, _context: Context) -> Iterator[Problem]:
    disks = [mapping.at("ebs") for mapping in template.at("blockDeviceMappings").items()]
    if not disks:
        yield Problem("blockDeviceMappings", "absent: whatever the image and the account say")
    for disk in disks:
        encrypted, key = disk.at("encrypted"), disk.at("kmsKeyId")
        if encrypted.known() not in (True, "true"):
            yield Problem(encrypted.path, show(encrypted.value), "Set it to true.")
        if not is_own_key(key):
            yield Problem(key.path, show(key.value), "Name a KMS key of ours.")


def _uses_a_template(nodes: Resource, context: Context) -> Iterator[Problem]:
    for key in ("id", "name"):
        view = nodes.at("launchTemplate", key)
        if view.value is UNKNOWN and set(nodes.depends.get("launchTemplate", ())) & {
            template.urn for template in context.stack.of(TEMPLATE)
        }:
            return
        if view.value is UNKNOWN:
            raise UndecidedError(view.path)
        if view.text() and context.stack.named((TEMPLATE,), view.text() or ""):
            return
    yield Problem("launchTemplate", show(nodes.at("launchTemplate").value))


def _named_principal(entry: Resource, _context: Context) -> Iterator[Problem]:
    principal = entry.at("principalArn")
    if not ONE_ROLE.fullmatch(principal.text() or ""):
        yield Problem(principal.path, show(principal.value), "Name one role.")
    groups = entry.at("kubernetesGroups")
    if any(group.startswith("system:") for group in groups.texts()):
        yield Problem(groups.path, show(groups.value), "Use groups of your own.")


RULES: Final[tuple[Rule, ...]] = (
    resource_rule(
        "eks-node-disks",
        (TEMPLATE,),
        _disks,
        title="The disks of nodes are encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.HIGH,
        public_ids=("EC2.3", "CKV_AWS_3", "CKV_AWS_189"),
        remediation="Set ebs.encrypted to true and ebs.kmsKeyId to a key of ours for every disk.",
    ),
    property_rule(
        "eks-deletion-protection",
        (CLUSTER,),
        ("deletionProtection",),
        IS_TRUE,
        title="The cluster is protected from deletion",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        remediation="Set deletionProtection to true.",
        settings=REQUIRED,
    ),
    resource_rule(
        "eks-named-access",
        (ACCESS,),
        _named_principal,
        title="Access to the cluster belongs to named roles, none of them Kubernetes' own superuser",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        remediation="Name a role in principalArn, and no group that begins with system:.",
    ),
    property_rule(
        "eks-no-public-endpoint",
        (CLUSTER,),
        ("vpcConfig", "endpointPublicAccess"),
        IS_FALSE,
        title="The cluster's API can't be reached from outside",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("EKS.1", "CKV_AWS_38", "CKV_AWS_39"),
        remediation="Set vpcConfig.endpointPublicAccess to false.",
    ),
    property_rule(
        "eks-private-endpoint",
        (CLUSTER,),
        ("vpcConfig", "endpointPrivateAccess"),
        IS_TRUE,
        title="The cluster's API answers inside the network",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("EKS.1",),
        remediation="Set vpcConfig.endpointPrivateAccess to true.",
    ),
    resource_rule(
        "eks-supported-version",
        (CLUSTER,),
        _supported,
        title="The cluster runs a version in standard support",
        topic=Topic.HARDENING,
        severity=Severity.HIGH,
        public_ids=("EKS.2", "CKV_AWS_339"),
        remediation="Upgrade the cluster, one minor version at a time.",
        settings={"versions": Setting(SUPPORTED, "minor versions in standard support")},
    ),
    resource_rule(
        "eks-secrets-encrypted",
        (CLUSTER,),
        _encrypts_secrets,
        title="Kubernetes secrets are encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.HIGH,
        public_ids=("EKS.3", "CKV_AWS_58"),
        remediation="Set encryptionConfig with resources [secrets] and a key of ours.",
    ),
    resource_rule(
        "eks-logs",
        (CLUSTER,),
        _logs_everything,
        title="The control plane logs everything it can",
        topic=Topic.AUDIT,
        severity=Severity.MEDIUM,
        public_ids=("EKS.8", "CKV_AWS_37"),
        remediation="Enable all five log types.",
    ),
    property_rule(
        "eks-api-authentication",
        (CLUSTER,),
        ("accessConfig", "authenticationMode"),
        equals("API"),
        title="Who may use the cluster is said by access entries, not by a config map",
        topic=Topic.AUTHENTICATION,
        severity=Severity.MEDIUM,
        remediation="Set accessConfig.authenticationMode to API.",
    ),
    resource_rule(
        "eks-node-metadata",
        (TEMPLATE, INSTANCE),
        _metadata,
        title="Nodes answer metadata requests by IMDSv2 only, and not to pods",
        topic=Topic.HARDENING,
        severity=Severity.HIGH,
        public_ids=("EC2.8", "CKV_AWS_79", "CKV_AWS_341"),
        remediation="Set metadataOptions.httpTokens to required and httpPutResponseHopLimit to 1.",
    ),
    stack_rule(
        "eks-node-template",
        (NODES,),
        _uses_a_template,
        title="Node groups are made from a launch template of the stack, which carries the metadata settings",
        topic=Topic.HARDENING,
        severity=Severity.HIGH,
        public_ids=("EC2.8",),
        remediation="Give the node group a launchTemplate that the stack declares.",
    ),
    property_rule(
        "eks-no-node-ssh",
        (NODES,),
        ("remoteAccess",),
        IS_ABSENT,
        title="Nobody logs in to nodes by SSH",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("CKV_AWS_100",),
        remediation="Remove remoteAccess; use Session Manager where a look is needed.",
    ),
    property_rule(
        "eks-no-node-key",
        (TEMPLATE, INSTANCE),
        ("keyName",),
        IS_ABSENT,
        title="Nodes hold no SSH key",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("CKV_AWS_100",),
        remediation="Remove keyName.",
    ),
)
