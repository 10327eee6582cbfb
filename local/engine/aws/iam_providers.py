"""Identity providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import by_target, pairs

if TYPE_CHECKING:
    from local.engine.values import Properties


def _create_oidc(aws: Aws, wanted: Wanted) -> str:
    answer = aws.call(
        "iam",
        "create_open_id_connect_provider",
        Url=wanted["url"],
        ClientIDList=wanted["clientIdLists"],
        ThumbprintList=wanted["thumbprintLists"] or [],
        Tags=pairs(wanted.tags),
    )
    return str(answer["OpenIDConnectProviderArn"])


def _read_oidc(aws: Aws, identity: str, known: Properties) -> Properties | None:
    answer = aws.call("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=identity)
    asked = str(known.get("url", ""))
    host = answer["Url"].removeprefix("https://")
    return {
        "arn": identity,
        "url": asked if asked.removeprefix("https://") == host else f"https://{host}",
        "clientIdLists": answer.get("ClientIDList", []),
        "thumbprintLists": answer.get("ThumbprintList", []),
    }


def _put_clients(aws: Aws, identity: str, wanted: Wanted) -> None:
    """Moto can't add or remove one client; made again under the same ARN, the provider has the new ones."""
    _delete_oidc(aws, identity, {})
    _create_oidc(aws, wanted)


def _put_thumbprints(aws: Aws, identity: str, wanted: Wanted) -> None:
    if wanted["thumbprintLists"] is not None:
        aws.call(
            "iam",
            "update_open_id_connect_provider_thumbprint",
            OpenIDConnectProviderArn=identity,
            ThumbprintList=wanted["thumbprintLists"],
        )


def _delete_oidc(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("iam", "delete_open_id_connect_provider", OpenIDConnectProviderArn=identity)


OIDC: Final = ResourceType(
    sdk_type="aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    create=_create_oidc,
    read=_read_oidc,
    delete=_delete_oidc,
    parts=(
        Part(("clientIdLists",), _put_clients, at_creation=False),
        Part(("thumbprintLists",), _put_thumbprints, at_creation=False),
    ),
    replaces=frozenset({"url"}),
    unordered=frozenset({"clientIdLists", "thumbprintLists"}),
    tagging=by_target(
        "iam",
        "OpenIDConnectProviderArn",
        of=lambda identity, _known: identity,
        read="list_open_id_connect_provider_tags",
        write="tag_open_id_connect_provider",
        remove="untag_open_id_connect_provider",
    ),
    identify=lambda aws, wanted: aws.arn(
        "iam", f"oidc-provider/{str(wanted['url']).removeprefix('https://')}", region=""
    ),
    regional=False,
)


TYPES = (OIDC,)
