"""Secrets: our key, rotated, and never in plain text where anybody may look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policies.core.build import OWN_KEY, attached_rule, property_rule, resource_rule
from policies.core.documents import shown, statements
from policies.core.pods import POD_LIKE, pod_of
from policies.core.rules import Context, Problem, Rule, Setting, Severity, Topic
from policies.core.values import UNKNOWN, UndecidedError, View, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.core.resources import Resource

SECRET: Final = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type, no secret
SECRET_POLICY: Final = "aws:secretsmanager/secretPolicy:SecretPolicy"  # noqa: S105 - a type, no secret
ROTATION: Final = "aws:secretsmanager/secretRotation:SecretRotation"
PARAMETER: Final = "aws:ssm/parameter:Parameter"
CONFIG_MAP: Final = "kubernetes:core/v1:ConfigMap"
SECRET_NAME: Final = re.compile(
    r"(pass(word|wd|phrase)?|secret|token|credential|api_?key|private_?key|access_?key|client_?key|signing_?key)s?$",
    re.IGNORECASE,
)
"""Names that say that their value is a secret."""
SECRET_VALUE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30}"
    r"|\bxox[abprs]-[0-9A-Za-z-]{10}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.|\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]{3,}@"
)
"""Values that are secrets, whatever they are called: keys, tokens, addresses with a password."""
REFERENCE: Final = re.compile(r"(_file|_path|_arn|_name|_id|_url|_uri|_ref)s?$", re.IGNORECASE)
"""Names that say where a secret is, not what it is."""


def looks_secret(name: str, value: str) -> bool:
    """Whether a name and its value tell that the value is a secret in plain text."""
    if SECRET_VALUE.search(value):
        return True
    plain_name = name.replace("-", "_").replace(".", "_")
    named = SECRET_NAME.search(plain_name) and not REFERENCE.search(plain_name)
    return bool(named) and bool(value) and not value.startswith(("/", "arn:", "$("))


def _no_plain_environment(workload: Resource, _context: Context) -> Iterator[Problem]:
    unreadable: UndecidedError | None = None
    for container in pod_of(workload).containers:
        for variable in container.at("env").items():
            name, value = variable.at("name").text() or "", variable.at("value")
            if value.value is UNKNOWN:
                if SECRET_NAME.search(name.replace("-", "_")):
                    unreadable = unreadable or UndecidedError(value.path)
            elif looks_secret(name, value.text() or ""):
                yield Problem(value.path, f"a value for {name}")
        for key in ("command", "args"):
            for argument in container.at(key).items():
                if argument.value is not UNKNOWN and SECRET_VALUE.search(argument.text() or ""):
                    yield Problem(argument.path, "a secret among the arguments")
    if unreadable is not None:
        raise unreadable


def _no_plain_config(config: Resource, _context: Context) -> Iterator[Problem]:
    for key in ("data", "binaryData"):
        for name, value in config.at(key).entries():
            if value.value is UNKNOWN:
                if SECRET_NAME.search(name.replace("-", "_").replace(".", "_")):
                    raise UndecidedError(value.path)
            elif looks_secret(name, value.text() or "") or _has_secret_line(value):
                yield Problem(value.path, f"a secret under {name}")


def _has_secret_line(value: View) -> bool:
    for line in (value.text() or "").splitlines():
        name, separator, held = line.partition("=")
        if separator and looks_secret(name.strip(), held.strip().strip("\"'")):
            return True
    return False


def _parameter(parameter: Resource, context: Context) -> Iterator[Problem]:
    if parameter.at("type").text() == "SecureString":
        if not OWN_KEY.holds(parameter.at("keyId"), context):
            yield Problem("keyId", show(parameter.at("keyId").value), "Name a key of ours.")
        return
    name = (parameter.at("name").text() or parameter.name).rpartition("/")[2]
    if SECRET_NAME.search(name.replace("-", "_")) and not REFERENCE.search(name.replace("-", "_")):
        yield Problem("type", f"{show(parameter.at('type').value)} for {name}")
    values = [parameter.at(key) for key in ("value", "insecureValue") if parameter.at(key).present()]
    for view in values:
        if view.value is not UNKNOWN and SECRET_VALUE.search(view.text() or ""):
            yield Problem(view.path, f"a secret in a parameter of type {show(parameter.at('type').value)}")


def _not_public(policy: Resource, _context: Context) -> Iterator[Problem]:
    for statement in statements(policy.at("policy")):
        if statement.allows and statement.public and not statement.narrowed:
            yield Problem(statement.path, shown(statement))


def _often_enough(_secret: Resource, rotation: Resource, context: Context) -> Iterator[Problem]:
    days = rotation.at("rotationRules", "automaticallyAfterDays")
    number = days.number()
    scheduled = bool(rotation.at("rotationRules", "scheduleExpression").text())
    if not scheduled and (number is None or not 0 < number <= context.number("maximum_days")):
        yield Problem(
            days.path, show(days.value), "Rotate at least as often as the setting `maximum_days` says."
        )


NONE_DECLARED: Final = (
    "no stack declares a secret: workloads have roles, and AWS keeps the database's password"
)

RULES: Final[tuple[Rule, ...]] = (
    property_rule(
        "secrets-own-key",
        (SECRET,),
        ("kmsKeyId",),
        OWN_KEY,
        title="Secrets are encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.MEDIUM,
        public_ids=("CKV_AWS_149",),
        remediation="Set kmsKeyId to a key of ours.",
        dormant=NONE_DECLARED,
    ),
    attached_rule(
        "secrets-rotation",
        (SECRET,),
        ROTATION,
        "secretId",
        _often_enough,
        title="Secrets are rotated automatically",
        topic=Topic.AUTHENTICATION,
        severity=Severity.MEDIUM,
        public_ids=("SecretsManager.1", "SecretsManager.4", "CKV_AWS_304", "CKV2_AWS_57"),
        remediation="Add a SecretRotation, or let the service that uses the secret manage it.",
        dormant=NONE_DECLARED,
        settings={"maximum_days": Setting(90, "days between two rotations")},
    ),
    resource_rule(
        "secrets-no-public-policy",
        (SECRET, SECRET_POLICY),
        _not_public,
        title="No secret is open to everybody",
        topic=Topic.ACCESS,
        severity=Severity.CRITICAL,
        public_ids=("CKV2_AWS_34",),
        remediation="Name the principals.",
        dormant=NONE_DECLARED,
    ),
    resource_rule(
        "secrets-no-plain-environment",
        POD_LIKE,
        _no_plain_environment,
        title="No secret stands in a container's environment or arguments",
        topic=Topic.AUTHENTICATION,
        severity=Severity.CRITICAL,
        public_ids=("CKV_K8S_35",),
        remediation="Mount the secret as a file, or let the workload fetch it by its identity.",
    ),
    resource_rule(
        "secrets-no-config-map",
        (CONFIG_MAP,),
        _no_plain_config,
        title="No secret stands in a config map",
        topic=Topic.AUTHENTICATION,
        severity=Severity.CRITICAL,
        public_ids=("CIS Kubernetes 5.4.1",),
        remediation="Use a Secret, mounted as a file.",
    ),
    resource_rule(
        "secrets-parameters",
        (PARAMETER,),
        _parameter,
        title="Secret parameters are encrypted with our key",
        topic=Topic.ENCRYPTION,
        severity=Severity.HIGH,
        public_ids=("CKV_AWS_337", "CKV2_AWS_34"),
        remediation="Set type to SecureString and keyId to a key of ours.",
        dormant=NONE_DECLARED,
    ),
)
