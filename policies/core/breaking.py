"""Ways to break one property of a resource, derived from the properties that are present.

Nothing here looks at a rule: a property is taken to be about security by its name or its value alone, so that
the mutants measure the rules and not the other way round.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policies.core.resources import Resource

Path = tuple[str | int, ...]
REMOVED: Final = object()
"""In place of a value: the key is taken away."""

SAFE_WHEN_TRUE: Final = re.compile(
    r"encrypt|kms|protect|log|rotat|tls|ssl|auth|nonroot|readonlyroot|restrict|block|ignore|enabled|scan|valid|multi"
    r"|manage|dns|key|global|useronly|private|internal",
    re.IGNORECASE,
)
UNSAFE_WHEN_TRUE: Final = re.compile(
    r"public(?!acl|polic)|force|skip(?!destroy)|bypass|privileg|^host|unauthenticated|automount|optional|escalation"
    r"|forcedestroy|endpointpublic|mappublic",
    re.IGNORECASE,
)
KEY_NAME: Final = re.compile(r"^(kms|key)|kms\w*(id|arn)$|keyarn$|keyid$", re.IGNORECASE)
NO_KEY: Final = frozenset({"key", "keyId", "keyUsage", "keySpec", "keys"})
DURATION: Final = re.compile(r"retention|days|window|deleteafter|period|expir", re.IGNORECASE)
SHORTER_IS_SAFER: Final = re.compile(r"automaticallyAfterDays", re.IGNORECASE)
NO_DURATION: Final = frozenset(
    {
        "changeableForDays",
        "completionWindow",
        "daysAfterInitiation",
        "expirationSeconds",
        "messageRetentionSeconds",
        "periodSeconds",
        "rotationPeriodInDays",
        "stabilizationWindowSeconds",
        "startWindow",
        "terminationGracePeriodSeconds",
        "validationWindowHours",
    }
)
"""Durations whose shortening leaves nothing unguarded."""
OWNERSHIP_TAG: Final = re.compile(r"owner|class|cost|environment", re.IGNORECASE)
"""Tags that say who answers for a resource and what is in it; all others only describe."""
SUBSTITUTES: Final[Mapping[str, str]] = {
    "Enabled": "Disabled",
    "aws:kms": "AES256",
    "PAY_PER_REQUEST": "PROVISIONED",
    "BucketOwnerEnforced": "ObjectWriter",
    "COMPLIANCE": "GOVERNANCE",
    "IMMUTABLE": "MUTABLE",
    "ENFORCED": "OFF",
    "SecureString": "String",
    "HTTPS": "HTTP",
    "RuntimeDefault": "Unconfined",
    "restricted": "privileged",
    "required": "optional",
    "API": "CONFIG_MAP",
    "KMS": "AES256",
    "1.2": "1.0",
    "1.3": "1.0",
    "ClusterIP": "LoadBalancer",
    "Exact": "PathPrefix",
    "Notation-OCI-SHA384-ECDSA": "AWSLambda-SHA384-ECDSA",
}
"""Values that stand for something safe, and their unsafe neighbours."""
FLAGS: Final[Mapping[str, str]] = {"true": "false", "false": "true"}
"""Flags that a provider takes as texts."""
REMOVABLE: Final = frozenset(
    {
        "livenessProbe",
        "readinessProbe",
        "securityContext",
        "seccompProfile",
        "capabilities",
        "limits",
        "requests",
        "memory",
        "cpu",
        "topologySpreadConstraints",
        "envoyPDB",
        "policyTypes",
        "redrivePolicy",
        "restoreMetadataOverrides",
        "enabledClusterLogTypes",
        "encryptionConfig",
        "copyActions",
        "schedule",
        "eventSelectors",
        "advancedEventSelectors",
        "cloudWatchLogsGroupArn",
        "description",
        "resources",
        "jwt",
        "rateLimit",
        "abortIncompleteMultipartUpload",
        "noncurrentVersionExpiration",
        "launchTemplate",
        "from",
        "defaultRetention",
    }
)
"""Blocks whose absence leaves something unguarded."""
GUARDS: Final = re.compile(
    r"(Block|Policy|Versioning|Configuration|Logging|Lock|Controls|FlowLog|DefaultSecurityGroup|Endpoint|Rotation"
    r"|Selection|Trail|Plan|Association|DisruptionBudget|ReplicationConfig|SigningProfile)$"
)
"""Types whose resources guard another resource."""
NO_GUARDS: Final = (
    "aws:iam/",
    "aws:scheduler/",
    "aws:appautoscaling/",
    "aws:ecr/repositoryPolicy",
    "aws:secretsmanager/secretPolicy",
    "aws:eks/accessPolicyAssociation",
)
"""Types that grant something, so that their absence makes nothing worse."""
SCHEMAS: Final = ("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",)
"""Types that describe other types and configure nothing."""
SECURITY: Final = "securityContext"
CHART: Final = "kubernetes:helm.sh/v3:Release"
SKIPPED: Final = frozenset({"tagsAll", "status.conditions", "managedFields", "annotations", "__fieldManager"})
IMAGE_DIGEST: Final = re.compile(r"@sha256:[0-9a-f]{64}$")


def breaks(resource: Resource) -> Iterator[tuple[Path, object, str]]:
    """Every way to break one property: where, the new value, and what was done in words."""
    if resource.type in SCHEMAS:
        return
    for path, value in _walk((), resource.props):
        if resource.type == CHART and path[0] == "values":
            continue  # what the chart renders with them is among the resources
        key = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
        for broken, words in _broken(path, key, value, resource):
            if broken != value:
                yield path, broken, words


def _walk(path: Path, value: object) -> Iterator[tuple[Path, object]]:
    if path:
        yield path, value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(key, str) and key not in SKIPPED and (path or key != "status"):
                yield from _walk((*path, key), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk((*path, index), inner)


def _broken(path: Path, key: str, value: object, resource: Resource) -> Iterator[tuple[object, str]]:
    if isinstance(value, bool):
        pattern = UNSAFE_WHEN_TRUE if not value else SAFE_WHEN_TRUE
        if pattern.search(key) and not (value and UNSAFE_WHEN_TRUE.search(key)):
            yield not value, f"flipped to {str(not value).lower()}"
    elif isinstance(value, int | float):
        yield from _broken_number(key, value)
    elif isinstance(value, str):
        yield from _broken_text(path, key, value, resource)
    elif key in REMOVABLE and value and isinstance(path[-1], str) and not _is_right(resource, key):
        yield REMOVED, "removed"
    yield from _broken_whole(path, key, value)


def _broken_whole(path: Path, key: str, value: object) -> Iterator[tuple[object, str]]:
    """Breaks of lists and objects as wholes."""
    if isinstance(value, list) and key == "drop":
        yield [], "emptied"
    if isinstance(value, list) and key in {"cidrBlocks", "ipv6CidrBlocks"}:
        yield ["0.0.0.0/0"], "opened to everybody"
    if key == "volumes" and isinstance(path[-1], int) and isinstance(value, Mapping):
        yield {"name": value.get("name"), "hostPath": {"path": "/"}}, "made a path of the node"
    if key == "containers" and isinstance(path[-1], int) and isinstance(value, Mapping):
        security = value.get("securityContext")
        held = security if isinstance(security, Mapping) else {}
        yield {**value, "securityContext": {**held, "privileged": True}}, "made privileged"
        yield {**value, "securityContext": {**held, "runAsUser": 0}}, "run as root"
        yield (
            {**value, "env": [*(value.get("env") or []), {"name": "DB_PASSWORD", "value": "s3cret-Word"}]},
            "given a secret",
        )
    if isinstance(value, Mapping) and isinstance(value.get("containers"), list):
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            yield {**value, name: True}, f"given {name}"


def _is_right(resource: Resource, key: str) -> bool:
    """Whether a property grants or only describes here, so that its absence makes nothing worse."""
    if key == "description":
        return "ecurityGroup" not in resource.type
    if key == "from":
        return not resource.type.endswith("NetworkPolicy")
    return key == "resources" and resource.type.endswith("Role")


def _broken_number(key: str, value: float) -> Iterator[tuple[object, str]]:
    if SHORTER_IS_SAFER.search(key):
        yield 3650, "stretched to 3650"
    elif DURATION.search(key) and key not in NO_DURATION and value > 1:
        yield 1, "shortened to 1"
    if key == "changeableForDays":
        yield REMOVED, "removed"
    if key == "runAsUser":
        yield 0, "set to root"
    if key == "httpPutResponseHopLimit":
        yield 5, "raised to 5"


def _broken_text(path: Path, key: str, value: str, resource: Resource) -> Iterator[tuple[object, str]]:
    parent = str(path[-2]) if len(path) > 1 else ""
    if parent == "tags":
        if OWNERSHIP_TAG.search(key):
            yield REMOVED, "tag removed"
        return
    if KEY_NAME.search(key) and key not in NO_KEY and "Public" not in key:
        yield REMOVED, "key removed"
    yield from _broken_word(key, value)
    if key == "trafficType" and value == "ALL":
        yield "REJECT", "changed to REJECT"
    if key == "image" and IMAGE_DIGEST.search(value):
        yield IMAGE_DIGEST.sub(":latest", value), "changed to latest"
        yield IMAGE_DIGEST.sub(":1.0", value), "digest replaced by a tag"
    if key in REMOVABLE and isinstance(path[-1], str) and not _is_right(resource, key):
        yield REMOVED, "removed"
    if key in {"cidrIpv4", "cidrIpv6"}:
        yield "0.0.0.0/0", "opened to everybody"
    if '"Statement"' in value:
        yield from _broken_documents(value, is_identity=resource.type.startswith("aws:iam/"))


def _broken_word(key: str, value: str) -> Iterator[tuple[object, str]]:
    """Words that stand for something safe: flags among them, where the provider takes those as texts."""
    if value in FLAGS and (SAFE_WHEN_TRUE if value == "true" else UNSAFE_WHEN_TRUE).search(key):
        yield FLAGS[value], f"flipped to {FLAGS[value]}"
    if value in SUBSTITUTES and (value != "restricted" or key.endswith("/enforce")):
        yield SUBSTITUTES[value], f"changed from {value} to {SUBSTITUTES[value]}"


def _broken_documents(text: str, *, is_identity: bool) -> Iterator[tuple[object, str]]:
    try:
        document = json.loads(text)
        held = document["Statement"]
    except (ValueError, KeyError, TypeError):
        return
    statements = held if isinstance(held, list) else [held]
    for index, statement in enumerate(statements):
        if not isinstance(statement, dict):
            continue
        for changed, words in _broken_statements(statement):
            others = [*statements[:index], *([changed] if changed else []), *statements[index + 1 :]]
            broken = json.dumps({**document, "Statement": others}) if others else REMOVED
            yield broken, f"statement {statement.get('Sid') or index}: {words}"
    if not is_identity:
        public = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
        yield json.dumps({**document, "Statement": [*statements, public]}), "everything allowed to everybody"


def _broken_statements(statement: dict[str, object]) -> Iterator[tuple[dict[str, object] | None, str]]:
    if statement.get("Effect") != "Allow":
        yield None, "denial removed"
        if "Condition" in statement:
            yield (
                {**statement, "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
                "condition turned round",
            )
        return
    if "Principal" in statement:
        yield {**statement, "Principal": "*"}, "principal made everybody"
    if statement.get("Condition"):
        yield {key: value for key, value in statement.items() if key != "Condition"}, "condition removed"
    actions = statement.get("Action")
    first = actions[0] if isinstance(actions, list) and actions else actions
    if isinstance(first, str) and "Principal" not in statement:
        yield {**statement, "Action": "*"}, "action made *"
        yield (
            {**statement, "Action": f"{first.partition(':')[0]}:*"},
            f"action made {first.partition(':')[0]}:*",
        )
    if statement.get("Resource") not in (None, [], "*", ["*"]) and "Principal" not in statement:
        yield {**statement, "Resource": "*"}, "resource made *"


def replaced(value: object, path: Path, new: object) -> object:
    """A copy of a value with one part of it replaced, or taken away."""
    head, rest = path[0], path[1:]
    if isinstance(value, Mapping):
        if not rest and new is REMOVED:
            return {key: inner for key, inner in value.items() if key != head}
        return {**value, head: new if not rest else replaced(value[str(head)], rest, new)}
    if isinstance(value, list) and isinstance(head, int):
        changed = new if not rest else replaced(value[head], rest, new)
        kept = [] if changed is REMOVED else [changed]
        return [*value[:head], *kept, *value[head + 1 :]]
    raise TypeError(f"no part {head!r} in a {type(value).__name__}")


def in_every_security_context(value: object, path: Path, new: object) -> object:
    """A copy in which a change inside of one `securityContext` is made in all of them.

    What a pod and its containers both say, one of them may stop saying; this asks whether a rule notices when
    nobody says it any more.
    """
    inner = path[path.index(SECURITY) + 1 :]
    return _everywhere(value, inner, new)


def _everywhere(value: object, inner: Path, new: object) -> object:
    if isinstance(value, list):
        return [_everywhere(held, inner, new) for held in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: _changed(held, inner, new) if key == SECURITY else _everywhere(held, inner, new)
        for key, held in value.items()
    }


def _changed(context: object, inner: Path, new: object) -> object:
    if not inner:
        return {} if new is REMOVED else new
    held: object = context
    for key in inner[:-1]:
        held = held.get(key) if isinstance(held, Mapping) else None
    if not isinstance(held, Mapping) or inner[-1] not in held:
        return context
    return replaced(context, inner, new)
