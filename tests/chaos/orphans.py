"""What exists and what the state knows, compared by the emulator's and the cluster's own lists."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from local.emulated import emulator_client
from local.engine.aws.tagging import URN_TAG, urn_tag
from local.engine.kubernetes.ownership import FIELD_MANAGER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from local.environment import Environment

Resources = list[dict[str, Any]]

RELEASE_NAME, RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
RELEASE = "kubernetes:helm.sh/v3:Release"
DESTROYED = "PendingDeletion"


def orphans(environment: Environment, kubectl: Callable[..., str]) -> list[str]:
    """Everything that the state doesn't know, or knows only once while it is there twice."""
    resources = environment.stack.resources()
    return [
        *aws_by_list(resources, environment.variables),
        *aws_by_tag(resources, environment.variables),
        *in_cluster(resources, kubectl),
    ]


def _ids(resources: Resources, kind: str) -> set[str]:
    return {str(entry["id"]) for entry in resources if entry["type"] == kind}


def aws_by_list(resources: Resources, variables: Mapping[str, str]) -> Iterator[str]:
    """By the emulator's own lists of each service."""
    listed = {
        "aws:s3/bucket:Bucket": _all(variables, "s3", "list_buckets", "Buckets", "Name"),
        "aws:dynamodb/table:Table": _all(variables, "dynamodb", "list_tables", "TableNames"),
        "aws:kms/key:Key": _keys(variables),
        "aws:kms/alias:Alias": [
            name
            for name in _all(variables, "kms", "list_aliases", "Aliases", "AliasName")
            if not name.startswith("alias/aws/")
        ],
        "aws:iam/role:Role": _all(variables, "iam", "list_roles", "Roles", "RoleName"),
        "aws:iam/policy:Policy": _all(variables, "iam", "list_policies", "Policies", "Arn", Scope="Local"),
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _all(
            variables, "iam", "list_open_id_connect_providers", "OpenIDConnectProviderList", "Arn"
        ),
        "aws:sns/topic:Topic": _all(variables, "sns", "list_topics", "Topics", "TopicArn"),
        "aws:sqs/queue:Queue": _all(variables, "sqs", "list_queues", "QueueUrls"),
        "aws:cloudwatch/logGroup:LogGroup": _all(
            variables, "logs", "describe_log_groups", "logGroups", "logGroupName"
        ),
    }
    for kind, names in listed.items():
        known = _ids(resources, kind)
        yield from (f"{kind} {name}" for name in names if name not in known)


def _all(
    variables: Mapping[str, str],
    service: str,
    operation: str,
    member: str,
    field: str | None = None,
    **parameters: Any,
) -> list[str]:
    client = emulator_client(service, variables)
    if client.can_paginate(operation):
        pages: Iterable[Any] = client.get_paginator(operation).paginate(**parameters)
    else:
        pages = [getattr(client, operation)(**parameters)]
    return [str(entry[field] if field else entry) for page in pages for entry in page.get(member) or []]


def _keys(variables: Mapping[str, str]) -> list[str]:
    kms = emulator_client("kms", variables)
    found = []
    for key in _all(variables, "kms", "list_keys", "Keys", "KeyId"):
        about = kms.describe_key(KeyId=key)["KeyMetadata"]
        if about.get("KeyManager") != "AWS" and about["KeyState"] != DESTROYED:
            found.append(key)
    return found


def aws_by_tag(resources: Resources, variables: Mapping[str, str]) -> Iterator[str]:
    """By the URN that everything bears from its first moment."""
    known = {urn_tag(str(entry["urn"])): str(entry["id"]) for entry in resources if entry.get("id")}
    alive = set(_keys(variables))
    client = emulator_client("resourcegroupstaggingapi", variables)
    pages = client.get_paginator("get_resources").paginate(TagFilters=[{"Key": URN_TAG}])
    seen: Counter[str] = Counter()
    for entry in (entry for page in pages for entry in page["ResourceTagMappingList"]):
        arn = str(entry["ResourceARN"])
        if ":key/" in arn and arn.rpartition("/")[2] not in alive:
            continue
        urn = next(tag["Value"] for tag in entry["Tags"] if tag["Key"] == URN_TAG)
        seen[urn] += 1
        if urn not in known:
            yield f"{arn}, which bears {urn}"
        elif seen[urn] > 1:
            yield f"{arn}, the {seen[urn]}nd that bears {urn}"
        elif known[urn] not in arn and arn.rpartition("/")[2] not in known[urn]:
            yield f"{arn}, while {urn} is {known[urn]}"


def in_cluster(resources: Resources, kubectl: Callable[..., str]) -> Iterator[str]:
    """By what the API server recorded as applied by us, and by Helm's own marks."""
    known = {_identity(entry["outputs"]) for entry in resources if entry["type"].startswith("kubernetes:")}
    releases = _ids(resources, RELEASE)
    names = kubectl("api-resources", "--verbs=list", "--output=name").split()
    wanted = [name for name in names if not name.startswith("events")]
    listed = json.loads(
        kubectl("get", ",".join(wanted), "--all-namespaces", "--show-managed-fields", "--output=json")
    )
    for item in listed["items"]:
        about = item["metadata"]
        if any(
            entry["manager"] == FIELD_MANAGER and entry["operation"] == "Apply"
            for entry in about.get("managedFields") or ()
        ):
            if _identity(item) not in known:
                yield " ".join(_identity(item))
            continue
        marks = about.get("annotations") or {}
        if RELEASE_NAME in marks:
            release = f"{marks.get(RELEASE_NAMESPACE)}/{marks[RELEASE_NAME]}"
            if release not in releases:
                yield f"{' '.join(_identity(item))} of the unknown release {release}"


def _identity(thing: Mapping[str, Any]) -> tuple[str, str, str]:
    about = thing.get("metadata") or {}
    return str(thing.get("kind")), str(about.get("namespace") or ""), str(about.get("name"))
