"""The data catalogue: databases and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from local.engine.aws.modelled import Calls, modelled, only
from local.engine.aws.tagging import by_target

if TYPE_CHECKING:
    from local.engine.aws.resource_type import Aws
    from local.engine.values import Properties

DATABASE: Final = ("name", "description", "locationUri", "parameters")
TABLE: Final = (
    "name",
    "description",
    "owner",
    "parameters",
    "partitionKeys",
    "retention",
    "storageDescriptor",
    "tableType",
    "viewExpandedText",
    "viewOriginalText",
)
NAMES: Final = {
    "serDeInfo": "SerdeInfo",
    "skewedColumnValueLocationMaps": "SkewedColumnValueLocationMaps",
    "storedAsSubDirectories": "StoredAsSubDirectories",
}
EMPTY_DESCRIPTOR: Final = {"compressed": False, "numberOfBuckets": 0, "storedAsSubDirectories": False}


def _database(aws: Aws, identity: str, told: Properties, _known: Properties) -> Properties:
    name = identity.rpartition(":")[2]
    return {
        "arn": aws.arn("glue", f"database/{name}"),
        "catalogId": told.get("catalogId") or aws.account,
        "name": name,
        "locationUri": told.get("locationUri") or "",
        "createTableDefaultPermissions": [],
    }


def _table(aws: Aws, identity: str, told: Properties, known: Properties) -> Properties:
    catalog, database, name = identity.split(":")
    more: Properties = {
        "arn": aws.arn("glue", f"table/{database}/{name}"),
        "catalogId": told.get("catalogId") or catalog,
        "databaseName": database,
        "tableType": told.get("tableType") or "",
        "partitionIndices": [],
        "parameters": told.get("parameters") or {},
    }
    descriptor = told.get("storageDescriptor")
    if descriptor:
        asked = known.get("storageDescriptor") or {}
        more["storageDescriptor"] = {
            member: value
            for member, value in descriptor.items()
            if member in asked or value != EMPTY_DESCRIPTOR.get(member)
        }
    return more


def _table_key(identity: str) -> dict[str, Any]:
    _, database, name = identity.split(":")
    return {"DatabaseName": database, "Name": name}


TYPES = (
    modelled(
        "aws:glue/catalogDatabase:CatalogDatabase",
        Calls(
            service="glue",
            create="CreateDatabase",
            update="UpdateDatabase",
            read="GetDatabase",
            delete="DeleteDatabase",
            pick=only("Database"),
            identity=lambda wanted, _answer: f"{wanted['catalogId'] or ''}:{wanted['name']}",
            key=lambda identity: {"Name": identity.rpartition(":")[2]},
            member="DatabaseInput",
            tags=("Tags", dict),
            more=_database,
        ),
        takes=DATABASE,
        changes=DATABASE,
        replaces=("name", "catalogId"),
        name="name",
        name_limit=255,
        lowercase=True,
        tagging=by_target(
            "glue",
            "ResourceArn",
            read="get_tags",
            write="tag_resource",
            tags="TagsToAdd",
            keys="TagsToRemove",
            mapping=True,
            answer="Tags",
        ),
        identify=lambda _aws, wanted: f"{wanted['catalogId'] or ''}:{wanted['name']}",
    ),
    modelled(
        "aws:glue/catalogTable:CatalogTable",
        Calls(
            service="glue",
            create="CreateTable",
            update="UpdateTable",
            read="GetTable",
            delete="DeleteTable",
            pick=only("Table"),
            identity=lambda wanted, _answer: (
                f"{wanted['catalogId'] or ''}:{wanted['databaseName']}:{wanted['name']}"
            ),
            key=_table_key,
            update_key=lambda identity: {"DatabaseName": identity.split(":")[1]},
            names=NAMES,
            member="TableInput",
            outer=frozenset({"databaseName"}),
            more=_table,
        ),
        takes=("databaseName", *TABLE),
        changes=TABLE,
        replaces=("databaseName", "name", "catalogId"),
        name="name",
        name_limit=255,
        lowercase=True,
        defaults={"retention": 0},
        identify=lambda _aws, wanted: (
            f"{wanted['catalogId'] or ''}:{wanted['databaseName']}:{wanted['name']}"
        ),
    ),
)
