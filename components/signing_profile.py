"""A signing profile: what images are signed with, and what a verifier knows the signature by."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from components.durability import Durability
from components.grants import ROLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PLATFORM = "Notation-OCI-SHA384-ECDSA"
"""Signer's only platform for container images; AWS keeps the key and renews the certificate."""

MOST_MONTHS = 135
"""The longest that a signature holds, and what AWS gives a profile that says nothing (AWS Signer, Developer
Guide, Creating profiles)."""

PREFIX = re.compile(r"[A-Za-z0-9_]{1,38}")
"""What the provider takes as the beginning of a name: it adds 26 characters, and Signer takes 64 (AWS Signer,
API Reference, PutSigningProfile)."""

SIGN = "signer:SignPayload"
"""All that Notation's plugin calls to sign (aws-signer-notation-plugin)."""


@dataclass(frozen=True)
class SigningProfileArgs:
    """What a signing profile needs to know.

    Attributes:
        prefix: what its name begins with; hyphens become underscores, as Signer takes no others. The rest is
            made up anew each time, as a name that was given up can never be had again.
        tags: AWS tags.
        validity_months: months that a signature holds, 1 to 135, default 135. Once it has run out, the image
            starts nowhere any more where signatures are verified; trust is withdrawn by revoking, not by
            waiting. A change makes another profile, and all images have to be signed anew.
        signers: ARNs of the roles of other accounts that may sign, default none. In its own account IAM
            policies decide.
        durability: see `Durability`; a profile that is lost can be made again, but nobody trusts it yet.
    """

    prefix: str
    tags: Mapping[str, str]
    validity_months: int = MOST_MONTHS
    signers: Sequence[str] = ()
    durability: Durability = field(default_factory=Durability)

    def __post_init__(self) -> None:
        """Refuse what Signer would refuse, and signers that nobody could name."""
        if not PREFIX.fullmatch(self.name_prefix):
            raise ValueError(
                f"The signing profile's name would begin with {self.name_prefix!r}; letters, digits and "
                "underscores are taken, at most 38 of them. Shorten the project's or the environment's name."
            )
        if not 1 <= self.validity_months <= MOST_MONTHS:
            raise ValueError(
                f"A signature would hold {self.validity_months} months; Signer takes 1 to {MOST_MONTHS}. "
                "Change signatureMonths in plinth:modelRegistry."
            )
        for signer in self.signers:
            if not ROLE.fullmatch(signer):
                raise ValueError(
                    f"The signer {signer!r} is not the ARN of one role, so nobody could say who signed. Name "
                    "the role in signers of plinth:modelRegistry."
                )

    @property
    def name_prefix(self) -> str:
        """What the name begins with, as Signer takes it."""
        return f"{self.prefix.replace('-', '_')}_"


class SigningProfile(pulumi.ComponentResource):
    """A profile of AWS Signer for images, and who else may sign with it.

    Attributes:
        profile_name: its name.
        profile_arn: what `notation sign --id` takes, and a trust policy trusts.
        version_arn: the same with its version, which revoking asks for.
    """

    profile_name: pulumi.Output[str]
    profile_arn: pulumi.Output[str]
    version_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: SigningProfileArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("plinth:index:SigningProfile", name, None, opts)
        profile = aws.signer.SigningProfile(
            f"{name}-profile",
            name_prefix=args.name_prefix,
            platform_id=PLATFORM,
            signature_validity_period=aws.signer.SigningProfileSignatureValidityPeriodArgs(
                type="MONTHS", value=args.validity_months
            ),
            tags=dict(args.tags),
            opts=args.durability.options(self),
        )
        for signer in args.signers:
            # By the role and not by its place in the list: taking one out must not touch the others.
            digest = hashlib.sha256(signer.encode()).hexdigest()[:8]
            aws.signer.SigningProfilePermission(
                f"{name}-signer-{digest}",
                profile_name=profile.name,
                action=SIGN,
                principal=signer,
                statement_id=f"sign-{digest}",
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.profile_name = profile.name
        self.profile_arn = profile.arn
        self.version_arn = profile.version_arn
        self.register_outputs(
            {
                "profile_name": self.profile_name,
                "profile_arn": self.profile_arn,
                "version_arn": self.version_arn,
            }
        )
