"""The cluster's token issuer, made known to AWS so that service accounts can take roles."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.tags import DataClass, Tags

COMPONENT = "identity"

TOKEN_AUDIENCE = "sts.amazonaws.com"  # noqa: S105 - whom a token is for, not a token
"""What a projected service-account token has to be issued for; a token for anything else is refused."""


@dataclass(frozen=True)
class WebIdentityArgs:
    """What the provider needs to know.

    Attributes:
        tags: ownership.
        issuer_url: the cluster's issuer, https, exactly as it stands in the tokens.
        provider_arn: an OpenID Connect provider that exists already for this issuer (one account can have
            only one), default None: it is created.
        thumbprints: SHA-1 fingerprints, 40 hexadecimal digits, of the certificate authority of the issuer's
            keys. Default none: AWS then trusts its own list of public authorities.
    """

    tags: Tags
    issuer_url: pulumi.Input[str]
    provider_arn: str | None = None
    thumbprints: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what AWS would refuse."""
        if isinstance(self.issuer_url, str) and not self.issuer_url.startswith("https://"):
            raise ValueError(
                f"The token issuer {self.issuer_url!r} is not an https:// address; AWS takes no other. "
                "Set issuerUrl in plinth:identity to the issuer that "
                "`kubectl get --raw /.well-known/openid-configuration` names."
            )
        if self.provider_arn and self.thumbprints:
            raise ValueError(
                f"thumbprints are given beside the existing provider {self.provider_arn}, which has its own. "
                "Leave out one of them in plinth:identity."
            )


class WebIdentity(pulumi.ComponentResource):
    """The issuer as roles refer to it.

    Attributes:
        provider_arn: the OpenID Connect provider.
        issuer: the issuer without its scheme, as condition keys spell it.
    """

    provider_arn: pulumi.Output[str]
    issuer: pulumi.Output[str]

    def __init__(self, name: str, args: WebIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plinth:index:WebIdentity", name, None, opts)
        self.issuer = pulumi.Output.from_input(args.issuer_url).apply(
            lambda url: str(url).removeprefix("https://")
        )
        self.provider_arn = (
            pulumi.Output.from_input(args.provider_arn)
            if args.provider_arn
            else self._create_provider(name, args).arn
        )
        self.register_outputs({"provider_arn": self.provider_arn, "issuer": self.issuer})

    def _create_provider(self, name: str, args: WebIdentityArgs) -> aws.iam.OpenIdConnectProvider:
        return aws.iam.OpenIdConnectProvider(
            f"{name}-provider",
            url=args.issuer_url,
            client_id_lists=[TOKEN_AUDIENCE],
            thumbprint_lists=list(args.thumbprints) or None,
            tags=args.tags.aws(COMPONENT, DataClass.INTERNAL),
            opts=pulumi.ResourceOptions(parent=self),
        )
