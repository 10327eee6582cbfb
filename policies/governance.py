"""Ownership, place, protection, and what a release says about itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policies.core.buckets import (
    BLOCK,
    ENCRYPTION,
    LIFECYCLE,
    LOCK,
    LOGGING,
    OBJECTS,
    OWNERSHIP,
    POLICY,
    REPLICATION,
    VERSIONING,
)
from policies.core.build import resource_rule, stack_rule
from policies.core.pod_values import BY_DIGEST
from policies.core.pods import LASTING, pod_of
from policies.core.resources import RELEASE_TYPE, STACK_TYPE, Resource
from policies.core.rules import REQUIRED, Context, Problem, Rule, Setting, Severity, Topic
from policies.core.taggable import TAGGABLE
from policies.core.values import UNKNOWN, UndecidedError, View, show

if TYPE_CHECKING:
    from collections.abc import Iterator

PROVIDER: Final = "pulumi:providers:aws"
STORES: Final = (
    "aws:s3/bucket:Bucket",
    "aws:dynamodb/table:Table",
    "aws:rds/instance:Instance",
    "aws:rds/cluster:Cluster",
    "aws:efs/fileSystem:FileSystem",
    "aws:kms/key:Key",
    "aws:backup/vault:Vault",
    "aws:cognito/userPool:UserPool",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:ecr/repository:Repository",
    "aws:signer/signingProfile:SigningProfile",
)
"""What can't be made again: data, records and images, the keys without which data is lost, and what images
are trusted by."""
COMPANIONS: Final = (
    BLOCK,
    ENCRYPTION,
    LIFECYCLE,
    LOCK,
    LOGGING,
    OWNERSHIP,
    POLICY,
    REPLICATION,
    VERSIONING,
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration",
)
"""What secures a store: if it went and the store stayed, the store would stand open.

A vault's policy is none of them: it goes when somebody takes protection off on purpose, and retained it would
refuse deletions for ever, with nothing left that manages it."""
REQUIRED_TAGS: Final = ("owner", "data-classification", "cost-centre", "environment")
DATA_CLASSES: Final = ("public", "internal", "confidential", "restricted")
MODEL, VERSION, DIGEST = "PLINTH_MODEL", "PLINTH_MODEL_VERSION", "PLINTH_ARTIFACT_SHA256"
SHA256: Final = re.compile(r"[0-9a-f]{64}")


def _tags(resource: Resource, context: Context) -> Iterator[Problem]:
    if resource.type in OBJECTS:
        return  # they belong to their bucket
    own, all_of_them = resource.at("tags"), resource.at("tagsAll")
    if not own.present() and not all_of_them.present() and resource.type not in TAGGABLE:
        return
    if UNKNOWN in (own.value, all_of_them.value):
        raise UndecidedError("tags")
    yield from _missing(View({**all_of_them.mapping(), **own.mapping()}, "tags"), context)
    # A template's own tags are not those of the machines and disks that are made from it.
    for made in resource.at("tagSpecifications").items():
        yield from _missing(made.at("tags"), context)


def _missing(tags: View, context: Context) -> Iterator[Problem]:
    for name in context.names("tags"):
        view = tags.at(name)
        if not (view.text() or "").strip():
            yield Problem(view.path, show(view.value), f"Set the tag {name}.")


def _data_class(resource: Resource, context: Context) -> Iterator[Problem]:
    for prop in ("tags", "tagsAll"):
        view = resource.at(prop, "data-classification")
        if view.present() and view.text() not in context.names("classes"):
            yield Problem(
                view.path, show(view.value), f"Choose one of {', '.join(context.names('classes'))}."
            )


def _protected(store: Resource, _context: Context) -> Iterator[Problem]:
    if store.protect is None:
        raise UndecidedError("protect", "the engine doesn't tell")
    if not store.protect:
        yield Problem("protect", "false", "Set the option protect.")


def _retained(store: Resource, _context: Context) -> Iterator[Problem]:
    if store.retain is None:
        raise UndecidedError("retainOnDelete", "the engine doesn't tell")
    if not store.retain:
        yield Problem("retainOnDelete", "false", "Set the option retain_on_delete.")


def _region(resource: Resource, context: Context) -> Iterator[Problem]:
    view = resource.at("region")
    if resource.type == PROVIDER and not view.present():
        return  # each resource then names its own, which is judged below
    if view.present() and view.text() not in context.names("regions"):
        yield Problem(view.path, show(view.value), f"Choose one of {', '.join(context.names('regions'))}.")
    if resource.at("arn").value is UNKNOWN and not context.stack.resolved:
        return  # every ARN is unknown before its resource is made; the resolved state is judged again
    arn = resource.at("arn").text() or ""
    parts = arn.split(":")
    if len(parts) > 3 and parts[3] and parts[3] not in context.names("regions"):  # noqa: PLR2004 - the Region's place
        yield Problem("arn", arn, "Create it in an allowed Region.")


def _variables(workload: Resource) -> list[dict[str, View]]:
    """Environment of each container that serves a model, by name."""
    environments = [
        {variable.at("name").text() or "": variable.at("value") for variable in container.at("env").items()}
        for container in pod_of(workload).main_containers
    ]
    return [environment for environment in environments if MODEL in environment]


def _names_its_release(workload: Resource, _context: Context) -> Iterator[Problem]:
    for container in pod_of(workload).main_containers:
        held = {variable.at("name").text(): variable.at("value") for variable in container.at("env").items()}
        if MODEL not in held:
            continue
        if not (held.get(VERSION, View(None)).text() or "").strip():
            yield Problem(f"{container.path}.env.{VERSION}", "absent")
        digest = held.get(DIGEST, View(None))
        if not SHA256.fullmatch(digest.text() or ""):
            yield Problem(f"{container.path}.env.{DIGEST}", show(digest.value))
        if not BY_DIGEST.fullmatch(container.at("image").text() or ""):
            yield Problem(container.at("image").path, show(container.at("image").value))


def _serving(context: Context) -> list[tuple[Resource, dict[str, View]]]:
    return [
        (workload, environment)
        for workload in context.stack.of(*LASTING)
        for environment in _variables(workload)
    ]


def _release_agrees(_stack: Resource, context: Context) -> Iterator[Problem]:
    serving, releases = _serving(context), context.stack.of(RELEASE_TYPE)
    if not serving:
        return
    if not releases:
        raise UndecidedError(
            "release", "the release file wasn't given: add --release stacks/releases/<stack>.yaml"
        )
    for release in releases:
        for name in ("model", "version", "artifact_sha256"):
            if not (release.at(name).text() or "").strip():
                yield Problem(f"release.{name}", show(release.at(name).value), "Name it in the release file.")
        for workload, environment in serving:
            for name, variable in (("model", MODEL), ("version", VERSION), ("artifact_sha256", DIGEST)):
                deployed = environment.get(variable, View(None)).text()
                if deployed != release.at(name).text():
                    yield Problem(
                        f"release.{name}",
                        f"{show(release.at(name).value)}, while {workload.name} has {deployed}",
                    )


def _card_exists(_stack: Resource, context: Context) -> Iterator[Problem]:
    if not _serving(context):
        return
    releases = context.stack.of(RELEASE_TYPE)
    if not releases:
        raise UndecidedError(
            "release", "the release file wasn't given: add --release stacks/releases/<stack>.yaml"
        )
    for release in releases:
        view = release.at("model_card")
        if not view.present():
            raise UndecidedError("model_card", "the model card wasn't given: add --model-card FILE")
        if view.at("characters").number() in {None, 0}:
            yield Problem(
                "model_card", show(view.at("path").value), "Write the model card of what is served."
            )


RULES: Final[tuple[Rule, ...]] = (
    resource_rule(
        "governance-tags",
        ("aws:*",),
        _tags,
        title="Whatever can be tagged says who owns it, who pays, where it belongs and what data it holds",
        topic=Topic.ACCOUNTABILITY,
        severity=Severity.MEDIUM,
        public_ids=("DynamoDB.5", "EKS.6", "ECR.4", "SNS.3", "SQS.2", "SecretsManager.5"),
        remediation="Set the required tags.",
        settings={"tags": Setting(REQUIRED_TAGS, "keys of the required tags")},
    ),
    resource_rule(
        "governance-data-class",
        ("aws:*",),
        _data_class,
        title="Data is classified in the words that we have",
        topic=Topic.ACCOUNTABILITY,
        severity=Severity.MEDIUM,
        remediation="Set data-classification to a known class.",
        settings={"classes": Setting(DATA_CLASSES, "known data classes")},
    ),
    resource_rule(
        "governance-protected",
        STORES,
        _protected,
        title="What holds data, or the key to it, can't be destroyed by a mistaken command",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        remediation="Set the resource option protect.",
        settings=REQUIRED,
    ),
    resource_rule(
        "governance-retained",
        (*STORES, *COMPANIONS),
        _retained,
        title="What holds data, or the key to it, stays when it leaves the program, with all that secures it",
        topic=Topic.AVAILABILITY,
        severity=Severity.HIGH,
        remediation="Set the resource option retain_on_delete.",
        settings=REQUIRED,
        resolved_only=True,
    ),
    resource_rule(
        "governance-region",
        ("aws:*", PROVIDER),
        _region,
        title="Nothing is kept or processed outside the allowed Regions",
        topic=Topic.LOCATION,
        severity=Severity.CRITICAL,
        remediation="Move it to an allowed Region.",
        settings={"regions": Setting(("eu-central-1", "eu-west-1"), "allowed Regions")},
    ),
    resource_rule(
        "governance-release",
        LASTING,
        _names_its_release,
        title="What serves a model names its version, the hash of its artifact and its image by digest",
        topic=Topic.INTEGRITY,
        severity=Severity.HIGH,
        remediation=f"Set {VERSION}, {DIGEST} and the image's digest.",
    ),
    stack_rule(
        "governance-release-file",
        (STACK_TYPE,),
        _release_agrees,
        title="The release file names model, version and hash of what is deployed",
        topic=Topic.INTEGRITY,
        severity=Severity.HIGH,
        remediation="Deploy what the release file says.",
        resolved_only=True,
    ),
    stack_rule(
        "governance-model-card",
        (STACK_TYPE,),
        _card_exists,
        title="The model that is served has a model card",
        topic=Topic.ACCOUNTABILITY,
        severity=Severity.MEDIUM,
        remediation="Write the model card and give its file to the gate.",
        resolved_only=True,
    ),
)
