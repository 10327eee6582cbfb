"""User pools with their clients, resource servers, groups and domains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.connection import AwsError
from local.engine.aws.modelled import Calls, modelled, only
from local.engine.aws.resource_type import Aws, ResourceType, Wanted
from local.engine.aws.tagging import Tagging, Tags
from local.engine.aws.wire import from_aws

if TYPE_CHECKING:
    from local.engine.values import Properties

SERVICE: Final = "cognito-idp"

POOL: Final = (
    "accountRecoverySetting",
    "adminCreateUserConfig",
    "autoVerifiedAttributes",
    "deletionProtection",
    "deviceConfiguration",
    "emailConfiguration",
    "mfaConfiguration",
    "passwordPolicy",
    "userPoolAddOns",
    "verificationMessageTemplate",
)
"""Properties of a pool that can change."""

SETTLED: Final = ("name", "aliasAttributes", "schemas", "usernameAttributes", "usernameConfiguration")

NAMES: Final = {
    "attributesRequireVerificationBeforeUpdates": "AttributesRequireVerificationBeforeUpdate",
    "replyToEmailAddress": "ReplyToEmailAddress",
    "fromEmailAddress": "From",
}


def _adapt(given: Properties) -> Properties:
    adapted = dict(given)
    if "passwordPolicy" in adapted:
        adapted["policies"] = {"passwordPolicy": adapted.pop("passwordPolicy")}
    if "schemas" in adapted:
        adapted["schema"] = adapted.pop("schemas")
    if "name" in adapted:
        adapted["poolName"] = adapted.pop("name")
    return adapted


def _pool(aws: Aws, identity: str, told: Properties, known: Properties) -> Properties:
    asked = known.get("passwordPolicy") or {}
    policy = (told.get("policies") or {}).get("passwordPolicy") or {}
    endpoint = f"cognito-idp.{aws.region}.amazonaws.com/{identity}"
    more: Properties = {
        "arn": told.get("arn") or aws.arn("cognito-idp", f"userpool/{identity}"),
        "name": told.get("poolName") or told.get("name") or known.get("name"),
        "endpoint": endpoint,
        "creationDate": told.get("creationDate") or "",
        "lastModifiedDate": told.get("lastModifiedDate") or "",
        "estimatedNumberOfUsers": told.get("estimatedNumberOfUsers") or 0,
        "domain": told.get("domain") or "",
        "customDomain": "",
        "deletionProtection": told.get("deletionProtection") or known.get("deletionProtection") or "INACTIVE",
        "mfaConfiguration": told.get("mfaConfiguration") or "OFF",
        "passwordPolicy": {name: value for name, value in policy.items() if name in asked or not asked},
        "schemas": known.get("schemas"),
        "emailVerificationMessage": "",
        "emailVerificationSubject": "",
        "smsVerificationMessage": "",
        "userPoolTier": "ESSENTIALS",
    }
    for name in ("accountRecoverySetting", "adminCreateUserConfig", "verificationMessageTemplate"):
        more[name] = _asked_members(told.get(name), known.get(name))
    return more


def _asked_members(told: Any, asked: Any) -> Any:  # noqa: ANN401 - nested properties
    """The members that were asked for, without what the service adds on its own."""
    if isinstance(told, dict) and isinstance(asked, dict):
        return {name: told.get(name) for name in asked}
    return told or asked


def _read_tags(aws: Aws, identity: str, _known: Properties) -> Tags:
    """A pool tells its tags itself; moto has none of the operations on them."""
    pool = aws.call(SERVICE, "describe_user_pool", UserPoolId=identity)["UserPool"]
    return dict(pool.get("UserPoolTags") or {})


def _write_tags(aws: Aws, identity: str, _known: Properties, tags: Tags) -> None:
    # An update sets everything back that it doesn't name.
    pool = aws.call(SERVICE, "describe_user_pool", UserPoolId=identity)["UserPool"]
    settable = aws.connection.shape(SERVICE, "UpdateUserPool")
    kept = {name: pool[name] for name in getattr(settable, "members", {}) if name in pool}
    aws.call(SERVICE, "update_user_pool", **{**kept, "UserPoolId": identity, "UserPoolTags": tags})


def _remove_tags(aws: Aws, identity: str, known: Properties, names: list[str]) -> None:
    kept = {name: value for name, value in _read_tags(aws, identity, known).items() if name not in names}
    _write_tags(aws, identity, known, kept)


def _client_key(identity: str) -> dict[str, Any]:
    pool, _, client = identity.partition("/")
    return {"UserPoolId": pool, "ClientId": client}


CLIENT: Final = (
    "accessTokenValidity",
    "allowedOauthFlows",
    "allowedOauthFlowsUserPoolClient",
    "allowedOauthScopes",
    "authSessionValidity",
    "callbackUrls",
    "defaultRedirectUri",
    "enablePropagateAdditionalUserContextData",
    "enableTokenRevocation",
    "explicitAuthFlows",
    "idTokenValidity",
    "logoutUrls",
    "name",
    "preventUserExistenceErrors",
    "readAttributes",
    "refreshTokenValidity",
    "supportedIdentityProviders",
    "tokenValidityUnits",
    "writeAttributes",
)
CLIENT_NAMES: Final = {
    "name": "ClientName",
    "callbackUrls": "CallbackURLs",
    "logoutUrls": "LogoutURLs",
    "defaultRedirectUri": "DefaultRedirectURI",
    "allowedOauthFlows": "AllowedOAuthFlows",
    "allowedOauthScopes": "AllowedOAuthScopes",
    "allowedOauthFlowsUserPoolClient": "AllowedOAuthFlowsUserPoolClient",
}
CLIENT_ABSENT: Final = {
    "accessTokenValidity": 0,
    "allowedOauthFlows": [],
    "allowedOauthFlowsUserPoolClient": False,
    "allowedOauthScopes": [],
    "authSessionValidity": 3,
    "callbackUrls": [],
    "clientSecret": "",
    "defaultRedirectUri": "",
    "enablePropagateAdditionalUserContextData": False,
    "enableTokenRevocation": True,
    "explicitAuthFlows": [],
    "idTokenValidity": 0,
    "logoutUrls": [],
    "preventUserExistenceErrors": "",
    "readAttributes": [],
    "refreshTokenValidity": 30,
    "supportedIdentityProviders": [],
    "writeAttributes": [],
}


def _client(_aws: Aws, _identity: str, told: Properties, known: Properties) -> Properties:
    return {
        "userPoolId": known.get("userPoolId") or told["userPoolId"],
        "generateSecret": bool(told.get("clientSecret")),
        **{name: told.get(name, value) for name, value in CLIENT_ABSENT.items()},
    }


def _split(identity: str) -> tuple[str, str]:
    pool, _, rest = identity.partition("|")
    return pool, rest


def _server_key(identity: str) -> dict[str, Any]:
    pool, name = _split(identity)
    return {"UserPoolId": pool, "Identifier": name}


def _server(_aws: Aws, identity: str, told: Properties, _known: Properties) -> Properties:
    _, name = _split(identity)
    scopes = told.get("scopes") or []
    return {"scopeIdentifiers": [f"{name}/{scope['scopeName']}" for scope in scopes]}


def _delete_server(aws: Aws, identity: str, _known: Properties) -> None:
    try:
        aws.attempt(SERVICE, "delete_resource_server", **_server_key(identity))
    except AwsError as error:
        if not error.missing_in_emulator:  # it goes with its pool
            raise


def _group_key(identity: str) -> dict[str, Any]:
    pool, _, name = identity.partition("/")
    return {"UserPoolId": pool, "GroupName": name}


def _create_domain(aws: Aws, wanted: Wanted) -> str:
    custom = {"CertificateArn": wanted["certificateArn"]} if wanted["certificateArn"] else None
    aws.call(
        SERVICE,
        "create_user_pool_domain",
        Domain=wanted["domain"],
        UserPoolId=wanted["userPoolId"],
        CustomDomainConfig=custom,
    )
    return str(wanted["domain"])


def _read_domain(aws: Aws, identity: str, known: Properties) -> Properties | None:
    answer = aws.find(SERVICE, "describe_user_pool_domain", Domain=identity) or {}
    told = from_aws(answer.get("DomainDescription") or {})
    if not told.get("userPoolId"):
        return None
    distribution = told.get("cloudFrontDistribution") or ""
    return {
        "domain": identity,
        "userPoolId": told["userPoolId"],
        "awsAccountId": aws.account,
        "certificateArn": (told.get("customDomainConfig") or {}).get("certificateArn")
        or known.get("certificateArn"),
        "cloudfrontDistribution": distribution,
        "cloudfrontDistributionArn": distribution,
        "cloudfrontDistributionZoneId": "",
        "managedLoginVersion": told.get("managedLoginVersion") or 1,
        "s3Bucket": told.get("s3Bucket") or "",
        "version": known.get("version") or told.get("version") or "",  # moto's is the time of day
    }


def _delete_domain(aws: Aws, identity: str, known: Properties) -> None:
    aws.attempt(SERVICE, "delete_user_pool_domain", Domain=identity, UserPoolId=known["userPoolId"])


TYPES: tuple[ResourceType, ...] = (
    modelled(
        "aws:cognito/userPool:UserPool",
        Calls(
            service=SERVICE,
            create="CreateUserPool",
            update="UpdateUserPool",
            read="DescribeUserPool",
            delete="DeleteUserPool",
            pick=only("UserPool"),
            identity=lambda _wanted, answer: str(answer["UserPool"]["Id"]),
            key=lambda identity: {"UserPoolId": identity},
            names=NAMES,
            tags=("UserPoolTags", dict),
            more=_pool,
            adapt=_adapt,
        ),
        takes=(*SETTLED, *POOL),
        changes=POOL,
        name="name",
        name_limit=128,
        unordered=frozenset({"schemas", "autoVerifiedAttributes", "aliasAttributes", "usernameAttributes"}),
        defaults={
            "deletionProtection": "INACTIVE",
            "mfaConfiguration": "OFF",
            "emailConfiguration": {"emailSendingAccount": "COGNITO_DEFAULT"},
        },
        remembers=("schemas", "usernameConfiguration"),
        tagging=Tagging(_read_tags, _write_tags, _remove_tags),
    ),
    modelled(
        "aws:cognito/userPoolClient:UserPoolClient",
        Calls(
            service=SERVICE,
            create="CreateUserPoolClient",
            update="UpdateUserPoolClient",
            read="DescribeUserPoolClient",
            delete="DeleteUserPoolClient",
            pick=only("UserPoolClient"),
            identity=lambda wanted, answer: f"{wanted['userPoolId']}/{answer['UserPoolClient']['ClientId']}",
            key=_client_key,
            names=CLIENT_NAMES,
            more=_client,
        ),
        takes=("userPoolId", "generateSecret", *CLIENT),
        changes=CLIENT,
        replaces=("userPoolId", "generateSecret"),
        name="name",
        name_limit=128,
        unordered=frozenset(name for name, value in CLIENT_ABSENT.items() if value == []),
        defaults={"generateSecret": False},
        secrets=frozenset({"clientSecret"}),
    ),
    modelled(
        "aws:cognito/resourceServer:ResourceServer",
        Calls(
            service=SERVICE,
            create="CreateResourceServer",
            read="DescribeResourceServer",
            delete="DeleteResourceServer",
            pick=only("ResourceServer"),
            identity=lambda wanted, _answer: f"{wanted['userPoolId']}|{wanted['identifier']}",
            key=_server_key,
            more=_server,
        ),
        takes=("userPoolId", "identifier", "name", "scopes"),
        remove=_delete_server,
        name="name",
        name_limit=256,
        unordered=frozenset({"scopes"}),
    ),
    modelled(
        "aws:cognito/userGroup:UserGroup",
        Calls(
            service=SERVICE,
            create="CreateGroup",
            update="UpdateGroup",
            read="GetGroup",
            delete="DeleteGroup",
            pick=only("Group"),
            identity=lambda wanted, _answer: f"{wanted['userPoolId']}/{wanted['name']}",
            key=_group_key,
            names={"name": "GroupName"},
        ),
        takes=("userPoolId", "name", "description", "precedence", "roleArn"),
        changes=("description", "precedence", "roleArn"),
        name="name",
        name_limit=128,
    ),
    ResourceType(
        sdk_type="aws:cognito/userPoolDomain:UserPoolDomain",
        create=_create_domain,
        read=_read_domain,
        delete=_delete_domain,
        replaces=frozenset({"domain", "userPoolId", "certificateArn"}),
        singleton=True,
    ),
)
