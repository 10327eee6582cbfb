"""Parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.engine.aws.resource_type import Aws, Part, ResourceType, Wanted
from local.engine.aws.tagging import by_target, pairs

if TYPE_CHECKING:
    from local.engine.values import Properties

SECURE = "SecureString"


def _write(aws: Aws, wanted: Wanted, *, fresh: bool) -> None:
    overwrite = bool(wanted["overwrite"]) or not fresh
    value = wanted["value"] if wanted["value"] is not None else wanted["insecureValue"]
    aws.call(
        "ssm",
        "put_parameter",
        Name=wanted["name"],
        Value=value,
        Type=wanted["type"],
        Description=wanted["description"],
        KeyId=wanted["keyId"],
        AllowedPattern=wanted["allowedPattern"],
        Tier=wanted["tier"],
        DataType=wanted["dataType"],
        Overwrite=overwrite,
        # The API refuses tags together with overwriting.
        Tags=pairs(wanted.tags) if fresh and not overwrite else None,
    )


def _create(aws: Aws, wanted: Wanted) -> str:
    _write(aws, wanted, fresh=True)
    name = str(wanted["name"])
    if wanted["overwrite"]:
        aws.call(
            "ssm",
            "add_tags_to_resource",
            ResourceType="Parameter",
            ResourceId=name,
            Tags=pairs(wanted.tags),
        )
    return name


def _put(aws: Aws, _identity: str, wanted: Wanted) -> None:
    _write(aws, wanted, fresh=False)


def _read(aws: Aws, identity: str, known: Properties) -> Properties | None:
    answer = aws.find("ssm", "get_parameter", Name=identity, WithDecryption=True)
    if answer is None:
        return None
    parameter = answer["Parameter"]
    filters = [{"Key": "Name", "Option": "Equals", "Values": [identity]}]
    listed = aws.call("ssm", "describe_parameters", ParameterFilters=filters)["Parameters"]
    details = listed[0] if listed else {}
    plain = parameter["Value"] if known.get("insecureValue") else ""
    return {
        "arn": parameter["ARN"],
        "name": parameter["Name"],
        "type": parameter["Type"],
        "value": parameter["Value"],
        "insecureValue": plain,
        "version": parameter["Version"],
        "dataType": parameter.get("DataType") or "text",
        "tier": details.get("Tier") or "Standard",
        "keyId": details.get("KeyId") or "",
        "description": details.get("Description"),
        "allowedPattern": details.get("AllowedPattern"),
        "hasValueWo": False,
    }


def _delete(aws: Aws, identity: str, _known: Properties) -> None:
    aws.attempt("ssm", "delete_parameter", Name=identity)


_TAGS = by_target(
    "ssm",
    "ResourceId",
    of=lambda identity, _known: identity,
    write="add_tags_to_resource",
    remove="remove_tags_from_resource",
    answer="TagList",
    also={"ResourceType": "Parameter"},
)

TYPES = (
    ResourceType(
        sdk_type="aws:ssm/parameter:Parameter",
        create=_create,
        read=_read,
        delete=_delete,
        parts=(
            Part(
                ("value", "insecureValue", "type", "description", "keyId", "allowedPattern", "tier"),
                _put,
                at_creation=False,
            ),
        ),
        replaces=frozenset({"name", "dataType"}),
        name="name",
        name_limit=2048,
        defaults={"tier": "Standard"},
        secrets=frozenset({"value"}),
        remembers=("overwrite",),
        tagging=_TAGS,
        identify=lambda _aws, wanted: str(wanted["name"]),
        from_arn=lambda _aws, arn: _name_of(arn),
        owns_arn=lambda arn: ":ssm:" in arn and ":parameter/" in arn,
    ),
)


def _name_of(arn: str) -> str:
    """A name with a path keeps its leading slash; a plain one has none."""
    name = arn.split(":parameter/", 1)[1]
    return f"/{name}" if "/" in name else name
