"""Image repositories: scanned, immutable, tidy, encrypted with our key, closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.build import (
    IS_SET,
    IS_TRUE,
    NOT_TRUE,
    attached_rule,
    equals,
    expects,
    is_own_key,
    property_rule,
    resource_rule,
)
from policies.core.documents import shown, statements
from policies.core.rules import REQUIRED, Context, Problem, Rule, Severity, Topic
from policies.core.values import show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

REPOSITORY: Final = "aws:ecr/repository:Repository"
POLICY: Final = "aws:ecr/repositoryPolicy:RepositoryPolicy"
LIFECYCLE: Final = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
PUBLIC: Final = "aws:ecrpublic/repository:Repository"


def _own_key(repository: Resource, _context: Context) -> Iterator[Problem]:
    configurations = repository.at("encryptionConfigurations").items()
    for view in configurations:
        if view.at("encryptionType").text() not in {"KMS", "KMS_DSSE"} or not is_own_key(view.at("kmsKey")):
            yield Problem(view.path, show(view.value))
    if not configurations:
        yield Problem("encryptionConfigurations", "absent")


def _not_public(policy: Resource, _context: Context) -> Iterator[Problem]:
    if policy.type == PUBLIC:
        yield Problem("type", policy.type, "Use a private repository.")
        return
    for statement in statements(policy.at("policy")):
        if statement.allows and statement.public and not statement.narrowed:
            yield Problem(statement.path, shown(statement))


RULES: Final[tuple[Rule, ...]] = (
    property_rule(
        "ecr-scan-on-push",
        (REPOSITORY,),
        ("imageScanningConfiguration", "scanOnPush"),
        IS_TRUE,
        title="Images are scanned when they are pushed",
        topic=Topic.HARDENING,
        severity=Severity.MEDIUM,
        public_ids=("ECR.1", "CKV_AWS_163"),
        remediation="Set imageScanningConfiguration.scanOnPush to true.",
    ),
    property_rule(
        "ecr-immutable-tags",
        (REPOSITORY,),
        ("imageTagMutability",),
        equals("IMMUTABLE"),
        title="A tag always names the same image",
        topic=Topic.INTEGRITY,
        severity=Severity.MEDIUM,
        public_ids=("ECR.2", "CKV_AWS_51"),
        remediation="Set imageTagMutability to IMMUTABLE.",
    ),
    attached_rule(
        "ecr-lifecycle",
        (REPOSITORY,),
        LIFECYCLE,
        "repository",
        expects(("policy",), IS_SET),
        title="Repositories give up old images",
        topic=Topic.RETENTION,
        severity=Severity.LOW,
        public_ids=("ECR.3", "CKV2_AWS_71"),
        remediation="Add a LifecyclePolicy.",
    ),
    resource_rule(
        "ecr-own-key",
        (REPOSITORY,),
        _own_key,
        title="Images are encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.MEDIUM,
        public_ids=("ECR.5", "CKV_AWS_136"),
        remediation="Set encryptionConfigurations with encryptionType KMS and a key of ours.",
    ),
    resource_rule(
        "ecr-not-public",
        (POLICY, PUBLIC),
        _not_public,
        title="No repository is open to everybody",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("CKV_AWS_32",),
        remediation="Name the principals that may pull.",
        dormant="no repository has a policy; what may pull is said by roles",
    ),
    property_rule(
        "ecr-no-force-delete",
        (REPOSITORY,),
        ("forceDelete",),
        NOT_TRUE,
        title="No repository may be destroyed while it holds images",
        topic=Topic.AVAILABILITY,
        severity=Severity.MEDIUM,
        remediation="Set forceDelete to false.",
        settings=REQUIRED,
    ),
)
