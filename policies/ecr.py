"""Image repositories: scanned, immutable, tidy, encrypted with our key, closed; and what signs images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policies.core.build import (
    IS_SET,
    IS_TRUE,
    NOT_TRUE,
    Expect,
    attached_rule,
    equals,
    expects,
    is_own_key,
    property_rule,
    resource_rule,
    stack_rule,
)
from policies.core.documents import shown, statements
from policies.core.privileges import ONE_ROLE
from policies.core.rules import REQUIRED, Context, Problem, Rule, Severity, Topic
from policies.core.values import UndecidedError, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

REPOSITORY: Final = "aws:ecr/repository:Repository"
POLICY: Final = "aws:ecr/repositoryPolicy:RepositoryPolicy"
LIFECYCLE: Final = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
PUBLIC: Final = "aws:ecrpublic/repository:Repository"
PROFILE: Final = "aws:signer/signingProfile:SigningProfile"
SIGNER: Final = "aws:signer/signingProfilePermission:SigningProfilePermission"
PLATFORM: Final = "Notation-OCI-SHA384-ECDSA"
"""The platform of AWS Signer for images; what others sign is no image (AWS Signer, Developer Guide)."""
OVER: Final = frozenset({"Canceled", "Revoked"})
"""States of a profile that signs nothing any more (AWS Signer, API Reference, GetSigningProfile)."""


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


def _can_be_signed(_repository: Resource, context: Context) -> Iterator[Problem]:
    found: list[str] = []
    unreadable: UndecidedError | None = None
    for profile in context.stack.of(PROFILE):
        try:
            wrong = _wrong_with(profile)
        except UndecidedError as error:
            unreadable = unreadable or error
            continue
        if not wrong:
            return
        found.append(f"{profile.name} ({wrong})")
    if unreadable is not None:
        raise unreadable
    yield Problem("<SigningProfile>", "; ".join(found) or "absent")


def _wrong_with(profile: Resource) -> str:
    """Why a profile signs no images; empty if it does."""
    platform = profile.at("platformId").text()
    if platform != PLATFORM:
        return f"platformId {show(platform)}"
    status = profile.at("status").text()
    return f"status {status}" if status in OVER else ""


NAMED: Final = Expect("the ARN of one role", lambda view, _: bool(ONE_ROLE.fullmatch(view.text() or "")))


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
    stack_rule(
        "ecr-signing-profile",
        (REPOSITORY,),
        _can_be_signed,
        title="Images can be signed: beside their repositories there is a signing profile for images",
        topic=Topic.INTEGRITY,
        severity=Severity.MEDIUM,
        public_ids=("NIST SP 800-190 4.1.5",),
        reads=(PROFILE,),
        remediation=f"Add a SigningProfile with platformId {PLATFORM}.",
        settings=REQUIRED,
    ),
    property_rule(
        "ecr-signers-named",
        (SIGNER,),
        ("principal",),
        NAMED,
        title="Whoever of another account may sign images is one role",
        topic=Topic.ACCESS,
        severity=Severity.HIGH,
        public_ids=("NIST SP 800-190 4.1.5",),
        remediation="Name the role that signs; an account's number lets everybody in it sign.",
        dormant="no account signs for another until signers of plinth:modelRegistry names a role",
    ),
    property_rule(
        "ecr-signers-only-sign",
        (SIGNER,),
        ("action",),
        equals("signer:SignPayload", "signer:GetSigningProfile"),
        title="Other accounts sign images and can't revoke what was signed",
        topic=Topic.ACCESS,
        severity=Severity.MEDIUM,
        remediation="Allow signer:SignPayload alone.",
        dormant="no account signs for another until signers of plinth:modelRegistry names a role",
    ),
)
